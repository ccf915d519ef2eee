import { Agent, get, request } from 'node:http';
import { join, resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Caller } from './rig/caller.ts';
import { rig } from './rig.ts';

/** Azora OS's replicas, in real traffic: somebody at the gateway does not notice what happens to them. */
const root = resolve(import.meta.dirname, '../..');
const here = { AZORA_FILE: join(root, 'azora.yaml'), AZORA_STATE_DIR: '.azora' };

const LEAST = 10_000;
const CALLERS = 16;

interface Answered {
  readonly status: number;
  readonly ms: number;
}

/** Calls `url` again and again, over kept-open connections, until `stop` and at least so many times. */
class Traffic {
  readonly answers: Answered[] = [];
  #isStopped = false;
  readonly #all: Promise<unknown>;
  readonly #reached = new Map<number, () => void>();

  constructor(url: string, token: string) {
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const headers = { authorization: `Bearer ${token}` };
    const call = () =>
      new Promise<void>((done, failed) => {
        const startedAt = performance.now();
        const sent = request(url, { agent, headers }, (response) => {
          response.resume().once('error', failed);
          response.once('end', () => {
            this.answers.push({ status: response.statusCode ?? 0, ms: performance.now() - startedAt });
            this.#reached.get(this.answers.length)?.();
            done();
          });
        });
        sent.once('error', failed).end();
      });
    const caller = async () => {
      while (!this.#isStopped || this.answers.length < LEAST) await call();
    };
    this.#all = Promise.all(Array.from({ length: CALLERS }, caller));
    this.#all.catch(() => (this.#isStopped = true)); // `stop` tells
  }

  /** Once so many were answered. */
  async reached(count: number): Promise<void> {
    if (this.answers.length >= count) return;
    await Promise.race([this.#all, new Promise<void>((resolve) => this.#reached.set(count, resolve))]);
  }

  async stop(): Promise<string> {
    this.#isStopped = true;
    await this.#all;
    const times = this.answers.map(({ ms }) => ms).toSorted((a, b) => a - b);
    const at = (share: number) =>
      `${times[Math.min(times.length - 1, Math.floor(times.length * share))]?.toFixed(1)} ms`;
    return `${times.length} GETs: p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, p99.9 ${at(0.999)}, slowest ${at(1)}`;
  }
}

/** Reads an organ's instances from the registry, over and over, until it is told to stop. */
class Registry {
  fewest = Number.POSITIVE_INFINITY;
  looks = 0;
  #isStopped = false;
  readonly #done: Promise<void>;

  constructor(url: string) {
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const look = () =>
      new Promise<number>((done, failed) => {
        get(url, { agent }, async (response) => {
          const text = (await response.setEncoding('utf8').toArray()).join('');
          done(response.statusCode === 200 ? (JSON.parse(text) as { instances: unknown[] }).instances.length : 0);
        }).once('error', failed);
      });
    const watch = async () => {
      while (!this.#isStopped) {
        this.fewest = Math.min(this.fewest, await look());
        this.looks += 1;
      }
    };
    this.#done = watch();
    this.#done.catch(() => {}); // `stop` tells
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }
}

test(`${LEAST} GETs are all answered 2xx while one replica is killed, and then all are restarted one by one`, {
  timeout: 180_000,
}, async () => {
  await using system = await rig.system({ yaml: { organs: {} }, env: here });
  await system.expect(0, ['up', '-d', 'api-gateway', 'analytics'], { timeoutMs: 120_000 });
  const { system: all, organs } = await system.status();
  const user = new Caller(organs.find(({ organ }) => organ === 'api-gateway')?.url ?? '');
  const password = 'correct horse battery';
  user.token = (await user.post('/auth/signup', { username: 'lindiwe', password })).token;
  const watch = () => new Registry(`${all.registryUrl}/services/analytics`);
  const isReady = (instances: number) =>
    system.waitFor(({ organs: now }) => {
      const ready = now.filter(
        ({ organ, state, health }) => organ === 'analytics' && state === 'ready' && health === 'Healthy',
      );
      return ready.length === instances;
    });

  // one of two is killed; then, by a rolling restart, the other and it again
  const traffic = new Traffic(`${user.gateway}/analytics/dashboards`, user.token ?? '');
  await traffic.reached(LEAST * 0.2);
  const victim = await system.instance('analytics-1');
  process.kill(victim.pid ?? 0, 'SIGKILL');
  await system.waitForEvent(({ type, instance }) => type === 'organ-exited' && instance === 'analytics-1');
  await isReady(2);
  const ofTwo = watch();
  await system.expect(0, ['restart', 'analytics']);
  await ofTwo.stop();
  console.log(await traffic.stop());
  expect(traffic.answers.filter(({ status }) => status < 200 || status > 299)).toEqual([]);
  expect(traffic.answers.length).toBeGreaterThanOrEqual(LEAST);
  expect(ofTwo.fewest).toBe(1);

  // of three, two are always there
  await system.expect(0, ['scale', 'analytics=3']);
  await isReady(3);
  const ofThree = watch();
  await system.expect(0, ['restart', 'analytics']);
  await ofThree.stop();
  await isReady(3);
  expect(ofThree.fewest).toBe(2);
  console.log(`the registry, looked at ${ofTwo.looks} and ${ofThree.looks} times: never below 1 of 2, 2 of 3`);
  const replicas = (await system.status()).organs.filter(({ organ }) => organ === 'analytics');
  expect(replicas.map(({ pid }) => pid)).not.toContain(victim.pid);
  expect(new Set(replicas.map(({ url }) => url)).size).toBe(3);
  const { stdout } = await system.expect(0, ['logs', 'analytics']);
  for (const { instance, url } of replicas)
    expect(stdout).toMatch(new RegExp(`^${instance} +\\| analytics listens on ${url}$`, 'm'));

  // what the third has counted stays counted when it is gone
  for (const username of ['ayanda', 'bongi', 'cebile']) await user.post('/auth/signup', { username, password });
  const signups = async (): Promise<number> => {
    const { topics } = await user.get('/analytics/dashboards/overview?topic=aegis');
    return topics[0]?.events ?? 0;
  };
  await user.until('/analytics/dashboards/overview?topic=aegis', async () => (await signups()) === 4);
  await system.expect(0, ['scale', 'analytics=2']);
  await isReady(2);
  expect(await signups()).toBe(4);
  await system.expect(0, ['down'], { timeoutMs: 60_000 });
  await system.expectNothingLeft();
});
