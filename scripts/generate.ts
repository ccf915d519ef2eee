/**
 * Writes what is generated: azora.schema.json and docs/reference/azora-yaml.md from the schema, docs/reference/commands.md from the
 * commands. With --check it writes nothing and ends with 1 when one of them is not what it would write.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { azoraJsonSchema } from '../src/core/config/json-schema.ts';
import { commandsPage } from './commands-page.ts';
import { referencePage } from './reference-page.ts';

const root = join(import.meta.dirname, '..');
const schema = azoraJsonSchema();
const generated: readonly [path: string, content: string][] = [
  ['azora.schema.json', `${JSON.stringify(schema, null, 2)}\n`],
  ['docs/reference/azora-yaml.md', referencePage(schema)],
  ['docs/reference/commands.md', await commandsPage()],
];

if (process.argv.includes('--check')) {
  const stale = generated.filter(([path, content]) => readOrNothing(path) !== content);
  for (const [path] of stale) console.error(`${path} is stale: run \`npm run generate\` and commit it`);
  if (stale.length > 0) process.exitCode = 1;
} else {
  for (const [path, content] of generated) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

function readOrNothing(path: string): string | null {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch (error) {
    // Never written yet is as stale as it gets.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
