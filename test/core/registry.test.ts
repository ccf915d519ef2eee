import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Json } from '../../src/core/json.ts';
import {
  type Caller,
  EMPTY_REGISTRY,
  expire,
  forgetInstance,
  GRACE_MS,
  heartbeat,
  LIMITS,
  type OrganEntry,
  type Outcome,
  type Registry,
  type RegistryView,
  readRequest,
  register,
  services,
  withdraw,
} from '../../src/core/registry.ts';

const AT = '2026-11-23T08:00:00.000Z';
const mint1: Caller = { organ: 'mint', instance: 'mint-1' };
const mint2: Caller = { organ: 'mint', instance: 'mint-2' };
const aegis: Caller = { organ: 'aegis', instance: 'aegis' };

const organ = (name: string, instances: readonly string[], over: Partial<OrganEntry> = {}): OrganEntry => ({
  ...{ name, category: 'Some', health: 'Healthy', url: `http://${instances[0]}`, registeredAt: AT },
  instances: instances.map((instance) => ({ instance, url: `http://${instance}`, health: 'Healthy' })),
  ...over,
});
const worker = organ('worker', ['worker'], {
  url: null,
  registeredAt: null,
  instances: [{ instance: 'worker', url: null, health: 'Healthy' }],
});
const view: RegistryView = {
  status: 'Operational',
  organs: [organ('mint', ['mint-1', 'mint-2']), organ('aegis', ['aegis']), worker],
};

const request = (name: string, ttlMs: number | null = null, metadata = {}) => ({
  name,
  url: `http://at/${name}`,
  ttlMs,
  metadata,
});
const done = (outcome: Outcome): Registry => {
  if (outcome.kind !== 'done') return expect.unreachable(outcome.message);
  return outcome.registry;
};
const put = (registry: Registry, name: string, caller: Caller, ttlMs: number | null = null, now = 0, metadata = {}) =>
  done(register(registry, request(name, ttlMs, metadata), caller, view, now, AT));
const health = (registry: Registry, name: string, seen = view) =>
  services(registry, seen).find((one) => one.name === name)?.health;

test.each<[string, Json]>([
  ['no object', 'mint'],
  ['null', null],
  ['a list', []],
  ['no name', { url: 'http://a' }],
  ['an unknown key', { name: 'a', url: 'http://a', port: 1 }],
  ['a name in capitals', { name: 'Mint', url: 'http://a' }],
  ['a name that climbs', { name: '../etc', url: 'http://a' }],
  ['a name that is too long', { name: 'a'.repeat(64), url: 'http://a' }],
  ['a name with a newline', { name: 'mint\n', url: 'http://a' }],
  ['no url', { name: 'a' }],
  ['a relative url', { name: 'a', url: '/x' }],
  ['another scheme', { name: 'a', url: 'file:///etc/passwd' }],
  ['a script', { name: 'a', url: 'javascript:alert(1)' }],
  ['a password in the url', { name: 'a', url: 'http://u:p@a/' }],
  ['a url that is too long', { name: 'a', url: `http://a/${'x'.repeat(LIMITS.urlLength)}` }],
  ['a ttl without unit', { name: 'a', url: 'http://a', ttl: '30' }],
  ['a ttl in numbers', { name: 'a', url: 'http://a', ttl: 30 }],
  ['a ttl that is too short', { name: 'a', url: 'http://a', ttl: '1ms' }],
  ['a ttl that is too long', { name: 'a', url: 'http://a', ttl: '25h' }],
  ['metadata that is text', { name: 'a', url: 'http://a', metadata: 'x' }],
  ['metadata that is too large', { name: 'a', url: 'http://a', metadata: { x: 'y'.repeat(LIMITS.metadataLength) } }],
])('refuses a request with %s, and says why', (_, body) => {
  expect(readRequest(body)).toMatchObject({ kind: 'invalid', message: expect.stringMatching(/\w{3}/) });
});

