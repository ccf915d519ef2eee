import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ControlMethods } from '../../src/adapters/control/protocol.ts';
import { CONTROL_PROTOCOL } from '../../src/adapters/control/protocol.ts';
import { createStateFolder, type StateFolder, stateFolder } from '../../src/adapters/state-folder.ts';
import type { Connection } from '../../src/cli/connection.ts';
import { answered, greetNow } from '../../src/cli/direct-connection.ts';

type Asked = ControlMethods['up']['params'];

let home: string;
let folder: StateFolder;
let child: ChildProcess | null = null;
let open: number;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'azora-direct-'));
  folder = stateFolder(home);
  createStateFolder(folder);
});
afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null) {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  rmSync(home, { recursive: true });
});

/** A supervisor that is none, in another process, as this one waits without an event loop. `answer`: what it does with a question. */
async function serve(answer: string, protocol = CONTROL_PROTOCOL): Promise<void> {
  const script = `
    require('node:net').createServer((socket) => {
      let text = '';
      const say = (frame) => socket.write(JSON.stringify(frame) + '\\n');
      socket.on('error', () => {}).on('data', (data) => {
        text += data;
        for (let end = text.indexOf('\\n'); end !== -1; end = text.indexOf('\\n')) {
          const { id, method, params } = JSON.parse(text.slice(0, end));
          text = text.slice(end + 1);
          const hello = { protocol: ${protocol}, version: '9.9.9', pid: 5, bootId: null };
          if (method === 'hello') say({ id, result: hello }); else { ${answer} }
        }
      });
    }).listen(${JSON.stringify(folder.supervisorSocket)}, () => console.log('listens'))`;
  child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
  open = descriptors();
}

/** Nothing is open that was not before; the other side's own pipe may be closed. */
const expectClosed = (): void => expect(descriptors()).toBeLessThanOrEqual(open);

const descriptors = (): number => readdirSync('/proc/self/fd').length;

const connect = (asksStatus = false): Connection | null =>
  answered(folder, '1.0.0', greetNow(folder, '1.0.0', asksStatus)!);

describe.runIf(process.platform === 'linux')('a conversation that begins without an event loop', () => {
  test('goes on as every other: questions of any length, events, an end', async () => {
    await serve(
      "say({ id, result: [method, JSON.stringify(params).length] }); say({ notice: 'event', params: { id } })",
    );
    const connection = connect()!;
    expect(connection.hello).toMatchObject({ version: '9.9.9', pid: 5 });
    const heard: unknown[] = [];
    connection.onEvent((event) => heard.push(event));
    const long = { text: 'x'.repeat(3_000_000) };
    expect(await connection.request('up', long as unknown as Asked)).toEqual(['up', JSON.stringify(long).length]);
    expect(await connection.request('status', null)).toEqual(['status', 4]);
    expect(heard).toEqual([{ id: 2 }]);
    connection.close();
    await connection.closed;
    expectClosed();
  });

  test('says when the other side ends instead of answering', async () => {
    await serve('process.exit()');
    const connection = connect()!;
    await expect(connection.request('up', {} as Asked)).rejects.toThrow(/the connection ended before .* was answered/);
    await connection.closed;
    await expect(connection.request('up', {} as Asked)).rejects.toMatchObject({ failure: { kind: 'unreachable' } });
    connection.close();
    expectClosed();
  });

  test('says when the other side has ended before it was asked', async () => {
    await serve('');
    const connection = connect()!;
    child!.kill('SIGKILL');
    await once(child!, 'exit');
    await expect(connection.request('up', {} as Asked)).rejects.toMatchObject({ failure: { kind: 'unreachable' } });
    await connection.closed;
    expectClosed();
  });

  test('ends without a question', async () => {
    await serve('');
    const connection = connect()!;
    connection.close();
    connection.close();
    await connection.closed;
    expectClosed();
    await expect(connection.request('up', {} as Asked)).rejects.toMatchObject({ failure: { kind: 'unreachable' } });
  });

  test('is refused with another protocol', async () => {
    await serve('', 99);
    expect(() => connect()).toThrow(/speaks protocol 99/);
    expectClosed();
  });

  test('is none with one that ends before it has said hello', async () => {
    await serve('');
    child!.kill('SIGSTOP');
    const greeting = greetNow(folder, '1.0.0', false)!; // waits to be accepted
    child!.kill('SIGKILL');
    await once(child!, 'exit');
    expect(answered(folder, '1.0.0', greeting)).toBeNull();
    expectClosed();
  });

  test('that asks for the status has its answer, and takes no other question', async () => {
    await serve("say({ id, result: 'fine' })");
    const connection = connect(true)!;
    await expect(connection.request('up', {} as Asked)).rejects.toThrow('has to be asked by another connection');
    expect(await connection.request('status', null)).toBe('fine');
    connection.close();
    expectClosed();
  });

  test('is not begun where nobody listens', () => {
    expect(greetNow(folder, '1.0.0', false)).toBeNull();
  });
});
