import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { createConnection, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DoorWish, openDoor } from '../../../src/adapters/registry/door.ts';
import { type RegistryOptions, type RunningRegistry, startRegistry } from '../../../src/adapters/registry/server.ts';
import type { OrganEntry, RegistryView } from '../../../src/core/registry.ts';
import { someTokens } from './rig.ts';

const tokens = someTokens();
const mint = tokens.issue({ organ: 'mint', instance: 'mint-1' });
const mint2 = tokens.issue({ organ: 'mint', instance: 'mint-2' });
const aegis = tokens.issue({ organ: 'aegis', instance: 'aegis' });
const AT = '2026-11-23T08:00:00.000Z';
const organ = (name: string, instance: string): OrganEntry => ({
  ...{ name, category: 'Some', health: 'Healthy', url: `http://127.0.0.1/${name}`, registeredAt: AT },
  instances: [{ instance, url: `http://127.0.0.1/${instance}`, health: 'Healthy' }],
});

let view: RegistryView;
let told: string[];
const running: RunningRegistry[] = [];
let registry: RunningRegistry;

async function start(wish: Partial<DoorWish> = {}, over: Partial<RegistryOptions> = {}): Promise<RunningRegistry> {
  const started = await startRegistry({
    door: await openDoor({ host: '127.0.0.1', port: 0, ...wish }),
    ...{ view: () => view, verifyToken: (token) => tokens.verify(token) },
    onRegistered: ({ name, owner, url }) => told.push(`registered ${name} by ${owner.instance} at ${url}`),
    onWithdrawn: ({ name, owner }, why) => told.push(`${why} ${name} by ${owner.instance}`),
    log: (message) => told.push(message),
    ...over,
  });
  running.push(started);
  return started;
}

async function ask(method: string, path: string, { token = '', body = undefined as unknown, headers = {} } = {}) {
  const response = await fetch(new URL(path, registry.url), {
    method,
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: text ? JSON.parse(text) : null };
}

/** With headers that fetch does not let one choose. */
function askRaw(
  path: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<{ status: number; json: unknown }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; json: unknown }>();
  const request = httpRequest(
    { host: '127.0.0.1', port: registry.port, path, method, headers, agent: false },
    async (response) => {
      const text = (await response.toArray()).join('');
      resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) });
    },
  );
  request.on('error', reject).end();
  return promise;
}

function connect(): Socket {
  return createConnection({ host: '127.0.0.1', port: registry.port }).on('error', () => {});
}

async function everything(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('close', () => resolve());
  await promise;
  return text;
}

beforeEach(async () => {
  told = [];
  view = { status: 'Operational', organs: [organ('mint', 'mint-1'), organ('aegis', 'aegis')] };
  registry = await start();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.close()));
});

test('an organ registers, is found, renews and takes back', async () => {
  const body = { name: 'wallets', url: 'http://127.0.0.1:9/w', ttl: '30s', metadata: { kind: 'hot' } };
  const registered = await ask('POST', '/register', { token: mint, body });
  expect(registered.status).toBe(201);
  expect(registered.json).toMatchObject({
    ...{ name: 'wallets', url: 'http://127.0.0.1:9/w', category: 'Some', health: 'Healthy', metadata: { kind: 'hot' } },
    instances: [{ instance: 'mint-1', url: 'http://127.0.0.1:9/w', health: 'Healthy' }],
  });
  expect((await ask('POST', '/register', { token: mint, body })).status).toBe(200);
  expect((await ask('GET', '/services/wallets')).json).toEqual(registered.json);
  expect((await ask('GET', '/services')).json.map(({ name }: { name: string }) => name)).toEqual([
    'aegis',
    'mint',
    'wallets',
  ]);
  const renewed = await ask('PUT', '/services/wallets/heartbeat', { token: mint });
  expect(renewed).toMatchObject({ status: 200, json: { name: 'wallets', ttlMs: 30_000 } });
  expect((await ask('DELETE', '/services/wallets', { token: mint })).status).toBe(204);
  expect((await ask('GET', '/services/wallets')).status).toBe(404);
  expect(told).toEqual(['registered wallets by mint-1 at http://127.0.0.1:9/w', 'withdrawn wallets by mint-1']);
});

