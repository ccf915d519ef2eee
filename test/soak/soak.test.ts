import { test } from 'vitest';
import { soak } from './soak.ts';

const seconds = Number(process.env.AZORA_SOAK_SECONDS ?? 20);
const seed = Number(process.env.AZORA_SEED ?? Date.now() % 1_000_000);

test(
  `whatever is done to it, for ${seconds} s: one life each, no hang, nothing left, every line once`,
  {
    timeout: (seconds + 240) * 1000,
  },
  () => soak({ seconds, seed, say: (text) => console.info(text) }),
);
