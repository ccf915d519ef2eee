import { Client, connectEvents, dataFolder, serve } from '../kit/index.ts';
import { userService } from './organ.ts';

const client = new Client();
await serve(
  userService({ folder: dataFolder('user-service'), client, bus: connectEvents({ source: 'user-service' }) }),
);
