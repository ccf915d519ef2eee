import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

export const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string };

/** The commit that is built, with a `+` when the sources differ from it; `unknown` outside of a repository. */
export function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const changed = git('status', '--porcelain', '--', 'src', 'package.json', 'package-lock.json') !== '';
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed ? '+' : ''}`;
  } catch {
    return 'unknown'; // an archive of the sources, or no git on this machine
  }
}

/** Changes whenever what checks a configuration may have: the core, or the library below it. */
export function schemaId(): string {
  const hash = createHash('sha256');
  const core = join(root, 'src/core');
  const files = readdirSync(core, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  for (const name of files.toSorted()) hash.update(readFileSync(join(core, name)));
  hash.update(readFileSync(join(root, 'node_modules/zod/package.json')));
  return hash.digest('hex').slice(0, 16);
}