test('an organ adds metadata under its own name', async () => {
  await ask('POST', '/register', {
    token: mint,
    body: { name: 'mint', url: 'http://127.0.0.1/mint', metadata: { chains: 2 } },
  });
  const { json } = await ask('GET', '/services/mint');
  expect(json).toMatchObject({ url: 'http://127.0.0.1/mint', metadata: { chains: 2 }, registeredAt: AT });
  registry.forget('mint-1');
  expect((await ask('GET', '/services/mint')).json.metadata).toEqual({});
  expect(told.at(-1)).toBe('ended mint by mint-1');
});

test('a registration without heartbeat turns Critical', async () => {
  await ask('POST', '/register', { token: mint, body: { name: 'wallets', url: 'http://127.0.0.1:9/', ttl: '100ms' } });
  const health = async () => (await ask('GET', '/services/wallets')).json.health;
  expect(await health()).toBe('Healthy');
  await expect.poll(health).toBe('Critical');
  await ask('PUT', '/services/wallets/heartbeat', { token: mint });
  expect(await health()).toBe('Healthy');
});

test('what the supervisor finds out shows at once', async () => {
  await ask('GET', '/services');
  view = { status: 'Critical', organs: [{ ...organ('mint', 'mint-1'), health: 'Critical' }] };
  expect((await ask('GET', '/services')).json).toMatchObject([{ name: 'mint', health: 'Critical' }]);
});

test.each([
  ['Operational', 200],
  ['Degraded', 200],
  ['Critical', 503],
  ['Offline', 503],
] as const)('/health of a system that is %s answers %i', async (status, code) => {
  view = { ...view, status };
  expect(await ask('GET', '/health')).toMatchObject({ status: code, json: { status, services: { Healthy: 2 } } });
});

