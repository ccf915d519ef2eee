// A name server that hears every question and never answers. Says so when it listens.
import { createSocket } from 'node:dgram';

createSocket('udp4').bind(53, '127.0.0.1', () => console.log('deaf'));
