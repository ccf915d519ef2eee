import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readBootDocument } from '../../src/supervisor/boot-document.ts';

test('a document of an azora that wrote the whole environment into each organ is read as it was meant', () => {
  const folder = mkdtempSync(join(tmpdir(), 'azora-document-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'boot.json');
  expect(readBootDocument(path)).toBeNull();
  writeFileSync(path, JSON.stringify({ config: { name: 'x', organs: { web: { env: { PATH: '/bin' } } } } }));
  expect(readBootDocument(path)?.config).toEqual({
    name: 'x',
    callerEnv: {},
    organs: { web: { env: { PATH: '/bin' } } },
  });
  writeFileSync(path, '{');
  expect(() => readBootDocument(path)).toThrow('cannot be read');
});
