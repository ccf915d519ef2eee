import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startOrgan, temporaryFolder } from '../kit/testing.ts';
import { supremeOrchestrator } from './organ.ts';

interface Service {
  name: string;
  url: string;
  category?: string;
  health: string;
  instances?: { instance: string; url: string; health: string }[];
  metadata: unknown;
  registeredAt: string;
}

const service = (name: string, category: string, health = 'Healthy', url = 'http://127.0.0.1:1'): Service => ({
  name,
  url,
  category,
  health,
  instances: [{ instance: name, url, health }],
  metadata: {},
  registeredAt: '2026-11-23T08:00:00.000Z',
});

async function serveJson(answer: () => unknown): Promise<{ url: string; server: Server }> {
  const server = createServer((_, response) => response.end(JSON.stringify(answer())));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** A registry whose services the test changes, and the orchestrator in front of it. */
async function start(services: Service[], folder = temporaryFolder()) {
  const registry = await serveJson(() => services);
  const organ = await startOrgan(supremeOrchestrator({ folder, registryUrl: registry.url, now: () => new Date(0) }));
  return { organ, registry, services };
}

const put = (json: unknown): RequestInit => ({ method: 'PUT', body: JSON.stringify(json) });

test('an empty registry is an inventory of nothing, and healthy', async () => {
  const { organ } = await start([]);
  expect((await organ.get('/inventory')).body).toMatchObject({ count: 0, organs: [], categories: [] });
  expect((await organ.get('/healthz')).body).toMatchObject({ status: 'pass', metrics: { organs: 0 } });
});

test('organs are counted by category and status, as the registry has them at that moment', async () => {
  const { organ, services } = await start([service('elara', 'AI-Intelligence')]);
  await organ.get('/inventory');
  services.push(service('covenant', 'Financial-Services'), service('mint', 'Financial-Services', 'Degraded'));
  const { body } = await organ.get('/inventory');
  expect(body).toMatchObject({ count: 3, byStatus: { Healthy: 2, Degraded: 1, Critical: 0, Unknown: 0 } });
  expect(body.categories).toMatchObject([
    { category: 'AI-Intelligence', status: 'Healthy', organs: 1 },
    { category: 'Financial-Services', status: 'Degraded', organs: 2, byStatus: { Healthy: 1, Degraded: 1 } },
  ]);
  expect((await organ.get('/inventory?category=Financial-Services&status=Degraded')).body.organs).toMatchObject([
    { name: 'mint', instances: [{ instance: 'mint', status: 'Degraded' }] },
  ]);
});

test('an organ that was registered is expected from then on, also after a restart', async () => {
  const folder = temporaryFolder();
  const { organ, services } = await start(
    [service('elara', 'AI-Intelligence'), service('mint', 'Financial-Services')],
    folder,
  );
  await organ.get('/inventory');
  await organ.stop();
  const again = await start(services.slice(0, 1), folder);
  expect((await again.organ.get('/differences')).body).toEqual({ missing: ['mint'], unplanned: [], recategorised: [] });
  expect((await again.organ.request('/plan/history/mint', { method: 'DELETE' })).status).toBe(200);
  expect((await again.organ.get('/differences')).body.missing).toEqual([]);
});

test('a declared plan alone counts until it is withdrawn', async () => {
  const { organ } = await start([service('elara', 'AI-Intelligence')]);
  const declared = await organ.request('/plan', put({ organs: [{ name: 'aegis', category: 'Security-Compliance' }] }));
  expect(declared.body.organs).toEqual([{ name: 'aegis', category: 'Security-Compliance', source: 'declared' }]);
  expect((await organ.get('/differences')).body).toMatchObject({ missing: ['aegis'], unplanned: ['elara'] });
  const again = await organ.request('/plan', put({ organs: [{ name: 'mint', category: 'Financial-Services' }] }));
  expect(again.body.organs.map(({ name }: { name: string }) => name)).toEqual(['mint']);
  await organ.request('/plan', { method: 'DELETE' });
  expect((await organ.get('/differences')).body).toMatchObject({ missing: [], unplanned: [] });
});

describe('a plan that is refused', () => {
  test.each([
    [{ organs: [] }, /body\.organs/],
    [{ organs: [{ name: 'Elara' }] }, /an organ name/],
    [{ organs: [{ name: 'a' }, { name: 'a' }] }, /named twice/],
    [{ organs: [{ name: 'a' }], version: 2 }, /version/],
  ])('%o', async (json, message) => {
    const { organ } = await start([]);
    const { status, body } = await organ.request('/plan', put(json));
    expect([status, body.error]).toEqual([400, 'bad_request']);
    expect(body.message).toMatch(message);
  });
});

test('performance is measured on every instance, and what does not answer is said', async () => {
  const fast = await serveJson(() => ({ status: 'pass' }));
  const { organ } = await start([service('fast', 'Data', 'Healthy', fast.url), service('gone', 'Data', 'Critical')]);
  const { body } = await organ.get('/performance?samples=4');
  expect(body).toMatchObject({ samplesEach: 4, reachable: 1, unreachable: 1, slowest: { organ: 'fast' } });
  const [measured, gone] = body.instances;
  expect(measured.answered).toBe(4);
  expect(measured.p50Ms).toBeGreaterThan(0);
  expect(measured.maxMs).toBeGreaterThanOrEqual(measured.p50Ms);
  expect(gone).toMatchObject({ answered: 0, p50Ms: null });
  expect(gone.failure).not.toBe('');
});

describe('when the registry', () => {
  test('is gone, health fails, the inventory is 503, and both recover', async () => {
    const folder = temporaryFolder();
    let up = false;
    const registry = createServer((request, response) => {
      if (up) response.end('[]');
      else request.socket.destroy();
    });
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void registry.close());
    const registryUrl = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
    const organ = await startOrgan(supremeOrchestrator({ folder, registryUrl }));
    const failing = await organ.get('/healthz');
    expect([failing.status, failing.body.status]).toEqual([503, 'fail']);
    expect(failing.body.reason).toContain(`${registryUrl}/services cannot be reached`);
    expect((await organ.get('/inventory')).body).toMatchObject({ error: 'unavailable' });
    up = true;
    expect((await organ.get('/healthz')).body.status).toBe('pass');
  });

  test('answers in another shape, health warns once there was a view', async () => {
    let answer: unknown = [];
    const registry = await serveJson(() => answer);
    const clock = { time: 0 };
    const organ = await startOrgan(
      supremeOrchestrator({ folder: temporaryFolder(), registryUrl: registry.url, clock: () => clock.time }),
    );
    expect((await organ.get('/healthz')).body.status).toBe('pass');
    answer = { services: 'none' };
    clock.time += 30_001;
    const { status, body } = await organ.get('/healthz');
    expect([status, body.status]).toEqual([200, 'warn']);
    expect(body.reason).toMatch(/30 s old.*unknown shape/s);
  });

  test('is not named in the environment, health says so', async () => {
    const organ = await startOrgan(supremeOrchestrator({ folder: temporaryFolder(), registryUrl: undefined }));
    expect((await organ.get('/healthz')).body).toMatchObject({
      status: 'fail',
      reason: expect.stringContaining('AZORA_REGISTRY_URL is not set'),
    });
  });
});

test('the view is refreshed by timer', async () => {
  let asked = 0;
  const { promise: twice, resolve } = Promise.withResolvers<void>();
  const registry = await serveJson(() => {
    asked += 1;
    if (asked === 2) resolve();
    return [];
  });
  await startOrgan(supremeOrchestrator({ folder: temporaryFolder(), registryUrl: registry.url, refreshMs: 20 }));
  await twice;
});
