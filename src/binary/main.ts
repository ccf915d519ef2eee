/**
 * The first stage of the single binary: all that it does is to run the program's files out of itself, each with what V8 made of
 * it when the binary was built. They are CommonJS, and scripts/build-binary.ts puts them in as `code/<name>` and `cache/<name>`.
 */
const { getRawAsset } = process.getBuiltinModule('node:sea');
const { Script } = process.getBuiltinModule('node:vm');
const { join } = process.getBuiltinModule('node:path').posix;

type Require = (id: string) => unknown;
type Wrapper = (exports: object, require: Require, module: { exports: object }, filename: string) => void;

const loaded = new Map<string, { exports: object }>();
const bytes = (key: string): Buffer => Buffer.from(getRawAsset(key) as ArrayBuffer);

function load(name: string): object {
  const known = loaded.get(name);
  if (known) return known.exports;
  const module = { exports: {} };
  loaded.set(name, module);
  const source = bytes(`code/${name}`).toString();
  const script = new Script(source, { filename: `azora:${name}`, cachedData: bytes(`cache/${name}`) });
  const run = script.runInThisContext() as Wrapper;
  const require = (id: string) => (id.startsWith('.') ? load(join(name, '..', id)) : process.getBuiltinModule(id));
  run(module.exports, require, module, process.execPath);
  return module.exports;
}

load('main.js');
