import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { FakeRegistry, gateway } from './rig.fixture.ts';

const TOTAL = process.env.AZORA_FULL === '1' ? 10_000 : 3_000;
const CALLERS = 16;

interface Child {
  readonly process: ChildProcess;
  readonly url: string;
}

async function start(port = 0): Promise<Child> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'instance.fixture.ts')], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the instance left with ${code}`)));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const found = /http:\S+/.exec(text)?.[0];
      if (found) resolve(found);
    });
  });
  return { process: child, url };
}

function get(url: string, agent: Agent): Promise<{ status: number; ms: number }> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    request(url, { agent }, (response) => {
      response.resume().once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, ms: performance.now() - startedAt }));
    })
      .once('error', reject)
      .end();
  });
}

test(`${TOTAL} GETs are all answered 2xx while one of two instances is killed and the other restarted`, {
  timeout: 120_000,
}, async () => {
  let [a, b] = [await start(), await start()];
  const route = { prefix: '/work', auth: 'none' };
  const registry = await FakeRegistry.start({ name: 'work', instances: [a, b], route });
  const g = await gateway(registry, { refreshMs: 1000, resetMs: 1000 });

  const answers: { status: number; ms: number }[] = [];
  let asked = 0;
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const caller = async () => {
    while (asked++ < TOTAL) answers.push(await get(`${g.url}/work/work`, agent));
  };
  const all = Promise.all(Array.from({ length: CALLERS }, caller));
  const reached = (share: number) =>
    vi.waitUntil(() => answers.length >= TOTAL * share, { timeout: 60_000, interval: 5 });
  const restart = async (child: Child, signal: NodeJS.Signals) => {
    child.process.removeAllListeners('exit');
    const exit = once(child.process, 'exit');
    child.process.kill(signal);
    await exit;
    return start(Number(new URL(child.url).port));
  };

  await reached(0.2);
  const again = restart(a, 'SIGKILL');
  registry.declare({ name: 'work', instances: [b], route }); // a supervisor sees the exit, and withdraws it
  await reached(0.4);
  a = await again;
  registry.declare({ name: 'work', instances: [a, b], route });
  await reached(0.6);
  registry.declare({ name: 'work', instances: [a], route }); // withdrawn before it is told to stop
  b = await restart(b, 'SIGTERM');
  registry.declare({ name: 'work', instances: [a, b], route });
  await all;

  const times = answers.map(({ ms }) => ms).toSorted((x, y) => x - y);
  const at = (share: number) => `${times[Math.min(times.length - 1, Math.floor(times.length * share))]?.toFixed(1)} ms`;
  console.log(
    `${answers.length} GETs: p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, p99.9 ${at(0.999)}, slowest ${at(1)}`,
  );
  const odd = answers.filter(({ status }) => status < 200 || status > 299);
  expect(odd).toEqual([]);
  expect(answers).toHaveLength(TOTAL);
  expect(g.lines().some(({ attempts }) => Number(attempts) > 1)).toBe(true);
});
