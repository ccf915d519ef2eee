/**
 * `npm run bench`: measures azora beside what it can be held against, says what it found, and writes docs/benchmarks.md.
 *
 *   npm run bench -- --quick            a minute or two instead of a quarter of an hour; writes no page
 *   npm run bench -- --only boot,log    some of the scenarios; writes no page
 *   AZORA_BIN=dist/azora npm run bench  another azora than that of this checkout
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Azora } from './bench/contestant.ts';
import { buildMarker } from './bench/marker.ts';
import { line, loadNow, page } from './bench/report.ts';
import type { Result } from './bench/result.ts';
import { SCENARIOS } from './bench/scenarios.ts';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
});
const names = values.only?.split(',') ?? Object.keys(SCENARIOS);
const unknown = names.filter((name) => !(name in SCENARIOS));
if (unknown.length > 0) {
  console.error(`no scenario ${unknown.join(', ')}; there are ${Object.keys(SCENARIOS).join(', ')}`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'azora-bench-'));
try {
  const azora = new Azora();
  const marker = buildMarker(folder);
  if (marker.compiler === null) console.log('no C compiler (cc): there is no loop in C to compare with');
  const loadBefore = loadNow();
  const results: Result[] = [];
  for (const name of names) {
    const found = await SCENARIOS[name]!({ azora, marker, folder: join(folder, name), quick: values.quick });
    for (const result of found) console.log(line(result));
    results.push(...found);
  }
  if (!values.quick && values.only === undefined) {
    const circumstances = {
      at: new Date(),
      quick: values.quick,
      version: azora.version(),
      compiler: marker.compiler,
      load: [loadBefore, loadNow()] as const,
    };
    const path = join(import.meta.dirname, '../docs/benchmarks.md');
    writeFileSync(path, page(results, circumstances));
    console.log(`written: ${path}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
