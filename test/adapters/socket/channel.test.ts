import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Channel } from '../../../src/adapters/socket/channel.ts';

type Nothing = Record<never, never>;
type Asked = { readonly echo: { readonly params: unknown; readonly result: unknown } };

let folder: string;
let server: Server;
let heard: unknown[];
/** How conversations ended, in order; null: in order. */
let ends: (Error | null)[];
const clients: Socket[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'azora-channel-'));
  heard = [];
  ends = [];
  const mine = ends;
  server = createServer((socket) => {
    new Channel<Asked, Nothing, { readonly told: unknown }, Nothing>(socket, {
      methods: { echo: (params) => params },
      notices: { told: (params) => void heard.push(params) },
      onClose: (reason) => void mine.push(reason),
    });
  });
  server.listen(join(folder, 'socket'));
  await once(server, 'listening');
});
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  server.close();
  rmSync(folder, { recursive: true });
});

async function dial(): Promise<Socket> {
  const socket = connect(join(folder, 'socket'));
  clients.push(socket);
  socket.on('error', () => {}); // cut off: its `close` is what is waited for
  await once(socket, 'connect');
  return socket;
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())));

const cutOff = (): Error[] => ends.filter((end) => end !== null);

/** Somebody else is served as if nothing had been. */
async function expectService(): Promise<void> {
  const socket = await dial();
  const channel = new Channel<Nothing, Asked, Nothing, Nothing>(socket, { methods: {}, notices: {} });
  expect(await channel.request('echo', { a: 1 })).toEqual({ a: 1 });
  channel.close();
}

describe('a peer that sends nonsense', () => {
  test.each([
    ['no JSON', 'hello\n'],
    ['half a document', '{"id":1,"meth\n'],
    ['null', 'null\n'],
    ['a number', '7\n'],
    ['text', '"notice"\n'],
    ['no UTF-8', Buffer.from([0xff, 0xfe, 0x0a])],
  ])('is cut off: %s', async (_, bytes) => {
    const socket = await dial();
    socket.write(bytes);
    await closed(socket.resume());
    expect(cutOff()).toHaveLength(1);
    await expectService();
  });

  test.each([
    ['a list', '[]\n'],
    ['an answer to nothing', '{"id":77,"result":1}\n{"id":77,"error":null}\n'],
    ['a notice that nobody listens to', '{"notice":"nothing"}\n'],
    [
      'notices that objects have of themselves',
      '{"notice":"__proto__"}\n{"notice":"constructor"}\n{"notice":"toString"}\n',
    ],
    ['a request without a name', '{"id":1,"method":null}\n'],
    ['requests that objects have of themselves', '{"id":1,"method":"__proto__"}\n{"id":2,"method":"valueOf"}\n'],
    ['empty lines', '\n\n\n'],
  ])('goes on to be heard: %s', async (_, bytes) => {
    const socket = await dial();
    socket.write(bytes);
    socket.write('{"notice":"told","params":"all the same"}\n');
    await expect.poll(() => heard).toEqual(['all the same']);
    expect(ends).toEqual([]);
    await expectService();
  });

  test('and goes in the middle of a frame, is no trouble', async () => {
    const socket = await dial();
    socket.end('{"id":1,"method":"ec');
    await expect.poll(() => ends).toEqual([null]);
    await expectService();
  });

  test('without an end to its line, is cut off before it fills memory', async () => {
    const socket = await dial();
    const piece = Buffer.alloc(1024 * 1024, 'x');
    const pour = () => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on('drain', pour);
    pour();
    await closed(socket);
    expect(cutOff().map(({ message }) => message)).toEqual([expect.stringMatching(/a frame of more than \d+ bytes/)]);
    expect(socket.bytesWritten).toBeLessThan(100 * 1024 * 1024);
    await expectService();
  });

  test('and never reads what it is answered, is cut off; others are served meanwhile', async () => {
    const socket = await dial();
    socket.pause();
    const request = `{"id":1,"method":"echo","params":"${'x'.repeat(1024 * 1024)}"}\n`;
    let served = 0;
    for (let n = 0; n < 200 && cutOff().length === 0; n++) {
      if (!socket.write(request))
        await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed(socket)]);
      if (n % 20 === 0) await expectService().then(() => served++);
    }
    await expect
      .poll(() => ends.find((end) => end !== null)?.message)
      .toMatch(/the other side does not read: \d+ bytes/);
    expect(served).toBeGreaterThan(1);
    await expectService();
  });
});

describe('what is said', () => {
  test('of many things in one turn the first goes out before the turn is over', () => {
    const written: string[] = [];
    const pipe = {
      on: () => pipe,
      write: (text: string) => written.push(text),
      writableEnded: false,
      writableLength: 0,
    };
    const channel = new Channel<Nothing, Nothing, Nothing, { readonly told: unknown }>(pipe as unknown as Socket, {
      methods: {},
      notices: {},
    });
    const tell = (count: number): void => {
      for (let i = 0; i < count; i++) channel.notify('told', 'x'.repeat(600));
    };
    tell(1);
    expect(written).toHaveLength(1);
    // Less often the more there is.
    tell(99);
    const early = written.length;
    expect(early).toBeGreaterThan(5);
    expect(early).toBeLessThan(20);
  });

  test('arrives whole and in order, however much it is', async () => {
    const socket = await dial();
    const channel = new Channel<Nothing, Asked, Nothing, { readonly told: unknown }>(socket, {
      methods: {},
      notices: {},
    });
    const sizes = Array.from({ length: 400 }, (_, i) => (i * i * 7) % 3001);
    for (const size of sizes) channel.notify('told', 'x'.repeat(size));
    await channel.request('echo', null);
    for (const size of sizes) channel.notify('told', 'y'.repeat(size));
    await channel.request('echo', null);
    expect(heard).toEqual([...sizes.map((size) => 'x'.repeat(size)), ...sizes.map((size) => 'y'.repeat(size))]);
  });

  test('before there was this channel is answered to it', async () => {
    const socket = await dial();
    socket.write('{"id":1,"method":"echo","params":"early"}\n{"id":2,"method":"echo","params":"earlier"}\n');
    const channel = new Channel<Nothing, Asked, Nothing, Nothing>(socket, { methods: {}, notices: {} }, 2);
    const answer = channel.answerTo('echo');
    expect(await channel.request('echo', 'late')).toBe('late');
    expect(await answer).toBe('earlier');
  });
});
