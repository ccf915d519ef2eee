import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** `npm run test:soak -- --seconds 3600 --seed 7`: the soak, for as long as it is wished. */

const root = resolve(import.meta.dirname, '../..');
const { values } = parseArgs({ options: { seconds: { type: 'string', default: '600' }, seed: { type: 'string' } } });
const { status } = spawnSync(
  process.execPath,
  [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'e2e', 'test/soak/soak.test.ts'],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, AZORA_SOAK_SECONDS: values.seconds, ...(values.seed && { AZORA_SEED: values.seed }) },
  },
);
process.exit(status ?? 1);