const valid = { name: 'wallets', url: 'http://127.0.0.1:9/' };
test.each<[string, string, string, Parameters<typeof ask>[2], number, string]>([
  ['no token', 'POST', '/register', { body: valid }, 401, 'unauthorized'],
  ['no token', 'PUT', '/services/mint/heartbeat', {}, 401, 'unauthorized'],
  ['no token', 'DELETE', '/services/mint', {}, 401, 'unauthorized'],
  ['a wrong token', 'POST', '/register', { body: valid, token: 'x' }, 401, 'unauthorized'],
  ['a wrong token', 'DELETE', '/services/mint', { token: `${mint}x` }, 401, 'unauthorized'],
  [
    'another scheme',
    'POST',
    '/register',
    { body: valid, headers: { authorization: `Basic ${mint}` } },
    401,
    'unauthorized',
  ],
  ['another organ’s name', 'POST', '/register', { body: { ...valid, name: 'aegis' }, token: mint }, 403, 'forbidden'],
  ['another organ’s registration', 'DELETE', '/services/aegis', { token: mint }, 403, 'forbidden'],
  ['another organ’s lease', 'PUT', '/services/taken/heartbeat', { token: aegis }, 403, 'forbidden'],
  ['another instance’s lease', 'PUT', '/services/taken/heartbeat', { token: mint2 }, 403, 'forbidden'],
  ['another instance’s registration', 'DELETE', '/services/taken', { token: mint2 }, 403, 'forbidden'],
  ['nothing to renew', 'PUT', '/services/none/heartbeat', { token: mint }, 404, 'unknown'],
  ['nothing to take back', 'DELETE', '/services/none', { token: mint }, 404, 'unknown'],
  ['no JSON', 'POST', '/register', { body: '{"name": ', token: mint }, 400, 'invalid'],
  ['an empty body', 'POST', '/register', { token: mint }, 400, 'invalid'],
  ['a bad name', 'POST', '/register', { body: { ...valid, name: '../x' }, token: mint }, 400, 'invalid'],
  ['a bad URL', 'POST', '/register', { body: { ...valid, url: 'file:///etc' }, token: mint }, 400, 'invalid'],
  ['a prototype', 'POST', '/register', { body: '{"__proto__": {"name": "a"}}', token: mint }, 400, 'invalid'],
  [
    'deep nesting',
    'POST',
    '/register',
    { body: `${'['.repeat(30_000)}${']'.repeat(30_000)}`, token: mint },
    400,
    'invalid',
  ],
  ['an unknown service', 'GET', '/services/none', {}, 404, 'unknown'],
  ['a service that climbs', 'GET', '/services/..%2f..%2fetc', {}, 404, 'unknown'],
  ['bad percent encoding', 'GET', '/services/%ff%zz', {}, 404, 'unknown'],
  ['an unknown path', 'GET', '/admin', {}, 404, 'unknown'],
  ['the wrong method', 'GET', '/register', {}, 405, 'method-not-allowed'],
  ['the wrong method', 'DELETE', '/services', { token: mint }, 405, 'method-not-allowed'],
  ['the wrong method', 'POST', '/services/mint/heartbeat', { token: mint }, 405, 'method-not-allowed'],
  ['a large body', 'POST', '/register', { body: 'x'.repeat(65_537), token: mint }, 413, 'too-large'],
  ['a page of a stranger', 'GET', '/services', { headers: { origin: 'http://evil.example' } }, 403, 'foreign-origin'],
  [
    'a page without origin',
    'POST',
    '/register',
    { body: valid, token: mint, headers: { origin: 'null' } },
    403,
    'foreign-origin',
  ],
])('refuses %s: %s %s', async (_, method, path, options, status, error) => {
  await ask('POST', '/register', { token: mint, body: { name: 'taken', url: 'http://127.0.0.1:9/' } });
  const before = (await ask('GET', '/services')).json;
  expect(await ask(method, path, options)).toMatchObject({
    status,
    json: { error, message: expect.stringMatching(/\w{3}/) },
  });
  expect((await ask('GET', '/services')).json).toEqual(before);
});

test.each([
  ['a stranger’s name', 'evil.example'],
  ['a stranger’s name with the port', 'evil.example:PORT'],
  ['another port', 'localhost:1'],
  ['no port', 'localhost'],
  ['a name that begins like ours', 'localhost.evil.example:PORT'],
  ['an address that is not ours', '10.0.0.1:PORT'],
])('refuses a Host that is %s', async (_, host) => {
  const answer = await askRaw('/services', { host: host.replace('PORT', String(registry.port)) });
  expect(answer).toMatchObject({ status: 403, json: { error: 'foreign-host' } });
});

test.each(['127.0.0.1', 'localhost', 'LOCALHOST', '[::1]'])('is called %s', async (name) => {
  expect((await askRaw('/services', { host: `${name}:${registry.port}` })).status).toBe(200);
});

