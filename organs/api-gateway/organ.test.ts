import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { FakeRegistry, gateway, instance, keyServer, raw } from './rig.fixture.ts';

const GONE = { url: 'http://127.0.0.1:2' };
const open = (prefix: string) => ({ prefix, auth: 'none' });

/** A server below HTTP's good manners, for what an organ never does on purpose. */
async function crude(onRequest: RequestListener, port = 0): Promise<{ url: string }> {
  const server = createServer(onRequest);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('a route', () => {
  test('is the organ behind its prefix, which is stripped; the query and the body pass as they are', async () => {
    const mint = await instance('mint');
    const g = await gateway(await FakeRegistry.start({ name: 'mint', instances: [mint], route: open('/mint') }));
    expect(await g.get('/mint/wallets/a%20b?limit=1&x=%2F')).toMatchObject({
      status: 200,
      body: { name: 'mint', method: 'GET', path: '/wallets/a%20b?limit=1&x=%2F' },
    });
    expect((await g.get('/mint')).body.path).toBe('/');
    expect((await g.post('/mint/wallets', { name: 'é' })).body).toMatchObject({ method: 'POST', body: '{"name":"é"}' });
    expect(await g.get('/minting')).toMatchObject({ status: 404, body: { error: 'not_found' } });
    const { headers } = await fetch(`${g.url}/mint/x`, { headers: { 'x-request-id': 'my-id' } });
    expect(headers.get('x-request-id')).toBe('my-id');
    expect(mint.seen.at(-1)?.headers).toMatchObject({ 'x-request-id': 'my-id', 'x-forwarded-for': '127.0.0.1' });
  });

  test('comes and goes with the registry; what was there and is down is 503, what never was is 404', async () => {
    const registry = await FakeRegistry.start();
    const g = await gateway(registry);
    expect((await g.get('/late/x')).status).toBe(404);
    const late = await instance('late');
    registry.declare({ name: 'late', instances: [late], route: open('/late') });
    await vi.waitFor(async () => expect((await g.get('/late/x')).status).toBe(200));
    registry.declare({ name: 'late', instances: [], route: open('/late') });
    await vi.waitFor(async () => {
      const response = await fetch(`${g.url}/late/x`);
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('1');
      expect(await response.json()).toEqual({ error: 'unavailable', message: 'no instance of late is ready' });
    });
    expect((await g.get('/healthz')).body).toMatchObject({
      status: 'warn',
      reason: expect.stringMatching(/\/late \(late\)/),
    });
  });

  test('stays while the registry is away, which is a failure of health', async () => {
    const mint = await instance('mint');
    const registry = await FakeRegistry.start({ name: 'mint', instances: [mint], route: open('/mint') });
    const g = await gateway(registry);
    expect((await g.get('/healthz')).body).toMatchObject({ status: 'pass', metrics: { routes: 1, unserved: 0 } });
    await registry.organ.stop(0);
    await vi.waitFor(async () =>
      expect(await g.get('/healthz')).toMatchObject({
        status: 503,
        body: { status: 'fail', reason: expect.stringMatching(/registry/) },
      }),
    );
    expect((await g.get('/mint/x')).status).toBe(200);
  });
});

describe('several instances', () => {
  test('are asked in turn; a Critical one only when no other is left', async () => {
    const [a, b, sick] = [await instance('a'), await instance('b'), await instance('sick')];
    const list = [a, { ...sick, health: 'Critical' }, b];
    const registry = await FakeRegistry.start({ name: 'work', instances: list, route: open('/work') });
    const g = await gateway(registry);
    const names = new Set<string>();
    for (let i = 0; i < 4; i++) names.add((await g.get('/work/x')).body.name);
    expect([...names].toSorted()).toEqual(['a', 'b']);
    expect([a.seen.length, b.seen.length]).toEqual([2, 2]);
    await Promise.all([a.stop(0), b.stop(0)]);
    expect((await g.get('/work/x')).body.name).toBe('sick');
  });

  const failing = [
    ['refuses connections', async () => GONE, 0],
    ['hangs up without an answer', () => crude((request) => request.socket.destroy()), 1],
    ['answers 503', () => crude((_, response) => response.writeHead(503).end('{}')), 1],
    ['is slower than allowed', () => crude(() => {}), 1],
    [
      'breaks off within its answer',
      () =>
        crude((_, r) => {
          r.writeHead(200, { 'content-length': 9 }).write('half');
          setImmediate(() => r.destroy());
        }),
      1,
    ],
  ] as const;
  test.each(failing)('when one %s, idempotent requests go to the other', async (_, start) => {
    const [bad, good] = [await start(), await instance('good')];
    const registry = await FakeRegistry.start({ name: 'work', instances: [bad, good], route: open('/work') });
    const g = await gateway(registry, { timeoutMs: 100 });
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'GET']) {
      const body = method === 'PUT' ? { body: '{"whole":1}' } : {};
      const answer = await g.request('/work/x', { method, ...body });
      expect(answer).toMatchObject({ status: 200, body: { name: 'good', method, body: body.body ?? '' } });
    }
    expect(g.lines().length === 0 || g.lines().every(({ status }) => status === 200)).toBe(true);
  });

  test('a POST that reached an instance is never sent again; one that reached none is', async () => {
    let received = 0;
    const broken = await crude((request) => {
      received += 1;
      request.resume().once('end', () => request.socket.destroy());
    });
    const good = await instance('good');
    const only = (...instances: { url: string }[]) => ({ name: 'work', instances, route: open('/work') });
    const registry = await FakeRegistry.start(only(broken, good));
    const g = await gateway(registry);
    const answers = [await g.post('/work/x', { pay: 1 }), await g.post('/work/x', { pay: 1 })];
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 503]);
    expect(answers.find(({ status }) => status === 503)?.body.message).toMatch(/may or may not have carried this out/);
    expect([received, good.seen.length]).toEqual([1, 1]);

    const second = await gateway(await FakeRegistry.start(only(GONE, good)));
    for (let i = 0; i < 4; i++) expect((await second.post('/work/x', { pay: 2 })).body.name).toBe('good');
  });

  test('one that keeps failing is left alone for a while, then tried again', async () => {
    let received = 0;
    let isWell = false;
    const moody = await crude((request, response) => {
      received += 1;
      if (isWell) response.end('{}');
      else request.socket.destroy();
    });
    const good = await instance('good');
    const registry = await FakeRegistry.start({ name: 'work', instances: [moody, good], route: open('/work') });
    const g = await gateway(registry);
    for (let i = 0; i < 20; i++) expect((await g.get('/work/x')).status).toBe(200);
    expect(received).toBeLessThan(10);
    expect((await g.get('/healthz')).body.metrics.openBreakers).toBe(1);
    isWell = true;
    const before = received;
    await vi.waitFor(async () => {
      expect((await g.get('/work/x')).status).toBe(200);
      expect(received).toBeGreaterThan(before);
    });
  });

  test('one that comes back on its port is found at once, though it refused a moment ago', async () => {
    const first = await instance('first');
    const registry = await FakeRegistry.start({ name: 'work', instances: [first], route: open('/work') });
    const g = await gateway(registry, { resetMs: 60_000 });
    await first.stop(0);
    for (let i = 0; i < 10; i++) expect((await g.get('/work/x')).status).toBe(503);
    expect((await g.get('/healthz')).body.metrics.openBreakers).toBe(1);
    await crude((_, response) => response.end('back'), first.port);
    expect(await g.get('/work/x')).toMatchObject({ status: 200, body: 'back' });
    expect((await g.get('/healthz')).body.metrics.openBreakers).toBe(0);
  });
});

