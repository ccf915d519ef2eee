// Writes numbered lines as fast as it can: argv = how many. Every line is different, so that a lost or doubled one shows.
import { writeSync } from 'node:fs';

const count = Number(process.argv[2]);
let batch = '';
for (let n = 0; n < count; n++) {
  batch += `${String(n).padStart(9, '0')} the quick brown fox jumps over the lazy dog\n`;
  if (batch.length > 60_000 || n === count - 1) {
    writeSync(1, batch);
    batch = '';
  }
}
