import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogClock, LogFile } from '../../src/keeper/log-file.ts';
import { SecretsInLogs } from '../../src/supervisor/security/secrets-in-logs.ts';
import { organ, system } from '../core/machine/world.ts';

const SECRET = 'hunter2-very-secret';
const config = system([organ('web', { env: { API_TOKEN: SECRET, SHORT_TOKEN: 'abc', COLOUR: 'colourless-green' } })], {
  redact: ['*_TOKEN'],
});
const WRITERS = [{ organ: 'web', instance: 'web' }];
const BOOT = 1_700_000_000_000;

let folder: string;
let log: LogFile;
let watch: SecretsInLogs;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'azora-secrets-'));
  log = logFile();
  watch = new SecretsInLogs(folder);
});
afterEach(() => {
  log.close();
  rmSync(folder, { recursive: true });
});

function logFile(maxSize = 1e6): LogFile {
  const events = { onTrouble: expect.unreachable, onRecovered: () => {}, onRotated: () => {} };
  const limits = { maxSize, maxFiles: 5, compress: 'none', merge: false } as const;
  return new LogFile(join(folder, 'web'), 'web', 'out', limits, new LogClock(), events);
}

const write = (text: string, at = BOOT + 1000): void => log.append(Buffer.from(text), at);
const found = (): string[] => watch.round(config, BOOT, WRITERS).map(({ id }) => id);

test('the value of a secret of its own environment, in whatever was written since the boot', () => {
  expect(found()).toEqual([]);
  write(`connecting with ${SECRET}, abc and colourless-green\n`);
  const [finding, ...more] = watch.round(config, BOOT, WRITERS);
  expect(more).toEqual([]);
  expect(finding).toMatchObject({ id: 'secret-in-log:web:API_TOKEN', severity: 'Medium', organ: 'web' });
  expect(JSON.stringify(finding)).not.toContain(SECRET);
  expect(found(), 'it stays written').toHaveLength(1);
});

test('what an organ wrote while it booted counts, what an earlier boot left does not', () => {
  write(`${SECRET}\n`, BOOT - 1);
  write('calm\n', BOOT);
  expect(found()).toEqual([]);
  write(`${SECRET}\n`, BOOT + 1);
  watch = new SecretsInLogs(folder);
  expect(found()).toHaveLength(1);
});

test('one that was written half before a round and half after it', () => {
  for (const half of [SECRET.slice(0, 7), SECRET.slice(7)]) {
    expect(found()).toEqual([]);
    write(half);
  }
  expect(found()).toEqual(['secret-in-log:web:API_TOKEN']);
});

test('in the file after a rotation', () => {
  log.close();
  log = logFile(100);
  write(`${'x'.repeat(99)}\n`);
  expect(found()).toEqual([]);
  write(`${SECRET}\n`);
  expect(found()).toHaveLength(1);
});

test('a token for the registry', () => {
  write(`my token is azt_${'a1-_'.repeat(8)} and that is that\n`);
  expect(found()).toEqual(['secret-in-log:web:AZORA_TOKEN']);
  write('azt_short\n');
  watch = new SecretsInLogs(folder);
  expect(found()).toHaveLength(1);
});
