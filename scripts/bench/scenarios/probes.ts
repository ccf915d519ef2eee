import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Bench, end, fresh, NODE } from '../bench.ts';
import { cpuMs } from '../costs.ts';
import { Marks } from '../marks.ts';
import { figure, type Result } from '../result.ts';
import { statusTimes } from './status.ts';

/** 5 % of a core, shared by the probes of 1000 organs in 30 s. */
const MOST_PER_PROBE_US = 1500;

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
    const statuses = await statusTimes(bench, [{ who: azora, folder }]);
    return [
      {
        what: `\`azora status\`, ${count} organs that are probed meanwhile`,
        short: `status of ${count}`,
        unit: 'ms',
        ...statuses,
        goal: { times: 3, of: NODE },
      },
      {
        what: `one HTTP probe, ${count} organs probed every ${intervalS} s: CPU of the supervisor, with all that follows from the answer`,
        short: 'a probe',
        unit: 'µs of CPU',
        azora: [(spent / (answered - asked)) * 1000],
        beside: [],
        goal: { most: MOST_PER_PROBE_US },
        note: `together ${figure(spent / seconds / 10)} % of a core; ${MOST_PER_PROBE_US} µs are 5 % of a core for 1000 probes every 30 s; the organs' processes are real, one server answers for all`,
      },
    ];
  } finally {
    await end({ who: azora, folder, marks });
    server.close();
    server.closeAllConnections();
  }
}
