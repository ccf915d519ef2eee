/**
 * Writes what V8 makes of every `<folder>/code/<name>` to `<folder>/cache/<name>`. To be run by the Node that will read it, as
 * `node --hash-seed=1 --random-seed=1 scripts/code-cache.ts <folder> status`: with seeds of its own choice V8 writes other bytes each
 * time. Then the same with `up`, then with `rest`.
 *
 * What `azora status`, `azora down` and `azora up` load holds the functions that they call, which are found by calling them:
 * reading what is not called takes as long as calling the rest. Of all else every function is kept. Each part is a process of its
 * own, because what one has run, and when it collected garbage, shows in what it compiles later; `up` adds nothing to the files that
 * the others load, since what it calls of those depends on which of two comes first.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { rehearsalSupervisor } from './rehearsal.ts';

type Wrapper = (exports: object, require: (id: string) => unknown, module: object, filename: string) => void;

const [folder, part] = process.argv.slice(2) as [string, keyof typeof REHEARSALS];
const names = readdirSync(join(folder, 'code'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => join(parentPath, name).slice(join(folder, 'code/').length));
const source = (name: string): string => readFileSync(join(folder, 'code', name), 'utf8');

const REHEARSALS = { status: [['status'], ['status', '--json'], ['down']], up: [['up', '-d']], rest: [] } as const;

/** Small, and each process calls something else of them. */
const OF_ALL = ['chunks/start.js', 'chunks/common.js'];

const scripts = new Map<string, Script>();
if (part === 'rest') {
  setFlagsFromString('--no-lazy');
  for (const name of names) if (!isDone(name)) scripts.set(name, new Script(source(name)));
} else {
  setFlagsFromString('--no-flush-bytecode');
  for (const command of REHEARSALS[part]) await rehearse(command);
}
// V8 refuses code that was made under other flags than it runs with: these are taken back before the result is written.
for (const flag of ['--flush-bytecode', '--lazy', '--hash-seed=0', '--random-seed=0']) setFlagsFromString(flag);
for (const [name, script] of scripts) {
  if (isDone(name) || (part !== 'rest' && OF_ALL.includes(name))) continue;
  const target = join(folder, 'cache', name);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, script.createCachedData());
}

function isDone(name: string): boolean {
  return existsSync(join(folder, 'cache', name));
}

/** Runs a command as src/binary/main.ts does, before a supervisor that is none. */
async function rehearse(command: readonly string[]): Promise<void> {
  await using supervisor = await (command[0] === 'status' ? besideUs() : rehearsalSupervisor());
  const { argv, exit } = process;
  process.argv = [process.execPath, process.execPath, ...command, '--file', join(supervisor.home, 'azora.yaml')];
  const code = await new Promise((resolve) => {
    process.exit = ((given: number) => resolve(given)) as typeof process.exit;
    load('main.js', new Map());
  });
  Object.assign(process, { argv, exit });
  if (code !== 0) throw new Error(`azora ${command.join(' ')} ended with ${code}`);
}

/** In a process of its own, for a command that waits without an event loop. The others have it in this one, where all has its order. */
async function besideUs(): Promise<AsyncDisposable & { readonly home: string }> {
  const supervisor = spawn(process.execPath, [join(import.meta.dirname, 'rehearsal.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const gone = once(supervisor, 'exit');
  const [home] = await once(supervisor.stdout.setEncoding('utf8'), 'data');
  return {
    home,
    async [Symbol.asyncDispose]() {
      supervisor.stdin.end();
      await gone;
    },
  };
}

function load(name: string, loaded: Map<string, object>): object {
  const known = loaded.get(name);
  if (known) return known;
  const module = { exports: {} };
  loaded.set(name, module.exports);
  if (!scripts.has(name)) scripts.set(name, new Script(source(name), { filename: `azora:${name}` }));
  const run = scripts.get(name)!.runInThisContext() as Wrapper;
  const require = (id: string) =>
    id.startsWith('.') ? load(join(name, '..', id), loaded) : process.getBuiltinModule(id);
  run(module.exports, require, module, process.execPath);
  return module.exports;
}
