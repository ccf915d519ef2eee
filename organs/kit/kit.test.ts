import { createServer } from 'node:http';
import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { adminOnly, type Health, listen, NotFound, type Organ, openDatabase, readBody, readQuery } from './index.ts';
import { startOrgan, temporaryFolder } from './testing.ts';

const healthy: Organ = { name: 'probe', health: () => ({ status: 'pass' }) };

function echo(): Hono {
  const schema = z.strictObject({ amount: z.int().positive(), to: z.string() });
  return new Hono()
    .post('/echo', async (c) => c.json(await readBody(c, schema)))
    .get('/page', (c) => c.json(readQuery(c, z.strictObject({ limit: z.coerce.number().int().max(10) }))))
    .get('/missing', () => {
      throw new NotFound('no such thing');
    })
    .get('/bug', () => {
      throw new Error('password is hunter2');
    });
}

describe('health', () => {
  const table: [Health['status'] | 'throws', number, string][] = [
    ['pass', 200, 'pass'],
    ['warn', 200, 'warn'],
    ['fail', 503, 'fail'],
    ['throws', 503, 'fail'],
  ];
  test.each(table)('%s answers %i', async (status, expected, shown) => {
    const health = () => {
      if (status === 'throws') throw new Error('disk gone');
      return { status, reason: 'because', metrics: { queueDepth: 3 } };
    };
    const organ = await startOrgan({ name: 'probe', health });
    const answer = await organ.get('/healthz');
    expect(answer.status).toBe(expected);
    expect(answer.body.status).toBe(shown);
    expect(answer.body.reason).toBe(status === 'throws' ? 'health check failed: disk gone' : 'because');
    expect(answer.body.metrics).toEqual(status === 'throws' ? {} : { queueDepth: 3 });
  });

  test('metrics are Prometheus text with the figures of the health check', async () => {
    const organ = await startOrgan({
      name: 'event-bus',
      health: () => ({ status: 'pass', metrics: { queueDepth: 3 } }),
    });
    await organ.get('/nowhere');
    const { body } = await organ.get('/metrics');
    expect(body).toContain('event_bus_queue_depth 3\n');
    expect(body).toContain('http_requests_total{method="GET",status="404"} 1\n');
    expect(body).toMatch(/process_resident_memory_bytes \d{6,}/);
  });
});

describe('errors are JSON with a code and a message', () => {
  const post = (body: string): RequestInit => ({ method: 'POST', body });
  const table: [string, string, RequestInit | undefined, number, string, RegExp][] = [
    ['an unknown route', '/nowhere', undefined, 404, 'not_found', /probe has no route GET \/nowhere/],
    ['malformed JSON', '/echo', post('{"amount":'), 400, 'bad_request', /not JSON/],
    ['wrong input', '/echo', post('{"amount":-1,"x":1}'), 400, 'bad_request', /body\.amount.*body\.to.*"x"/],
    ['no body', '/echo', post(''), 400, 'bad_request', /body\.amount/],
    ['a wrong query', '/page?limit=99', undefined, 400, 'bad_request', /query\.limit/],
    ['a body over the limit', '/echo', post('x'.repeat(2000)), 413, 'payload_too_large', /1000 bytes/],
    ['a thrown typed error', '/missing', undefined, 404, 'not_found', /no such thing/],
    ['a bug', '/bug', undefined, 500, 'internal', /^probe failed to answer; its log says why$/],
  ];
  test.each(table)('%s', async (_, path, init, status, error, message) => {
    const organ = await startOrgan({ ...healthy, app: echo(), maxBodyBytes: 1000 });
    const answer = await organ.request(path, init);
    expect(answer).toMatchObject({ status, body: { error, message: expect.stringMatching(message) } });
    expect(JSON.stringify(answer.body)).not.toMatch(/hunter2|\.ts:/);
  });

  test('a chunked body over the limit is refused too', async () => {
    const organ = await startOrgan({ ...healthy, app: echo(), maxBodyBytes: 1000 });
    const body = new Blob(['x'.repeat(2000)]).stream();
    const answer = await organ.request('/echo', { method: 'POST', body, duplex: 'half' } as RequestInit);
    expect(answer.status).toBe(413);
  });
});

test('what changes what all share is for administrators, and for organs of this system', async () => {
  const app = new Hono().put('/plan', adminOnly, (c) => c.json({ done: true }));
  const organ = await startOrgan({ ...healthy, app });
  const put = async (headers: Record<string, string>) => organ.request('/plan', { method: 'PUT', headers });
  expect((await put({})).status).toBe(200); // not through the gateway, which alone sets this header
  expect((await put({ 'x-azora-roles': 'user,admin' })).status).toBe(200);
  for (const roles of ['user', '', 'administrator'])
    expect(await put({ 'x-azora-roles': roles })).toMatchObject({ status: 403, body: { error: 'forbidden' } });
});

describe('stopping', () => {
  test('a running request is answered, then the organ is closed, and nothing more is accepted', async () => {
    const order: string[] = [];
    const entered = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const app = new Hono().get('/slow', async (c) => {
      entered.resolve();
      await release.promise;
      order.push('answered');
      return c.json({ done: true });
    });
    const server = await listen({ ...healthy, app, close: () => void order.push('closed') }, 0, '127.0.0.1');
    const slow = fetch(`${server.url}/slow`);
    await entered.promise;
    const stopped = server.stop();
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
    release.resolve();
    expect(await (await slow).json()).toEqual({ done: true });
    await stopped;
    expect(order).toEqual(['answered', 'closed']);
  });

  test('a request that never ends is cut off after the grace', async () => {
    const entered = Promise.withResolvers<void>();
    const app = new Hono().get('/forever', () => {
      entered.resolve();
      return new Promise<Response>(() => {});
    });
    const server = await listen({ ...healthy, app }, 0, '127.0.0.1');
    const forever = expect(fetch(`${server.url}/forever`)).rejects.toThrow();
    await entered.promise;
    await server.stop(20);
    await forever;
  });

  test('a taken port is an error that says so', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    await expect(listen(healthy, port, '127.0.0.1')).rejects.toThrow(/EADDRINUSE/);
    other.close();
  });
});

describe('database', () => {
  const first = 'CREATE TABLE learners (name TEXT NOT NULL)';
  const second = 'ALTER TABLE learners ADD COLUMN grade TEXT';

  test('migrations run once, in order, and keep the data', () => {
    const folder = temporaryFolder();
    const before = openDatabase(folder, 'school', [first]);
    before.prepare('INSERT INTO learners VALUES (?)').run('Thandi');
    before.close();
    const after = openDatabase(folder, 'school', [first, second]);
    expect(after.prepare('SELECT * FROM learners').all()).toEqual([{ name: 'Thandi', grade: null }]);
    expect(after.pragma('journal_mode', { simple: true })).toBe('wal');
    after.close();
  });

  test('a failing migration leaves nothing behind, and a newer schema is refused', () => {
    const folder = temporaryFolder();
    expect(() => openDatabase(folder, 'school', [first, 'not sql'])).toThrow(/syntax error/);
    openDatabase(folder, 'school', [first, second]).close();
    expect(() => openDatabase(folder, 'school', [first])).toThrow(/schema 2, newer/);
  });
});