test('reads a request', () => {
  const url = 'https://127.0.0.1:3000/base';
  expect(readRequest({ name: 'mint', url })).toEqual({ name: 'mint', url, ttlMs: null, metadata: {} });
  expect(readRequest({ name: 'mint', url, ttl: '1m30s', metadata: { a: [1] } })).toEqual({
    ...{ name: 'mint', url, ttlMs: 90_000 },
    metadata: { a: [1] },
  });
});

test.each<[string, string, Caller, boolean]>([
  ['its own name', 'mint', mint1, true],
  ['its own name though it has no port', 'worker', { organ: 'worker', instance: 'worker' }, true],
  ['a name that nobody has', 'wallets', mint1, true],
  ['the name of another organ', 'aegis', mint1, false],
  ['the name of another organ that is not registered', 'worker', mint1, false],
  ['a name that another organ registered', 'tokens', mint1, false],
  ['a name that a sibling registered', 'coins', mint1, true],
])('an instance registers %s', (_, name, caller, allowed) => {
  const before = put(put(EMPTY_REGISTRY, 'tokens', aegis), 'coins', mint2);
  const outcome = register(before, request(name), caller, view, 0, AT);
  expect(outcome.kind).toBe(allowed ? 'done' : 'forbidden');
});

test('a name is free again once its last registration is gone', () => {
  const taken = put(put(EMPTY_REGISTRY, 'coins', mint1), 'coins', mint2);
  const one = done(withdraw(taken, 'coins', mint1, view));
  expect(register(one, request('coins'), aegis, view, 0, AT).kind).toBe('forbidden');
  const none = done(withdraw(one, 'coins', mint2, view));
  expect(register(none, request('coins'), aegis, view, 0, AT).kind).toBe('done');
});

test.each([
  ['heartbeat', (registry: Registry, name: string, caller: Caller) => heartbeat(registry, name, caller, view, 1)],
  ['withdraw', (registry: Registry, name: string, caller: Caller) => withdraw(registry, name, caller, view)],
])('%s is for the instance that registered', (_, act) => {
  const registry = put(EMPTY_REGISTRY, 'coins', mint1);
  expect(act(registry, 'coins', aegis)).toMatchObject({ kind: 'forbidden', message: expect.stringContaining('mint') });
  expect(act(registry, 'coins', mint2)).toMatchObject({
    kind: 'forbidden',
    message: expect.stringContaining('mint-1'),
  });
  expect(act(registry, 'aegis', mint1).kind).toBe('forbidden');
  expect(act(registry, 'mint', mint1).kind).toBe('unknown');
  expect(act(registry, 'nothing', mint1).kind).toBe('unknown');
  expect(act(registry, 'coins', mint1).kind).toBe('done');
});

test('an organ that registers its own name adds to what the supervisor knows', () => {
  const [service] = services(put(EMPTY_REGISTRY, 'mint', mint1, null, 0, { version: 2 }), view).filter(
    ({ name }) => name === 'mint',
  );
  expect(service).toEqual({
    ...{
      name: 'mint',
      url: 'http://mint-1',
      category: 'Some',
      health: 'Healthy',
      registeredAt: AT,
      metadata: { version: 2 },
    },
    instances: [
      { instance: 'mint-1', url: 'http://mint-1', health: 'Healthy' },
      { instance: 'mint-2', url: 'http://mint-2', health: 'Healthy' },
    ],
  });
});

test('an organ without a port is listed once it has registered itself, as healthy as the supervisor finds it', () => {
  expect(services(EMPTY_REGISTRY, view).map(({ name }) => name)).toEqual(['aegis', 'mint']);
  const registry = put(EMPTY_REGISTRY, 'worker', { organ: 'worker', instance: 'worker' });
  expect(services(registry, view).find(({ name }) => name === 'worker')).toMatchObject({
    url: 'http://at/worker',
    health: 'Healthy',
  });
});

