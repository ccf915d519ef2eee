import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { connectEvents } from '../kit/index.ts';

/**
 * A producer or a consumer that may be killed at any moment, as a process: `chaos.fixture.ts produce|consume <file>`.
 * What is in the file is what it knows: acknowledged events, or events that were handed over.
 */
const [, , role, file = ''] = process.argv;
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];
const events = connectEvents({ source: role! });
process.stdout.write('ready\n');

if (role === 'produce') {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  const next = new Map(KEYS.map((key) => [key, lines.filter((line) => line.startsWith(`${key} `)).length]));
  for (;;) {
    const batch = KEYS.map((key) => ({ key, n: next.get(key)! }));
    const sent = batch.map(({ key, n }) => ({ type: 'counted', key, id: `${key} ${n}`, data: n }));
    await events.publish('chaos', sent, { deadlineMs: 60_000 });
    appendFileSync(file, batch.map(({ key, n }) => `${key} ${n}\n`).join(''));
    for (const { key, n } of batch) next.set(key, n + 1);
  }
} else {
  events.subscribe({ topics: ['chaos'], group: 'chaos', sessionTimeoutMs: 400, maxEvents: 7 }, (batch) => {
    for (const { partition, offset, id } of batch) appendFileSync(file, `${partition} ${offset} ${id}\n`);
  });
}
