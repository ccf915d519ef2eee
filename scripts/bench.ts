/**
 * `npm run bench`: measures azora beside what it can be held against, says what it found, and writes docs/benchmarks.md. The goals
 * are those of the single binary (npm run build:binary); where there is none, of the sources.
 *
 *   npm run bench -- --quick               a few minutes instead of a quarter of an hour; writes no page
 *   npm run bench -- --only boot,log       some of the scenarios; writes no page
 *   npm run bench -- --without pm2,runit   not these
 *   AZORA_BIN=path/to/azora npm run bench  another azora than this checkout's
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Azora } from './bench/azora.ts';
import { endAll } from './bench/bench.ts';
import { buildMarker } from './bench/marker.ts';
import { peers } from './bench/peers/index.ts';
import { line, loadNow, page } from './bench/report.ts';
import type { Leftovers, Result } from './bench/result.ts';
import { SCENARIOS } from './bench/scenarios/index.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    without: { type: 'string', default: '' },
  },
});
const names = values.only?.split(',') ?? Object.keys(SCENARIOS);
const unknown = names.filter((name) => !(name in SCENARIOS));
if (unknown.length > 0) {
  console.error(`no scenario ${unknown.join(', ')}; there are ${Object.keys(SCENARIOS).join(', ')}`);
  process.exit(2);
}

const azoras = azorasHere();
const known = peers().filter(({ name }) => !values.without.split(',').includes(name));
const contestants = [...azoras, ...known.filter(({ version }) => version !== null)];
for (const { name, version } of contestants) console.log(`${name}: ${version}`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await endAll();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    process.exit(130);
  });
}

const folder = mkdtempSync(join(tmpdir(), 'azora-bench-'));
try {
  const marker = buildMarker(folder);
  if (marker.compiler === null) console.log('no C compiler (cc): there is no loop in C to compare with');
  const loadBefore = loadNow();
  const results: (Result | Leftovers)[] = [];
  for (const name of names) {
    const bench = { azora: azoras[0], contestants, marker, folder: join(folder, name), quick: values.quick };
    const found = await SCENARIOS[name]!(bench);
    for (const result of found) console.log(line(result));
    results.push(...found);
  }
  if (!values.quick && values.only === undefined) {
    const path = join(import.meta.dirname, '../docs/benchmarks.md');
    const text = page(results, {
      at: new Date(),
      compiler: marker.compiler,
      load: [loadBefore, loadNow()],
      contestants,
      absent: known.filter(({ version }) => version === null).map(({ name }) => name),
    });
    writeFileSync(path, text);
    console.log(`written: ${path}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

function azorasHere(): [Azora, ...Azora[]] {
  const given = process.env.AZORA_BIN;
  if (given) return [new Azora('azora', given)];
  const sources = 'bin/azora';
  const binary = 'dist/azora';
  if (!existsSync(join(import.meta.dirname, '..', binary))) return [new Azora('azora', sources)];
  return [new Azora('azora', binary), new Azora('azora, from its sources', sources)];
}