test('a lease: Critical when its time has passed, dropped ten seconds later, alive again by a heartbeat', () => {
  const ttlMs = 3000;
  const registry = put(EMPTY_REGISTRY, 'coins', mint1, ttlMs);
  expect(expire(registry, ttlMs - 1).registry).toBe(registry);
  const late = expire(registry, ttlMs);
  expect(late.lapsed.map(({ name }) => name)).toEqual(['coins']);
  expect(health(late.registry, 'coins')).toBe('Critical');
  // Said once.
  expect(expire(late.registry, ttlMs + 1)).toEqual({ registry: late.registry, lapsed: [], dropped: [] });

  const back = done(heartbeat(late.registry, 'coins', mint1, view, 5000));
  expect(health(back, 'coins')).toBe('Healthy');
  expect(expire(back, 5000 + ttlMs - 1).registry).toBe(back);

  expect(expire(late.registry, ttlMs + GRACE_MS - 1).dropped).toEqual([]);
  const gone = expire(late.registry, ttlMs + GRACE_MS);
  expect(gone.dropped.map(({ name }) => name)).toEqual(['coins']);
  expect(gone.registry).toEqual([]);
});

test('a lapsed registration beside a live one leaves the service up', () => {
  const both = put(put(EMPTY_REGISTRY, 'coins', mint1, 1000), 'coins', mint2, 5000);
  const { registry } = expire(both, 2000);
  const service = services(registry, view).find(({ name }) => name === 'coins');
  expect(service?.health).toBe('Healthy');
  expect(service?.instances.map(({ health }) => health)).toEqual(['Critical', 'Healthy']);
});

test('what an ended instance registered goes with it', () => {
  const registry = put(put(put(EMPTY_REGISTRY, 'coins', mint1), 'mint', mint1), 'coins', mint2);
  const { registry: left, gone } = forgetInstance(registry, 'mint-1');
  expect(gone.map(({ name }) => name)).toEqual(['coins', 'mint']);
  expect(left.map(({ owner }) => owner.instance)).toEqual(['mint-2']);
  expect(forgetInstance(left, 'mint-1').registry).toBe(left);
});

test('one instance cannot fill the registry', () => {
  let registry: Registry = EMPTY_REGISTRY;
  for (let n = 0; n < LIMITS.perInstance; n++) registry = put(registry, `name-${n}`, mint1);
  expect(register(registry, request('one-more'), mint1, view, 0, AT).kind).toBe('too-many');
  expect(register(registry, request('name-0'), mint1, view, 0, AT).kind).toBe('done');
  expect(register(registry, request('one-more'), aegis, view, 0, AT).kind).toBe('done');
});

test('whatever is asked in whatever order: one owner for each name, one registration for each name and instance', () => {
  const callers = [mint1, mint2, aegis];
  const step = fc.record({
    what: fc.constantFrom('register', 'heartbeat', 'withdraw', 'forget', 'expire'),
    name: fc.constantFrom('mint', 'aegis', 'worker', 'coins', 'tokens'),
    caller: fc.constantFrom(...callers),
    ttlMs: fc.constantFrom(null, 1000, 60_000),
    pause: fc.nat(20_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let registry: Registry = EMPTY_REGISTRY;
      let now = 0;
      const take = (outcome: Outcome) => (outcome.kind === 'done' ? outcome.registry : registry);
      for (const { what, name, caller, ttlMs, pause } of steps) {
        now += pause;
        if (what === 'register') registry = take(register(registry, request(name, ttlMs), caller, view, now, AT));
        else if (what === 'heartbeat') registry = take(heartbeat(registry, name, caller, view, now));
        else if (what === 'withdraw') registry = take(withdraw(registry, name, caller, view));
        else if (what === 'forget') registry = forgetInstance(registry, caller.instance).registry;
        else registry = expire(registry, now).registry;

        const keys = registry.map(({ name, owner }) => `${name} ${owner.instance}`);
        expect(new Set(keys).size).toBe(keys.length);
        for (const { name, owner } of registry) {
          const isOrgan = view.organs.some((one) => one.name === name);
          expect(registry.every((other) => other.name !== name || other.owner.organ === owner.organ)).toBe(true);
          if (isOrgan) expect(owner.organ).toBe(name);
        }
        const names = services(registry, view).map((service) => service.name);
        expect(names).toEqual([...new Set(['mint', 'aegis', ...registry.map(({ name }) => name)])].sort());
      }
    }),
  );
});