test('refuses what a browser calls cross-site, and takes its own origin', async () => {
  const host = `127.0.0.1:${registry.port}`;
  expect((await askRaw('/services', { host, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect((await askRaw('/services', { host, origin: `http://${host}` })).status).toBe(200);
});

test('a body that says it is huge is refused before it is sent', async () => {
  const socket = connect();
  socket.write(`POST /register HTTP/1.1\r\nHost: localhost:${registry.port}\r\nContent-Length: 1073741824\r\n\r\n`);
  const answer = await everything(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(answer).toContain('"error":"too-large"');
});

test('one that asks first is refused without being told to go on', async () => {
  const socket = connect();
  const head = `POST /register HTTP/1.1\r\nHost: localhost:${registry.port}\r\nExpect: 100-continue\r\n`;
  socket.write(`${head}Content-Length: 1073741824\r\n\r\n`);
  const answer = await everything(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
});

test('a body without length is cut off, however much comes', async () => {
  const socket = connect();
  const closed = everything(socket);
  const head = `POST /register HTTP/1.1\r\nHost: localhost:${registry.port}\r\nAuthorization: Bearer ${mint}\r\n`;
  socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n`);
  const chunk = Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`);
  const pour = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', pour);
  pour();
  const answer = await closed;
  socket.destroy();
  expect(socket.bytesWritten).toBeLessThan(16 * 1024 * 1024);
  expect(answer === '' || answer.startsWith('HTTP/1.1 413 ')).toBe(true);
  expect((await ask('GET', '/health')).status).toBe(200);
}, 10_000);

test.each([
  ['what is not HTTP', 'hello\r\n\r\n', 400],
  ['two lengths', `POST /register HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`, 400],
  ['an empty Host', 'GET /services HTTP/1.1\r\nHost: \r\n\r\n', 403],
  ['an old caller without Host', 'GET /services HTTP/1.0\r\n\r\n', 403],
  ['no Host', 'GET /services HTTP/1.1\r\n\r\n', 400],
  ['endless headers', `GET / HTTP/1.1\r\nHost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
])('%s is refused and cut off', async (_, bytes, status) => {
  const socket = connect();
  socket.write(bytes);
  expect(await everything(socket)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
});

test('callers that send nothing do not keep others waiting, and are cut off', async () => {
  const slow = Array.from({ length: 200 }, () => connect());
  await Promise.all(slow.map((socket) => once(socket, 'connect')));
  const first = slow[0] as Socket;
  for (const socket of slow) socket.write('GET /services HTTP/1.1\r\nHost: loc');
  const startedAt = performance.now();
  expect((await ask('GET', '/services')).status).toBe(200);
  expect(performance.now() - startedAt).toBeLessThan(1000);
  expect(await everything(first)).toMatch(/^HTTP\/1\.1 408 /);
  for (const socket of slow) socket.destroy();
}, 15_000);

test('auto takes the remembered port while it is free, and another when it is not', async () => {
  const { port } = registry;
  const other = await start({ port: 'auto', remembered: port });
  expect(other.port).not.toBe(port);
  await registry.close();
  registry = await start({ port: 'auto', remembered: port });
  expect(registry.port).toBe(port);
  expect((await ask('GET', '/services')).status).toBe(200);
});

test('any number that look for a port at the same moment have one each', async () => {
  const doors = await Promise.all(Array.from({ length: 12 }, () => openDoor({ host: '127.0.0.1', port: 'auto' })));
  expect(new Set(doors.map(({ port }) => port)).size).toBe(12);
  for (const door of doors) door.close();
});

test('whoever asks before the server is loaded gets the answer once it is', async () => {
  const door = await openDoor({ host: '127.0.0.1', port: 'auto' });
  const early = createConnection({ host: '127.0.0.1', port: door.port });
  early.write(`GET /services HTTP/1.1\r\nHost: localhost:${door.port}\r\nConnection: close\r\n\r\n`);
  await once(early, 'connect');
  await start({}, { door });
  expect(await everything(early)).toMatch(/^HTTP\/1\.1 200 [\s\S]*"mint"/);
});

test('a port that was asked for and is taken is a failure that says so', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  await expect(start({ port })).rejects.toMatchObject({
    failure: {
      kind: 'boot-failed',
      message: expect.stringContaining(`cannot serve the registry at 127.0.0.1:${port}: the port is in use`),
    },
  });
  taken.close();
});

test('closing ends kept-alive connections and frees the port', async () => {
  const socket = connect();
  socket.write(`GET /services HTTP/1.1\r\nHost: localhost:${registry.port}\r\n\r\n`);
  await once(socket, 'data');
  const ended = once(socket, 'close');
  await registry.close();
  await ended;
  const again = await start({ port: registry.port });
  expect(again.port).toBe(registry.port);
});
