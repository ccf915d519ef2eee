import { createServer, type Server, type Socket } from 'node:net';
import type { ProbeTarget } from '../../../src/adapters/probes/index.ts';
import type { Expectation } from '../../../src/core/config/model.ts';

export const EXPECT: Expectation = { status: null, json: {}, body: null, exitCode: 0 };

export const TARGET: ProbeTarget = { endpoint: null, cwd: '/', env: { PATH: process.env.PATH ?? '/usr/bin:/bin' } };

export function at(port: number, host = '127.0.0.1'): ProbeTarget {
  return { ...TARGET, endpoint: { host, port } };
}

/** A server of raw sockets, on a free port; disposing of it cuts every connection. */
export interface RawServer extends AsyncDisposable {
  readonly port: number;
  readonly server: Server;
  /** Connections so far, open ones included. */
  readonly sockets: readonly Socket[];
}

export async function rawServer(onConnection: (socket: Socket) => void, host = '127.0.0.1'): Promise<RawServer> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {}); // the probes under test break connections off
    onConnection(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    server,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers every request with these bytes, as they are, once its head has come. */
export function answering(...parts: readonly (string | Buffer)[]): (socket: Socket) => void {
  return (socket) => {
    let head = '';
    socket.on('data', (chunk) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      head = '';
      for (const part of parts) socket.write(part);
      socket.end();
    });
  };
}

export function httpAnswer(status: number, body: string, headers: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries({ 'content-length': String(Buffer.byteLength(body)), ...headers });
  return `HTTP/1.1 ${status} Word\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`;
}

/** A port on which nothing listens. */
export async function freePort(): Promise<number> {
  await using server = await rawServer(() => {});
  return server.port;
}
