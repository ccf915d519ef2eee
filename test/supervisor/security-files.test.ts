import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../src/adapters/config/load.ts';
import type { SystemConfig } from '../../src/core/config/model.ts';
import { changedFiles, Fingerprints } from '../../src/supervisor/security/fingerprints.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'azora-security-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function configOf(organ: object): Promise<SystemConfig> {
  writeFileSync(join(folder, 'azora.yaml'), JSON.stringify({ organs: { web: organ } }));
  const loaded = await loadConfig({ cwd: folder, env: { PATH: process.env.PATH } });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config;
}

test('an executable and a script that change are found, the one in the first folder of the PATH that has it', async () => {
  for (const name of ['tool', 'main.js']) writeFileSync(join(folder, name), '#!/bin/sh\n');
  chmodSync(join(folder, 'tool'), 0o755);
  const config = await configOf({ command: ['tool', 'main.js', 'not-a-file'], env: { PATH: `/nowhere:${folder}` } });
  const prints = new Fingerprints();
  prints.take(config);
  expect(changedFiles(config, prints)).toEqual([]);
  for (const name of ['tool', 'main.js']) writeFileSync(join(folder, name), '#!/bin/sh\necho changed\n');
  expect(changedFiles(config, prints).map(({ severity, evidence }) => [severity, evidence])).toEqual([
    ['High', expect.stringContaining(`${join(folder, 'tool')}, modified 20`)],
    ['Medium', expect.stringContaining(`${join(folder, 'main.js')}, modified 20`)],
  ]);
});

test.each([
  ['a program’s text among the arguments', { command: ['node', '-e', `console.log("${'x'.repeat(5000)}")`] }],
  ['a folder of the PATH that is no path', { command: 'node', env: { PATH: `/${'x'.repeat(5000)}:/bin` } }],
  ['a command that is nowhere', { command: 'no-such-program' }],
])('%s is nothing to fall over', async (_, organ) => {
  const config = await configOf(organ);
  const prints = new Fingerprints();
  prints.take(config);
  expect(changedFiles(config, prints)).toEqual([]);
});