describe('tokens', () => {
  async function guarded(auth: string) {
    const keys = await keyServer();
    const mint = await instance('mint');
    const registry = await FakeRegistry.start(
      { name: 'aegis', instances: [keys.organ], route: null },
      { name: 'mint', instances: [mint], route: { prefix: '/mint', auth } },
    );
    const g = await gateway(registry);
    const get = (token?: string, path = '/mint/x') => g.get(path, token ? { authorization: `Bearer ${token}` } : {});
    return { keys, mint, g, get };
  }

  test('that are missing, expired, forged or foreign reach no organ', async () => {
    const { keys, mint, g, get } = await guarded('required');
    const other = await keys.makeKey('k1');
    const good = await keys.token();
    const refused: [string | undefined, RegExp][] = [
      [undefined, /a token is needed/],
      [await keys.token({ exp: '-1s' }), /expired/],
      [await keys.token({ with: other }), /signature/],
      [await keys.token({ iss: 'elsewhere' }), /"iss"/],
      [await keys.token({ aud: 'others' }), /"aud"/],
      [`${good.slice(0, -6)}AAAAAA`, /signature/],
      [`${btoa('{"alg":"none"}')}.${btoa('{"sub":"x"}')}.`, /not valid/],
      ['x', /not valid/],
    ];
    for (const [token, message] of refused) {
      expect(await get(token)).toMatchObject({
        status: 401,
        body: { error: 'unauthorized', message: expect.stringMatching(message) },
      });
    }
    expect((await g.get('/mint/x', { authorization: 'Basic eDp5' })).status).toBe(401);
    expect(mint.seen).toEqual([]);
    expect((await fetch(`${g.url}/mint/x`)).headers.get('www-authenticate')).toBe('Bearer');
    expect(await get(good)).toMatchObject({
      status: 200,
      body: { headers: { 'x-azora-user': 'rosa', 'x-azora-roles': 'user' } },
    });
  });

  test('are not needed for healthz, and only for that', async () => {
    const { mint, get } = await guarded('required');
    expect((await get(undefined, '/mint/healthz')).body).toEqual({ status: 'pass', metrics: {} });
    for (const path of ['/mint/healthz/', '/mint//healthz', '/mint/healthz/x', '/mint/metrics']) {
      expect((await get(undefined, path)).status).toBe(401);
    }
    expect(mint.seen).toEqual([]);
  });

  test('where optional may be absent, but not wrong', async () => {
    const { keys, get } = await guarded('optional');
    const user = async (token?: string) => (await get(token)).body.headers['x-azora-user'];
    expect(await user()).toBeUndefined();
    expect(await user(await keys.token({ sub: 'ann' }))).toBe('ann');
    expect((await get(await keys.token({ exp: '-1s' }))).status).toBe(401);
  });

  test('are verified here, by keys fetched once, and again for a key that is new', async () => {
    const { keys, get } = await guarded('required');
    const before = await keys.token();
    for (let i = 0; i < 5; i++) expect((await get(before)).status).toBe(200);
    expect(keys.fetched()).toBe(1);
    await keys.rotate();
    expect((await get(await keys.token())).status).toBe(200);
    expect(keys.fetched()).toBe(2);
    await keys.organ.stop(0);
    expect((await get(await keys.token())).status).toBe(200);
  });

  test('cannot be verified without aegis: 503, and nothing passes', async () => {
    const { keys, mint, get } = await guarded('required');
    const token = await keys.token();
    await keys.organ.stop(0);
    expect(await get(token)).toMatchObject({
      status: 503,
      body: { message: expect.stringMatching(/tokens cannot be verified now/) },
    });
    expect(mint.seen).toEqual([]);
  });
});

