/**
 * Builds what the npm package runs, JavaScript, since Node strips no types below node_modules: dist/main.js (the program),
 * dist/index.js with its types (the library), dist/chunks (what both are made of).
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundle, root } from './bundle.ts';
import { commit, schemaId, version } from './version.ts';

/** Packages with native code stay packages: npm finds the file that fits the machine. */
const NATIVE = ['better-sqlite3', 'koffi'];

const { chunks, licenses } = await bundle({
  entries: { main: 'package.ts', index: 'index.ts' },
  build: { version, commit: process.env.AZORA_COMMIT ?? commit(), schema: schemaId() },
  external: NATIVE,
});
const dist = join(root, 'dist');
for (const old of ['main.js', 'index.js', 'chunks', 'types', 'package.json', 'licenses.txt']) {
  rmSync(join(dist, old), { recursive: true, force: true });
}
for (const { name, code } of chunks) {
  mkdirSync(dirname(join(dist, name)), { recursive: true });
  writeFileSync(join(dist, name), code);
}
writeTypes();
// CommonJS: Node starts it sooner than modules that it has to link first.
writeFileSync(join(dist, 'package.json'), '{ "type": "commonjs" }\n');
writeFileSync(join(dist, 'licenses.txt'), licenses);
const bytes = chunks.reduce((sum, { code }) => sum + Buffer.byteLength(code), 0);
console.log(`dist: ${chunks.length} files, ${(bytes / 1e6).toFixed(2)} MB`);

function writeTypes(): void {
  const project = join(root, 'tsconfig.types.json');
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '--project', project], {
    stdio: 'inherit',
  });
}
