import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { azora } from './cli/run.ts';
import { commandLines, refusal } from './documented-commands.ts';

/** Every file of docs/recipes.md is valid as it stands there, and every command exists. */

const page = readFileSync(resolve(import.meta.dirname, '../docs/recipes.md'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'azora-recipes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const recipes = page
  .split(/^## /m)
  .slice(1)
  .map((text, index) => ({
    title: text.split('\n')[0]!,
    folder: join(folder, String(index)),
    files: [...text.matchAll(/^```yaml\n# (\S+)\n([\s\S]*?)^```$/gm)].map(([, path, content]) => ({
      path: path!,
      content: content!,
    })),
    commands: [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, lines]) => commandLines(lines!)),
  }));

test('there are some', () => {
  expect(recipes.length).toBeGreaterThanOrEqual(8);
  expect(recipes.flatMap(({ files }) => files)).toHaveLength(page.split('\n```yaml\n').length - 1);
});

describe.each(recipes)('$title', ({ folder, files, commands }) => {
  test('its files are valid, without a warning', async () => {
    expect(files[0]?.path).toBe('azora.yaml');
    for (const { path, content } of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    for (const { path } of files.filter(({ path }) => !path.includes('override'))) {
      const { code, stderr } = await azora(['config', '--check', '-f', path], { cwd: folder });
      expect({ path, code, stderr: stderr.trim() }).toEqual({ path, code: 0, stderr: '' });
    }
  });

  test.each(commands)('%s', async (line) => {
    expect(await refusal(line)).toBeNull();
  });
});
