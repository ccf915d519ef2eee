/**
 * The first stage of the single binary: all that it does is to run the program's files out of itself, each with what V8 made of
 * it when the binary was built. They are CommonJS, and scripts/build-binary.ts puts them in as `program`, and where they are in
 * there as `program.json`.
 */
import type { ProgramIndex } from './index.ts';

startedUnderOtherFlags();

const { getAsset, getRawAsset } = process.getBuiltinModule('node:sea');
const { Script } = process.getBuiltinModule('node:vm');
const { join } = process.getBuiltinModule('node:path').posix;

/** Of Node's lib/internal/test/binding.js. */
interface InternalTestBinding {
  internalBinding(name: 'v8'): { setFlagsFromString(flags: string): void };
}
type Require = (id: string) => unknown;
type Wrapper = (exports: object, require: Require, module: { exports: object }, filename: string) => void;

const loaded = new Map<string, { exports: object }>();
const program = getRawAsset('program') as ArrayBuffer;
const index = JSON.parse(getAsset('program.json', 'latin1')) as ProgramIndex;

function load(name: string): object {
  const known = loaded.get(name);
  if (known) return known.exports;
  const module = { exports: {} };
  loaded.set(name, module);
  const [code, cache] = index[name]!;
  const source = Buffer.from(program, ...code).toString('latin1'); // it is ASCII
  const script = new Script(source, { filename: `azora:${name}`, cachedData: Buffer.from(program, ...cache) });
  const run = script.runInThisContext() as Wrapper;
  const require = (id: string) => (id.startsWith('.') ? load(join(name, '..', id)) : process.getBuiltinModule(id));
  run(module.exports, require, module, process.execPath);
  return module.exports;
}

/**
 * The snapshot has been read without `--rehash-snapshot` (scripts/build-binary.ts); from here on the flags are those that Node's and azora's
 * files were compiled under. `node:v8` can set them too, and takes 4 ms to be loaded.
 */
function startedUnderOtherFlags(): void {
  const internal = process.getBuiltinModule('internal/test/binding') as unknown as InternalTestBinding;
  internal.internalBinding('v8').setFlagsFromString('--rehash-snapshot');
}

load('main.js');