test('forged tokens are reported to aegis, with the address they came from', async () => {
  const reported: string[] = [];
  const keys = await keyServer((address) => reported.push(address));
  const mint = await instance('mint');
  const registry = await FakeRegistry.start(
    { name: 'aegis', instances: [keys.organ], route: null },
    { name: 'mint', instances: [mint], route: { prefix: '/mint', auth: 'required' } },
  );
  const g = await gateway(registry);
  await g.get('/mint/x', { authorization: `Bearer ${await keys.token({ exp: '-1s' })}` });
  await g.get('/mint/x', {
    authorization: `Bearer ${await keys.token({ iss: 'elsewhere' })}`,
    'x-forwarded-for': '6.6.6.6',
  });
  await vi.waitFor(() => expect(reported).toEqual(['127.0.0.1']));
});

test('a rate is counted for each client: by token, else by address', async () => {
  const keys = await keyServer();
  const mint = await instance('mint');
  const registry = await FakeRegistry.start(
    { name: 'aegis', instances: [keys.organ], route: null },
    { name: 'mint', instances: [mint], route: { prefix: '/mint', rateLimit: '3/h', auth: 'optional' } },
  );
  const g = await gateway(registry);
  const statuses = async (headers: Record<string, string>) => {
    const all: number[] = [];
    for (let i = 0; i < 4; i++) all.push((await g.get('/mint/x', headers)).status);
    return all;
  };
  const bearer = async (sub: string) => ({ authorization: `Bearer ${await keys.token({ sub })}` });
  expect(await statuses(await bearer('ann'))).toEqual([200, 200, 200, 429]);
  expect(await statuses(await bearer('ben'))).toEqual([200, 200, 200, 429]);
  expect(await statuses({ authorization: 'Bearer forged' })).toEqual([401, 401, 401, 429]);
  const response = await fetch(`${g.url}/mint/x`, { headers: { 'x-forwarded-for': '8.8.8.8' } });
  expect(response.status).toBe(429);
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(3000);
  expect(await response.json()).toMatchObject({
    error: 'too_many_requests',
    message: expect.stringMatching(/over 3 requests in 3600 s/),
  });
  expect(mint.seen).toHaveLength(6);
});

