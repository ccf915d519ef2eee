/**
 * Builds dist/azora, the single binary for this machine's kind: the very Node that runs this script, and the program inside it.
 * The same sources, packages and Node give the same bytes.
 *
 *     node scripts/build-binary.ts [-o FILE] [--commit ID] [--strip]
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { inject } from 'postject';
import type { Plugin } from 'rolldown';
import type { ProgramIndex } from '../src/binary/index.ts';
import { bundle, licenseOf, root } from './bundle.ts';
import { commit, schemaId, version } from './version.ts';

const { values } = parseArgs({
  options: { output: { type: 'string', short: 'o' }, commit: { type: 'string' }, strip: { type: 'boolean' } },
});
const output = resolve(values.output ?? join(root, 'dist/azora'));
const packageFolder = (name: string): string => join(root, 'node_modules', name);

/** Where Node looks for what has been put into it, and the mark that says that something has (nodejs.org/api/single-executable-applications.html). */
const RESOURCE = 'NODE_SEA_BLOB';
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/**
 * One thread beside the main one, not one for each core (0 would mean that): they are started for nothing by a command, and run
 * against the organs at a boot. A young generation that most commands' start fits into; each MB more makes the start of every command 0.1 ms longer; what a first boot reads is not copied at 12 MB
 * (daemons set their own). No inspector on SIGUSR1. The environment's NODE_OPTIONS is meant for organs, `cli` leaves it
 * alone and lets azora start its keeper with options of its own.
 *
 * The hash tables in Node's snapshot stay as they are, instead of being made anew by a seed of each process's own: a seventh of
 * Node's start. V8 uses nothing that was compiled ahead under other flags, so src/binary/main.ts takes that flag back once the
 * snapshot has been read, for which it needs what Node's own tests use. What that costs: docs/decisions/2026-11-23-single-binary.md.
 */
const EXEC_ARGV = [
  '--v8-pool-size=1',
  '--min-semi-space-size=12',
  '--no-rehash-snapshot',
  '--expose-internals',
  '--disable-warning=internal/test/binding',
  '--disable-sigusr1',
  '--disable-warning=ExperimentalWarning',
];

const build = { version, commit: values.commit ?? commit(), schema: schemaId() };
const program = await bundle({ entries: { main: 'main.ts' }, build, external: [], plugins: [embeddedDatabase()] });
const loader = await bundle({ entries: { main: 'binary/main.ts' }, build, external: [] });
const addons = [addonFile('better-sqlite3'), addonFile('koffi')];
const work = mkdtempSync(join(tmpdir(), 'azora-build-'));
try {
  const finished = join(work, 'azora');
  copyFileSync(process.execPath, finished);
  chmodSync(finished, 0o755);
  if (values.strip) execFileSync('strip', [finished]);
  await inject(finished, RESOURCE, makeBlob(), { sentinelFuse: FUSE });
  mkdirSync(dirname(output), { recursive: true });
  // A system may run from the file that is there: it is replaced, not written over.
  copyFileSync(finished, `${output}.new`);
  chmodSync(`${output}.new`, 0o755);
  renameSync(`${output}.new`, output);
} finally {
  rmSync(work, { recursive: true });
}
const bytes = readFileSync(output);
const hash = createHash('sha256').update(bytes).digest('hex');
console.log(`${output}: azora ${build.version} (${build.commit}), Node.js ${process.versions.node}`);
console.log(`${(bytes.length / 1e6).toFixed(1)} MB, sha256 ${hash}`);

/** What is put into Node, made by that Node. */
function makeBlob(): Buffer {
  const assets: Record<string, string> = {};
  const add = (key: string, content: string | Buffer) => {
    mkdirSync(dirname(join(work, key)), { recursive: true });
    writeFileSync(join(work, key), content);
    assets[key] = key;
  };
  for (const { name, code } of program.chunks) {
    mkdirSync(dirname(join(work, 'code', name)), { recursive: true });
    writeFileSync(join(work, 'code', name), `(function (exports, require, module, __filename) {${code}\n})`);
  }
  for (const part of ['status', 'up', 'rest']) {
    run('--hash-seed=1', '--random-seed=1', join(root, 'scripts/code-cache.ts'), work, part);
  }
  const { bytes: packed, index } = pack(
    work,
    program.chunks.map(({ name }) => name),
  );
  add('program', packed);
  add('program.json', JSON.stringify(index));
  for (const { name, bytes } of addons) {
    const id = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
    add(`addon/${name}-${id}.node`, bytes);
  }
  add('licenses.txt', licenses());
  // Paths are relative, since that of `main` becomes part of the result.
  writeFileSync(join(work, 'loader.js'), loader.chunks[0]!.code);
  const config = {
    main: 'loader.js',
    output: 'blob',
    disableExperimentalSEAWarning: true,
    execArgv: EXEC_ARGV,
    execArgvExtension: 'cli',
    assets,
  };
  writeFileSync(join(work, 'sea.json'), JSON.stringify(config));
  run('--experimental-sea-config', 'sea.json');
  return readFileSync(join(work, 'blob'));
}

/**
 * All files of the program and what V8 makes of them, one after the other, and where each begins and how long it is. As assets
 * of their own they would cost every start a page fault or two each: Node walks over all of its assets.
 */
function pack(work: string, names: readonly string[]): { readonly bytes: Buffer; readonly index: ProgramIndex } {
  const parts: Buffer[] = [];
  let length = 0;
  const append = (path: string): readonly [number, number] => {
    const bytes = readFileSync(join(work, path));
    const padding = Buffer.alloc(-length & 7); // V8 copies a cache that is not aligned
    parts.push(padding, bytes);
    const start = length + padding.length;
    length = start + bytes.length;
    return [start, bytes.length];
  };
  const index = Object.fromEntries(
    names.map((name) => [name, [append(`code/${name}`), append(`cache/${name}`)] as const]),
  );
  return { bytes: Buffer.concat(parts), index };
}

function run(...args: readonly string[]): void {
  execFileSync(process.execPath, args, { cwd: work, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** better-sqlite3 finds its addon through the file system; here it gets the embedded one. */
function embeddedDatabase(): Plugin {
  const library = join(packageFolder('better-sqlite3'), 'lib');
  return {
    name: 'embedded-database',
    resolveId: (id) => (id === 'better-sqlite3' ? '\0embedded-database' : null),
    load: (id) =>
      id !== '\0embedded-database'
        ? null
        : `import { loadEmbeddedAddon } from ${JSON.stringify(join(root, 'src/adapters/addons.ts'))};
           import createDatabase from ${JSON.stringify(join(library, 'database.js'))};
           import SqliteError from ${JSON.stringify(join(library, 'sqlite-error.js'))};
           let addon;
           const Database = createDatabase(() => (addon ??= loadEmbeddedAddon('better-sqlite3')), false);
           export default Object.assign(Database, { SqliteError });`,
  };
}

function addonFile(name: 'better-sqlite3' | 'koffi'): { readonly name: string; readonly bytes: Buffer } {
  const target = `${process.platform}-${process.arch}`;
  const path =
    name === 'koffi'
      ? join(packageFolder(`@koromix/koffi-${target}`), target.replace('-', '_'), 'koffi.node')
      : join(packageFolder('better-sqlite3'), 'prebuilds', `${target}.node`);
  return { name, bytes: readFileSync(path) };
}

function licenses(): string {
  const native = ['better-sqlite3', 'koffi'].map((name) => licenseOf(packageFolder(name)));
  return [readFileSync(join(root, 'LICENSE'), 'utf8'), program.licenses, ...native].join('\n');
}
