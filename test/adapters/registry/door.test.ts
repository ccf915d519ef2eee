import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { type Door, openDoor } from '../../../src/adapters/registry/door.ts';
import { bindLoopback } from '../../../src/adapters/registry/loopback.ts';

const HOST = '127.0.0.1';
const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

async function door(port: number | 'auto', host = HOST): Promise<Door> {
  const opened = await openDoor({ host, port });
  open.push(opened);
  return opened;
}

const answers = async (host: string, port: number): Promise<string> => {
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect');
    return 'listens';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code!;
  } finally {
    socket.destroy();
  }
};

test('it listens on the loopback address, and on no other', async () => {
  const { port, url } = await door('auto');
  expect(url).toBe(`http://127.0.0.1:${port}`);
  expect(await answers(HOST, port)).toBe('listens');
  const others = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  for (const { address } of others.filter(({ family, internal }) => family === 'IPv4' && !internal)) {
    expect(await answers(address, port)).toBe('ECONNREFUSED');
  }
});

test.runIf(process.platform === 'linux')('without being looked at as text: the socket is bound already', async () => {
  const fd = bindLoopback(0);
  if (typeof fd !== 'number') expect.fail(`no socket: ${fd}`);
  const server = createTcpServer().listen({ fd });
  open.push(server);
  await once(server, 'listening');
  const { address, port } = server.address() as AddressInfo;
  expect([address, await answers(HOST, port)]).toEqual([HOST, 'listens']);
  expect(bindLoopback(port)).toMatchObject({ code: 'EADDRINUSE' });
});

test.each([HOST, 'localhost'])(
  'a port of %s that somebody has is refused, with who has it; auto takes the next',
  async (host) => {
    const { port } = await door('auto', host);
    await expect(openDoor({ host, port })).rejects.toMatchObject({
      failure: { kind: 'boot-failed', message: expect.stringContaining(`the port is in use by pid ${process.pid} (`) },
    });
    expect((await door('auto', host)).port).toBeGreaterThan(port);
  },
);

test('whoever has come before there was a server is answered by it, and the port is free when that is closed', async () => {
  const opened = await openDoor({ host: HOST, port: 'auto' });
  const answer = fetch(opened.url).then((response) => response.text());
  await opened.knock;
  const server = createServer((_, response) => response.end('here'));
  open.push(server);
  await opened.handTo(server);
  expect(await answer).toBe('here');
  expect(await (await fetch(opened.url)).text()).toBe('here');
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  // At once, although connections to it have just ended.
  expect((await door(opened.port)).port).toBe(opened.port);
});
