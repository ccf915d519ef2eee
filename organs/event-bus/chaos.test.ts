import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { temporaryFolder } from '../kit/testing.ts';

const KILLS = 14;
/** The same seed gives the same victims and pauses: `CHAOS_SEED=… vitest run …`. */
const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1e9);

const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

test(`producer, bus and consumers killed at random: nothing acknowledged is lost, partitions stay in order (seed ${seed})`, async () => {
  const folder = temporaryFolder();
  const port = await freePort();
  const bus = { EVENT_BUS_URL: `http://127.0.0.1:${port}` };
  const [acknowledged, delivered] = [join(folder, 'acknowledged'), join(folder, 'delivered')];
  const roles: Record<string, () => ChildProcess> = {
    bus: () => run([path('main.ts')], { PORT: String(port), AZORA_STATE_DIR: folder }),
    producer: () => run([path('chaos.fixture.ts'), 'produce', acknowledged], bus),
    'consumer-1': () => run([path('chaos.fixture.ts'), 'consume', delivered], { ...bus, AZORA_INSTANCE: 'consumer-1' }),
    'consumer-2': () => run([path('chaos.fixture.ts'), 'consume', delivered], bus),
  };
  const living = new Map<string, ChildProcess>();
  const start = async (role: string) => {
    const child = roles[role]!();
    living.set(role, child);
    await once(child.stdout!, 'data');
  };
  const kill = async (role: string) => {
    const child = living.get(role)!;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  const lines = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []);

  for (const role of Object.keys(roles)) await start(role);
  const victim = fc.tuple(fc.constantFrom(...Object.keys(roles)), fc.integer({ min: 0, max: 250 }), fc.nat(150));
  for (const [role, pause, absence] of fc.sample(victim, { seed, numRuns: KILLS })) {
    await sleep(pause);
    await kill(role);
    await sleep(absence);
    await start(role);
  }
  const before = lines(acknowledged).length;
  await vi.waitFor(() => expect(lines(acknowledged).length).toBeGreaterThan(before), { timeout: 10_000 });
  await kill('producer');

  const published = lines(acknowledged);
  await vi.waitFor(
    () => {
      const seen = new Set(lines(delivered).map((line) => line.split(' ').slice(2).join(' ')));
      expect(published.filter((id) => !seen.has(id))).toEqual([]);
    },
    { timeout: 15_000, interval: 100 },
  );

  const reached = new Map<string, number>();
  for (const line of lines(delivered)) {
    const [partition, offset] = line.split(' ') as [string, string];
    const last = reached.get(partition) ?? -1;
    expect(Number(offset), `after ${last} of partition ${partition} came: ${line}`).toBeLessThanOrEqual(last + 1);
    reached.set(partition, Math.max(last, Number(offset)));
  }
  const counted = new Map<string, number>();
  for (const [, , key, n] of lines(delivered).map((line) => line.split(' '))) {
    expect(Number(n)).toBeLessThanOrEqual((counted.get(key!) ?? -1) + 1);
    counted.set(key!, Math.max(counted.get(key!) ?? -1, Number(n)));
  }
  const deliveries = lines(delivered).length;
  console.log(`${published.length} acknowledged, ${deliveries} deliveries, ${KILLS} kills, seed ${seed}`);

  function run(args: string[], env: NodeJS.ProcessEnv): ChildProcess {
    const child = spawn(process.execPath, args, {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  }
}, 60_000);
