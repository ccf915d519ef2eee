import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { linkKeeper } from '../../src/supervisor/keeper-link.ts';

test('who waits for a keeper that may not come any more is told so', async () => {
  const nothing = () => {};
  const listeners = { exited: nothing, signalledReady: nothing, logTrouble: nothing, logRecovered: nothing };
  const path = join(tmpdir(), `azora-${randomUUID()}.sock`);
  let asked = 0;
  const link = linkKeeper(path, '1.0.0', listeners, nothing, () => ++asked < 3);
  await expect(link).rejects.toThrow(`no keeper answers at ${path}`);
  expect(asked).toBe(3);
});
