// Loaded by `node --import` into azora's own processes: the supervisor does what a file in its state folder says, once, as a bug in
// it might: `reject` (a promise that nobody handles), `stall:<ms>` (its event loop stands still).
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const at = process.argv.indexOf('--state-dir');
if (process.argv.includes('__supervisor') && at !== -1) {
  const file = join(process.argv[at + 1], 'misbehave');
  setInterval(() => {
    if (!existsSync(file)) return;
    const [what, ms] = readFileSync(file, 'utf8').split(':');
    rmSync(file);
    if (what === 'reject') Promise.reject(new Error('nobody handles this'));
    for (const until = performance.now() + Number(ms ?? 0); performance.now() < until; );
  }, 20).unref();
}
