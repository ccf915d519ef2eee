/**
 * Writes what V8 makes of every `<folder>/code/<name>` to `<folder>/cache/<name>`. To be run by the Node that will read it, as
 * `node --hash-seed=1 --random-seed=1 scripts/code-cache.ts <folder>`: with seeds of its own choice V8 writes other bytes each time.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

const folder = process.argv[2]!;
const files = readdirSync(join(folder, 'code'), { recursive: true, withFileTypes: true }).filter((entry) =>
  entry.isFile(),
);
for (const { parentPath, name } of files) {
  const source = join(parentPath, name);
  const target = source.replace(join(folder, 'code'), join(folder, 'cache'));
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, compile(readFileSync(source, 'utf8')));
}

/**
 * By itself V8 leaves functions out until they are called: all are compiled here. V8 refuses code that was made under other flags
 * than it runs with, so these are taken back before the result is written.
 */
function compile(source: string): Buffer {
  setFlagsFromString('--no-lazy');
  const script = new Script(source);
  for (const flag of ['--lazy', '--hash-seed=0', '--random-seed=0']) setFlagsFromString(flag);
  return script.createCachedData();
}