describe('hostile input', () => {
  async function target() {
    const mint = await instance('mint');
    const g = await gateway(await FakeRegistry.start({ name: 'mint', instances: [mint], route: open('/mint') }), {
      maxBodyBytes: 100_000,
    });
    return { mint, g };
  }

  test('that is not one plain HTTP request is refused as JSON, and reaches nobody', async () => {
    const { mint, g } = await target();
    const cases: [string, string, RegExp][] = [
      ['GET /mint/../aegis HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', '400', /segments/],
      ['GET /mint/%2e%2e%2faegis HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', '400', /segments/],
      ['GET http://evil/mint HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', '400', /begins with/],
      ['TRACE /mint/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', '405', /TRACE/],
      ['NONSENSE\r\n\r\n', '400', /not valid HTTP/],
      [`GET /mint/x HTTP/1.1\r\nHost: x\r\nX-Big: ${'a'.repeat(20_000)}\r\n\r\n`, '431', /16 KiB/],
      [
        'POST /mint/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /mint/admin HTTP/1.1\r\n\r\n',
        '400',
        /not valid HTTP/,
      ],
      [
        'POST /mint/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
        '400',
        /not valid HTTP/,
      ],
      ['POST /mint/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n', '400', /not valid HTTP/],
      ['GET /mint/x HTTP/1.1\r\nHost: x\r\nX-A: b\r\n Folded: c\r\nConnection: close\r\n\r\n', '400', /not valid HTTP/],
      ['GET /mint/x HTTP/1.1\r\nHost: x\r\nX A: b\r\n\r\n', '400', /not valid HTTP/],
    ];
    for (const [request, status, message] of cases) {
      const answer = await raw(g.url, request);
      expect([request.slice(0, 60), answer.split(' ')[1]]).toEqual([request.slice(0, 60), status]);
      const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
      expect(body).toEqual({ error: expect.any(String), message: expect.stringMatching(message) });
    }
    expect(mint.seen).toEqual([]);
    expect((await g.get('/mint/x')).status).toBe(200);
  });

  test('a body over the limit is 413, told or untold, and the connection lives on', async () => {
    const { mint, g } = await target();
    const big = 'x'.repeat(10 * 1024 * 1024);
    expect(await g.request('/mint/x', { method: 'POST', body: big })).toMatchObject({
      status: 413,
      body: { error: 'payload_too_large' },
    });
    const untold = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 20; i++) controller.enqueue(Buffer.alloc(10_000, 'x'));
        controller.close();
      },
    });
    expect(await g.request('/mint/x', { method: 'POST', body: untold, duplex: 'half' } as RequestInit)).toMatchObject({
      status: 413,
    });
    expect(mint.seen).toEqual([]);
    expect((await g.post('/mint/x', { small: true })).status).toBe(200);
  });

  test('an organ that refuses a body before it has all of it is heard', async () => {
    const mint = await instance('mint', { maxBodyBytes: 1000 });
    const g = await gateway(await FakeRegistry.start({ name: 'mint', instances: [mint], route: open('/mint') }));
    for (const method of ['POST', 'PUT']) {
      const answer = await g.request('/mint/x', { method, body: 'x'.repeat(5 * 1024 * 1024) });
      expect(answer).toMatchObject({ status: 413, body: { message: 'the body is over 1000 bytes' } });
    }
  });

  test('a GET with a chunked body arrives as one request', async () => {
    const { mint, g } = await target();
    const smuggled = '2f\r\nGET /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n\r\n0\r\n\r\n';
    const answer = await raw(
      g.url,
      `GET /mint/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${smuggled}`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 (200|400)/);
    expect(mint.seen.filter(({ path }) => path !== '/x')).toEqual([]);
  });
});

describe('streams', () => {
  test('an answer passes as it comes, and ends for the organ when the caller leaves', async () => {
    let hasEnded = false;
    const source = await crude((request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      request.once('close', () => {
        hasEnded = true;
      });
    });
    const g = await gateway(await FakeRegistry.start({ name: 'feed', instances: [source], route: open('/feed') }));
    const left = new AbortController();
    const response = await fetch(`${g.url}/feed/events`, { signal: left.signal });
    const { value } = await response.body!.getReader().read();
    expect(new TextDecoder().decode(value)).toBe('data: 1\n\n');
    left.abort();
    await vi.waitFor(() => expect(hasEnded).toBe(true));
    await vi.waitFor(() =>
      expect(g.lines().at(-1)).toMatchObject({ path: '/feed/events', status: 200, organ: 'feed', bytes: 9 }),
    );
    expect((await g.get('/healthz')).body.metrics.openBreakers).toBe(0);
  });

  test('a slow reader holds the organ back', async () => {
    let written = 0;
    const flood = await crude((_, response) => {
      const pour = () => {
        while (written < 1e9 && response.write(Buffer.alloc(65_536))) written += 65_536;
      };
      response.on('drain', pour);
      pour();
    });
    const g = await gateway(await FakeRegistry.start({ name: 'feed', instances: [flood], route: open('/feed') }));
    const left = new AbortController();
    await fetch(`${g.url}/feed/x`, { signal: left.signal }); // and never reads it
    let before = -1;
    await vi.waitFor(
      () => {
        const stands = written === before;
        before = written;
        expect(stands).toBe(true);
      },
      { interval: 100 },
    );
    expect(written).toBeLessThan(50e6);
    left.abort();
  });

  test('an answer that breaks off does not look whole', async () => {
    const broken = await crude((_, response) => {
      response.writeHead(200).write('x'.repeat(100_000));
      setTimeout(() => response.destroy(), 20);
    });
    const g = await gateway(await FakeRegistry.start({ name: 'feed', instances: [broken], route: open('/feed') }));
    await expect(g.get('/feed/x')).rejects.toThrow();
  });
});

