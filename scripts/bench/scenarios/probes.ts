import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Bench, end, fresh } from '../bench.ts';
import { cpuMs } from '../costs.ts';
import { Marks } from '../marks.ts';
import { figure, type Result } from '../result.ts';

/** What health checks cost, with all that follows from the answer. */
export async function probes(bench: Bench): Promise<Result[]> {
  if (process.platform !== 'linux') return [];
  const { azora } = bench;
  const count = bench.quick ? 200 : 1000;
  const [intervalS, seconds] = bench.quick ? [2, 10] : [10, 40];
  let answered = 0;
  const server = createServer((_, response) => {
    answered++;
    response.end('{"status":"healthy"}');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const folder = fresh(bench);
  const marks = new Marks(folder);
  const organ = {
    command: [bench.marker.path, 'run', marks.path],
    health: { http: `http://127.0.0.1:${port}/`, interval: `${intervalS}s` },
  };
  azora.write(folder, { organs: Object.fromEntries(Array.from({ length: count }, (_, i) => [`o${i}`, organ])) });
  try {
    await azora.up(folder);
    const supervisor = azora.supervisor(folder);
    await delay(intervalS * 1000);
    const [cpu, asked] = [cpuMs(supervisor), answered];
    await delay(seconds * 1000);
    const spent = cpuMs(supervisor) - cpu;
    return [
      {
        what: `one HTTP probe, ${count} organs probed every ${intervalS} s: CPU of the supervisor`,
        short: 'a probe',
        unit: 'µs of CPU',
        azora: [(spent / (answered - asked)) * 1000],
        beside: [],
        goal: null,
        note: `${figure(spent / seconds / 10)} % of one processor`,
      },
    ];
  } finally {
    await end({ who: azora, folder, marks });
    server.close();
    server.closeAllConnections();
  }
}
