import { Hono } from 'hono';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import * as z from 'zod';
import { Client } from './client.ts';
import type { Organ } from './server.ts';
import { type RunningOrgan, startOrgan } from './testing.ts';

interface Answering extends RunningOrgan {
  readonly seen: string[];
}

/** An organ whose every route answers `status`, and that remembers who called. */
async function answering(name: string, status = 200): Promise<Answering> {
  const seen: string[] = [];
  const app = new Hono().all('/work', async (c) => {
    seen.push(`${c.req.method} ${await c.req.text()}`);
    return c.json({ name, message: `${name} says ${status}` }, status as 200);
  });
  return { ...(await startOrgan({ name, app, health: () => ({ status: 'pass' }) })), seen };
}

/** The registry's part that organs use, with the services it is told to know. */
async function registry(instances: readonly { url: string; health?: string }[]) {
  const calls: string[] = [];
  const list = instances.map(({ url, health = 'Healthy' }, i) => ({ instance: `worker-${i + 1}`, url, health }));
  const app = new Hono().all('/*', async (c) => {
    calls.push(`${c.req.method} ${c.req.path} ${c.req.header('authorization')} ${await c.req.text()}`);
    return c.json([
      {
        name: 'worker',
        url: list[0]?.url ?? '',
        category: 'Test',
        health: 'Healthy',
        instances: list,
        metadata: {},
        registeredAt: '',
      },
    ]);
  });
  const organ: Organ = { name: 'registry', app, health: () => ({ status: 'pass' }) };
  return { ...(await startOrgan(organ)), calls };
}

function client(env: NodeJS.ProcessEnv, options = {}): Client {
  const created = new Client({ env: { AZORA_TOKEN: 'secret', ...env }, ...options });
  onTestFinished(() => created.close());
  return created;
}

const Named = z.object({ name: z.string() });
const GONE = 'http://127.0.0.1:2'; // nothing listens on so low a port, and fetch does not refuse to try it

describe('discovery', () => {
  test('asks the registry once per cache time, with the token', async () => {
    const worker = await answering('a');
    const { url, calls } = await registry([worker]);
    const c = client({ AZORA_REGISTRY_URL: url });
    await Promise.all([c.discover('worker'), c.discover('worker')]);
    expect(await c.discover('worker')).toEqual([{ instance: 'worker-1', url: worker.url, health: 'Healthy' }]);
    expect(calls).toEqual(['GET /services Bearer secret ']);
  });

  test('believes the environment when the registry is gone or does not know the organ', async () => {
    const { url } = await registry([]);
    for (const AZORA_REGISTRY_URL of [url, GONE, undefined]) {
      const c = client({
        ...(AZORA_REGISTRY_URL ? { AZORA_REGISTRY_URL } : {}),
        EVENT_BUS_URL: 'http://127.0.0.1:1234',
      });
      expect(await c.discover('event-bus')).toEqual([
        { instance: 'event-bus', url: 'http://127.0.0.1:1234', health: 'Unknown' },
      ]);
      await expect(c.discover('nobody')).rejects.toThrow(/no instance of nobody/);
    }
  });

  test('believes what the registry said last while it is away', async () => {
    const worker = await answering('a');
    const { url, stop } = await registry([worker]);
    const c = client({ AZORA_REGISTRY_URL: url }, { cacheMs: 0 });
    const known = await c.discover('worker');
    await stop();
    expect(await c.discover('worker')).toEqual(known);
  });
});

test('the condition of an organ is that of its best instance', async () => {
  const sick = await startOrgan({ name: 'sick', health: () => ({ status: 'fail', reason: 'ill' }) });
  const well = await answering('well');
  const of = async (...instances: { url: string }[]) =>
    client({ AZORA_REGISTRY_URL: (await registry(instances)).url }).condition('worker');
  expect(await of(sick, well, { url: GONE })).toBe('well');
  expect(await of(sick, { url: GONE })).toBe('sick');
  await expect(of({ url: GONE })).rejects.toMatchObject({
    status: 503,
    message: expect.stringMatching(/worker-1: .*ECONNREFUSED/),
  });
});