describe('WebSocket', () => {
  /** An instance that echoes bytes once it has agreed to speak another protocol. */
  async function echo() {
    const headers: NodeJS.Dict<string | string[]>[] = [];
    const server = createServer((_, response) => response.writeHead(426).end('no'));
    server.on('upgrade', (request, socket) => {
      headers.push(request.headers);
      if (request.url === '/refuse') return void socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n',
      );
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, headers };
  }
  const ask = (path: string, more = '') =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nX-Azora-User: root\r\n${more}\r\n`;

  test('passes both ways, over the instance that is there, and is told in the log', async () => {
    const server = await echo();
    const registry = await FakeRegistry.start({ name: 'chat', instances: [GONE, server], route: open('/chat') });
    const g = await gateway(registry);
    for (let i = 0; i < 2; i++) {
      const answer = await raw(g.url, `${ask('/chat/room')}hello`, 'hello');
      expect(answer).toMatch(/^HTTP\/1.1 101 /);
      expect(answer.toLowerCase()).toContain('sec-websocket-accept: x');
    }
    expect(server.headers[0]).toMatchObject({ upgrade: 'websocket', 'x-forwarded-for': '127.0.0.1' });
    expect(server.headers[0]).not.toHaveProperty('x-azora-user');
    await vi.waitFor(() => expect(g.lines().at(-1)).toMatchObject({ path: '/chat/room', status: 101, organ: 'chat' }));
  });

  test('is refused for the same reasons as any request, and for the organ’s own', async () => {
    const keys = await keyServer();
    const server = await echo();
    const g = await gateway(
      await FakeRegistry.start(
        { name: 'aegis', instances: [keys.organ] },
        { name: 'chat', instances: [server], route: { prefix: '/chat', auth: 'required' } },
        { name: 'down', instances: [GONE], route: open('/down') },
      ),
    );
    const token = `Authorization: Bearer ${await keys.token()}\r\n`;
    expect(await raw(g.url, ask('/chat/room'))).toMatch(/^HTTP\/1.1 401 .*a token is needed/s);
    expect(await raw(g.url, ask('/nowhere'))).toMatch(/^HTTP\/1.1 404 /);
    expect(await raw(g.url, ask('/down/x'))).toMatch(/^HTTP\/1.1 503 .*retry-after: 1/s);
    expect(await raw(g.url, ask('/chat/refuse', token))).toMatch(/^HTTP\/1.1 403 .*no$/s);
    expect(await raw(g.url, `${ask('/chat/room', token)}hi`, 'hi')).toMatch(/^HTTP\/1.1 101/);
  });
});

test('every request is one line of the access log, without its query, and counted in the metrics', async () => {
  const mint = await instance('mint');
  const g = await gateway(await FakeRegistry.start({ name: 'mint', instances: [mint, GONE], route: open('/mint') }));
  await g.get('/mint/x?token=secret');
  await g.post('/mint/y', {});
  await g.get('/nowhere');
  await vi.waitFor(() => expect(g.lines()).toHaveLength(3));
  expect(g.lines()[0]).toMatchObject({
    method: 'GET',
    path: '/mint/x',
    status: 200,
    organ: 'mint',
    address: '127.0.0.1',
  });
  expect(JSON.stringify(g.lines())).not.toContain('secret');
  expect(g.lines()[2]).toMatchObject({ status: 404, failure: expect.stringMatching(/no organ/) });
  const { body } = await g.get('/metrics');
  expect(body).toMatch(/^gateway_requests_total\{organ="mint",status="200"\} 2$/m);
  expect(body).toMatch(/^gateway_request_seconds_count\{organ="mint"\} 2$/m);
  expect(body).toMatch(/^api_gateway_routes 1$/m);
});
