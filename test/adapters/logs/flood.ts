import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { Clock, LogWriter } from './writer.ts';

/** Runs as a worker: floods some sources with numbered lines, in torn chunks, rotating every few milliseconds. The
 * first line of each comes at once, the flood when it is told to. */
const { folder, rounds, deleting } = workerData as { folder: string; rounds: number; deleting: boolean };

const KEPT = 150;
const shared = new Clock();
const writers = [
  new LogWriter(folder, 'mint', 'mint-1', 'out', shared),
  new LogWriter(folder, 'mint', 'mint-1', 'err', shared),
  new LogWriter(folder, 'aegis', 'aegis', 'out'),
];
const counts = writers.map(() => 0);

for (const [i, writer] of writers.entries())
  writer.append(`${writer.instance} ${writer.stream} ${counts[i]!++}\n`, Date.now());
await once(parentPort!, 'message');
for (let round = 0; round < rounds; round++) {
  for (const [i, writer] of writers.entries()) {
    let chunk = '';
    for (let line = 0; line < 20; line++) chunk += `${writer.instance} ${writer.stream} ${counts[i]!++}\n`;
    const cut = (round * 37) % chunk.length;
    writer.append(chunk.slice(0, cut), Date.now());
    writer.append(chunk.slice(cut), Date.now());
    if (round % 3 !== i) continue;
    const number = writer.rotate();
    // Compressed a little later, as a reader may be anywhere in it.
    if (number > 2 && number % 2 === 0) writer.pack(number - 2, number % 4 === 0 ? 'zst' : 'gz');
    // Long after: a reader that stalls for so long would lose lines for good.
    if (deleting && number > KEPT) writer.drop(number - KEPT);
  }
  if (round % 4 === 0) await sleep(1);
}
parentPort!.postMessage(counts);