describe('a call', () => {
  test('takes healthy instances in turn, and a Critical one only when nothing else is left', async () => {
    const [a, b, sick] = [await answering('a'), await answering('b'), await answering('sick')];
    const { url } = await registry([{ ...sick, health: 'Critical' }, a, b]);
    const c = client({ AZORA_REGISTRY_URL: url });
    const names: string[] = [];
    for (let i = 0; i < 4; i++) names.push((await c.callJson('worker', '/work', Named)).name);
    expect(names).toEqual(['a', 'b', 'a', 'b']);
    await Promise.all([a.stop(), b.stop()]);
    expect(await c.callJson('worker', '/work', Named)).toEqual({ name: 'sick' });
  });

  const retried: [string, string, number, string][] = [
    ['GET', 'unreachable', 0, 'is retried'],
    ['GET', 'unavailable', 503, 'is retried'],
    ['POST', 'unreachable', 0, 'is retried'],
    ['POST', 'unavailable', 503, 'is not retried'],
    ['GET', 'broken', 500, 'is not retried'],
  ];
  test.each(retried)('%s on an instance that is %s (%i) %s', async (method, _, status, expected) => {
    const good = await answering('good');
    const bad = status === 0 ? { url: GONE } : await answering('bad', status);
    const { url } = await registry([bad, good]);
    const response = await client({ AZORA_REGISTRY_URL: url }).call('worker', '/work', {
      method,
      ...(method === 'POST' ? { json: { job: 1 } } : {}),
    });
    expect(response.status).toBe(expected === 'is retried' ? 200 : status);
    expect(good.seen).toEqual(expected === 'is retried' ? [method === 'POST' ? 'POST {"job":1}' : 'GET '] : []);
  });

  test('ends after its time, and says who did not answer', async () => {
    const app = new Hono().get('/work', () => new Promise<Response>(() => {}));
    const slow = await startOrgan({ name: 'slow', app, health: () => ({ status: 'pass' }) });
    const c = client({ WORKER_URL: slow.url });
    await expect(c.call('worker', '/work', { timeoutMs: 20 })).rejects.toMatchObject({
      status: 503,
      message: expect.stringMatching(/^worker cannot be reached: worker: .*timeout/),
    });
  });

  test('is not even tried while the breaker is open, and works again after it', async () => {
    const worker = await answering('a', 503);
    const c = client({ WORKER_URL: worker.url }, { resetMs: 50 });
    for (let i = 0; i < 5; i++) expect((await c.call('worker', '/work')).status).toBe(503);
    const before = worker.seen.length;
    await expect(c.call('worker', '/work')).rejects.toThrow(/worker: Breaker is open/);
    expect(worker.seen).toHaveLength(before);
    await vi.waitFor(async () => expect((await c.call('worker', '/work')).status).toBe(503));
  });

  test('for JSON turns any other answer into a reason', async () => {
    const c = client({ WORKER_URL: (await answering('a', 418)).url });
    await expect(c.callJson('worker', '/work', Named)).rejects.toMatchObject({
      status: 502,
      upstreamStatus: 418,
      message: 'worker GET /work answered 418: a says 418',
    });
    await expect(c.callJson('worker', '/metrics', Named)).rejects.toThrow(/answered 200 without JSON/);
    await expect(c.callJson('worker', '/healthz', Named)).rejects.toThrow(/unknown shape/);
  });

  test('breaks off when its organ is killed: unavailable', async () => {
    const app = new Hono().get('/work', () => {
      const broken = new ReadableStream({
        pull(controller) {
          controller.enqueue(new TextEncoder().encode('{"name":'));
          controller.error(new Error('killed'));
        },
      });
      return new Response(broken, { headers: { 'content-type': 'application/json' } });
    });
    const worker = await startOrgan({ name: 'worker', app, health: () => ({ status: 'pass' }) });
    const c = client({ WORKER_URL: worker.url });
    await expect(c.callJson('worker', '/work', Named)).rejects.toMatchObject({
      status: 503,
      message: expect.stringMatching(/worker GET \/work broke off its answer/),
    });
  });
});

test('a registration is kept alive until it is withdrawn', async () => {
  const { url, calls } = await registry([]);
  const withdraw = await client({ AZORA_REGISTRY_URL: url }).register(
    'worker',
    'http://127.0.0.1:1',
    { zone: 'a' },
    30,
  );
  await vi.waitFor(() => expect(calls).toContain('PUT /services/worker/heartbeat Bearer secret '));
  await withdraw();
  expect(calls[0]).toBe(
    'POST /register Bearer secret {"name":"worker","url":"http://127.0.0.1:1","ttl":"30ms","metadata":{"zone":"a"}}',
  );
  expect(calls.at(-1)).toBe('DELETE /services/worker Bearer secret ');
});
