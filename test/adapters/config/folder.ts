import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type LoadOptions, type LoadResult, loadConfig } from '../../../src/adapters/config/load.ts';
import type { SystemConfig } from '../../../src/core/config/model.ts';

/** A folder with these files, gone after the test. */
export function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'azora-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

/** Loads a file (or several, of which azora.yaml is the main one), in an empty environment unless one is given. */
export function load(
  files: string | Readonly<Record<string, string>>,
  options: Partial<LoadOptions> = {},
): Promise<LoadResult> {
  const cwd = folderOf(typeof files === 'string' ? { 'azora.yaml': files } : files);
  return loadConfig({ cwd, env: {}, ...options });
}

/** What a valid file means. */
export async function resolved(
  files: string | Readonly<Record<string, string>>,
  options: Partial<LoadOptions> = {},
): Promise<SystemConfig> {
  const result = await load(files, options);
  if (!result.ok) throw new Error(`not valid: ${JSON.stringify(result.problems, null, 2)}`);
  return result.config;
}

/** What is wrong with a file: `line:column message`, one for each problem. */
export async function problems(
  files: string | Readonly<Record<string, string>>,
  options: Partial<LoadOptions> = {},
): Promise<string[]> {
  const result = await load(files, options);
  if (result.ok) throw new Error('the file is valid');
  return result.problems.map(({ line, column, message }) => (line === null ? message : `${line}:${column} ${message}`));
}

/** What a valid file is warned of. */
export async function warnings(
  files: string | Readonly<Record<string, string>>,
  options: Partial<LoadOptions> = {},
): Promise<readonly string[]> {
  const result = await load(files, options);
  if (!result.ok) throw new Error(`not valid: ${JSON.stringify(result.problems, null, 2)}`);
  return result.warnings;
}
