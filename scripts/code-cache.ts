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
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import type { InstanceState } from '../src/core/status.ts';
import { aDocument, anInstance, BOOT_ID, FakeSupervisor } from '../test/cli/fake-supervisor.ts';

type Wrapper = (exports: object, require: (id: string) => unknown, module: object, filename: string) => void;

const [folder, part] = process.argv.slice(2) as [string, keyof typeof REHEARSALS];
const names = readdirSync(join(folder, 'code'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => join(parentPath, name).slice(join(folder, 'code/').length));
const source = (name: string): string => readFileSync(join(folder, 'code', name), 'utf8');

/** Some of everything that most files have. */
const FILE = `
version: 1
name: rehearsal
env: { LEVEL: info }
organs:
  base: &base
    command: [node, server.js]
    ports: { http: auto }
    health: { http: /health, interval: 5s }
    restart: { policy: always, delay: 0s }
    labels: { tier: "one" }
  web:
    <<: *base
    command: node web.js --port \${HOME}
    env:
      URL: "http://localhost"   # where it is
    depends_on:
      base: { condition: started }
  job: { kind: task, command: 'true', depends_on: [web] }
`;
const UP = { bootId: BOOT_ID, booted: true, heldDown: [], plan: null, changed: [], since: 0 };

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
  const states: readonly InstanceState[] = ['ready', 'stopped', 'waiting', 'starting', 'backoff', 'failed'];
  const document = aDocument(states.map((state) => anInstance(state, { state, ports: { http: 8080 } })));
  await using supervisor = await FakeSupervisor.start(
    document,
    {
      up: () => {
        for (const { instance } of document.organs) supervisor.tell('organ-ready', instance, { durationMs: 1 });
        supervisor.tell('system-ready', null, { durationMs: 1 });
        return { ...UP, starting: states };
      },
    },
    FILE,
  );
  const { argv, exit } = process;
  process.argv = [process.execPath, process.execPath, ...command, '--file', join(supervisor.home, 'azora.yaml')];
  const code = await new Promise((resolve) => {
    process.exit = ((given: number) => resolve(given)) as typeof process.exit;
    load('main.js', new Map());
  });
  Object.assign(process, { argv, exit });
  if (code !== 0) throw new Error(`azora ${command.join(' ')} ended with ${code}`);
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
