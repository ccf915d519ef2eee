import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { RECORD_BYTES, writeRecord } from '../../../src/adapters/logs/format.ts';
import { TimeIndex } from '../../../src/adapters/logs/time-index.ts';

test('an index that a new keeper cuts while it is read covers what is left of it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'azora-index-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'web.out.idx');
  const bytes = Buffer.alloc(3 * RECORD_BYTES);
  const times = [1000, 2000, 3000];
  for (const [i, time] of times.entries()) {
    writeRecord(bytes, i * RECORD_BYTES, { offset: i * 100, time, lifeStarts: true, before: null });
  }
  writeFileSync(path, bytes);
  const index = TimeIndex.open(path, 0);
  onTestFinished(() => index.close());
  truncateSync(path, RECORD_BYTES);
  expect(index.count).toBe(3); // as it was when it was looked at
  expect(index.covering(250)).toBe(0);
  expect(index.timeOf(index.covering(250))).toBe(1000);
  expect(index.firstSince(1500)).toBe(1);
  expect(index.record(1).offset).toBe(Number.POSITIVE_INFINITY);
  expect(index.record(2).lifeStarts).toBe(false);
  index.refresh();
  expect(index.count).toBe(1);
  expect(index.lastTime).toBe(1000);
});
