/**
 * The first stage of the single binary: all that it does is to run the program's files out of itself, each with what V8 made of
 * it when the binary was built. They are CommonJS, and scripts/build-binary.ts puts them in as `program`, and where they are in
 * there as `program.json`.
 */
import type { ProgramIndex } from './index.ts';

const { getAsset, getRawAsset } = process.getBuiltinModule('node:sea');
const { Script } = process.getBuiltinModule('node:vm');
const { join } = process.getBuiltinModule('node:path').posix;

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

load('main.js');
