import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadLibc } from '../../src/adapters/libc.ts';
import { lockHolder, takeLock } from '../../src/adapters/lock.ts';
import { puppet } from './rig.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'azora-keeper-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.each([
  ['flock', loadLibc()],
  ['sqlite', null],
])('%s', (kind, libc) => {
  test('is held once, says by whom, and can be taken again when let go', () => {
    const path = join(folder, 'lock');
    expect(lockHolder(path)).toBe(null);
    const lock = takeLock(path, libc)!;
    expect(lockHolder(path)).toBe(process.pid);
    expect(takeLock(path, libc)).toBe(null);
    lock.release();
    const again = takeLock(path, libc);
    expect(again).not.toBe(null);
    again!.release();
  });

  test('is let go of when its holder is killed, and a child of the holder does not keep it', async () => {
    const path = join(folder, 'lock');
    const holder = spawn(process.execPath, ['--expose-gc', puppet('holds-a-lock.ts'), path, kind], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const gone = once(holder, 'exit');
    try {
      const [said] = await once(holder.stdout, 'data');
      const child = Number(String(said));
      expect(takeLock(path, libc)).toBe(null);
      expect(lockHolder(path)).toBe(holder.pid);
      holder.kill('SIGKILL');
      await gone;
      const lock = takeLock(path, libc);
      process.kill(child, 'SIGKILL'); // it lived until now: a signal to the dead would throw
      expect(lock).not.toBe(null);
      lock!.release();
    } finally {
      holder.kill('SIGKILL');
    }
  });

  test('throws where no file can be', () => {
    expect(() => takeLock(join(folder, 'no', 'such', 'folder'), libc)).toThrow();
  });
});
