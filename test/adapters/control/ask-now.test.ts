import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askNow, linesOf } from '../../../src/adapters/control/ask-now.ts';

let folder: string;
let child: ChildProcess | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'azora-ask-'));
});
afterEach(async () => {
  if (child?.exitCode === null) {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  child = null;
  rmSync(folder, { recursive: true });
});

/** A server in another process, as this one is going to wait without an event loop. `answer`: what it does with a socket and its first line. */
async function serve(answer: string): Promise<string> {
  const path = join(folder, 's.sock');
  const script = `require('node:net').createServer((socket) => socket.once('data', (data) => { const line = String(data); ${answer} }))
    .listen(${JSON.stringify(path)}, () => console.log('listens'))`;
  child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
  return path;
}

describe.runIf(process.platform === 'linux')('a question that is waited for', () => {
  test('is answered line by line, until the other side ends', async () => {
    const path = await serve("socket.write('one\\ntw'); setTimeout(() => socket.end(`o ${line.trim()}\\nhalf`), 50)");
    const fd = askNow(path, 'hello\n', 5000)!;
    expect([...linesOf(fd)]).toEqual(['one', 'two hello']);
    closeSync(fd);
  });

  test('without an answer in time ends with the system’s word for it', async () => {
    const path = await serve("socket.write('one\\n')");
    const fd = askNow(path, 'hello\n', 200)!;
    const lines = linesOf(fd);
    expect(lines.next().value).toBe('one');
    expect(() => lines.next()).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
    closeSync(fd);
  });

  test('that nobody lives to read has no answer', async () => {
    const path = await serve('');
    child!.kill('SIGSTOP'); // the connection waits to be accepted
    const fd = askNow(path, 'hello\n', 5000)!;
    child!.kill('SIGKILL');
    expect([...linesOf(fd)]).toEqual([]);
    closeSync(fd);
  });

  test('is not asked where nobody listens, or the path is longer than the system knows', () => {
    expect(askNow(join(folder, 'nobody.sock'), 'hello\n', 1000)).toBeNull();
    expect(askNow(join(folder, 'x'.repeat(108)), 'hello\n', 1000)).toBeNull();
  });
});

test('lines of any length are whole, whatever is read at once', () => {
  const wanted = ['', 'short', 'é'.repeat(100_000), '€'.repeat(65_535), 'last'];
  const path = join(folder, 'lines');
  writeFileSync(path, `${wanted.join('\n')}\n`);
  const fd = openSync(path, 'r');
  expect([...linesOf(fd)]).toEqual(wanted);
  closeSync(fd);
});
