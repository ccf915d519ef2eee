import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { connectState, type State } from '../kit/index.ts';
import { startOrgan, temporaryFolder } from '../kit/testing.ts';
import { state } from './organ.ts';
import { isInstalled, startRedis } from './redis.fixture.ts';

const noRedis = !isInstalled('redis-server');
if (noRedis) console.warn('the Redis half of the state client’s tests is skipped: redis-server is not installed');

const EXPIRY = { timeout: 10_000, interval: 10 };

/** The same promises, kept by the organ and by a Redis. */
describe.each([
  ['the organ state', false],
  ['redis', true],
])('the state client on %s', (_, isRedis) => {
  let redis: Awaited<ReturnType<typeof startRedis>> | undefined;
  const folder = mkdtempSync(join(tmpdir(), 'redis-'));
  beforeAll(async () => {
    if (isRedis && !noRedis) redis = await startRedis(folder);
  });
  afterAll(async () => {
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const it = test.skipIf(isRedis && noRedis);
  let prefixes = 0;
  const key = (name: string) => `${prefixes}:${name}`;

  async function open(): Promise<State> {
    prefixes += 1;
    const env: NodeJS.ProcessEnv = redis
      ? { REDIS_URL: redis.url }
      : { STATE_URL: (await startOrgan(state({ folder: temporaryFolder() }))).url };
    const client = connectState({ env });
    onTestFinished(() => client.close());
    await client.ping();
    return client;
  }

  it('keeps a string, gives it back, forgets it', async () => {
    const client = await open();
    expect(await client.get(key('a'))).toBeNull();
    await client.set(key('a'), 'one');
    await client.set(key('a'), 'two\n\u{1F511}');
    expect(await client.get(key('a'))).toBe('two\n\u{1F511}');
    expect(await client.delete(key('a'))).toBe(true);
    expect(await client.delete(key('a'))).toBe(false);
    expect(await client.get(key('a'))).toBeNull();
  });

  it('any key and value come back as they were', async () => {
    const client = await open();
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
    const refused = new Set(['.', '..', '__proto__']);
    const word = text.filter((t) => !/[\p{Cc}\p{Cs}]/u.test(t) && !refused.has(t));
    const property = fc.asyncProperty(word, fc.string({ unit: 'grapheme' }), async (name, value) => {
      await client.set(key(name), value);
      expect(await client.get(key(name))).toBe(value);
      await client.hashSet(key(`hash ${name}`), { [name]: value });
      expect(await client.hashGet(key(`hash ${name}`), name)).toBe(value);
    });
    const strange = ['%2F', '/', '../..', '?', '#', '*', 'constructor', 'a b', '%'];
    await fc.assert(property, { numRuns: 30, examples: strange.map((name) => [name, '']) });
  });

  it('compares and sets, for one of many who try at once', async () => {
    const client = await open();
    expect(await client.compareAndSet(key('lock'), 'nobody', 'me')).toBe(false);
    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, i) => client.compareAndSet(key('lock'), null, `me ${i}`)),
    );
    expect(taken.filter(Boolean)).toHaveLength(1);
    const owner = `me ${taken.indexOf(true)}`;
    expect(await client.get(key('lock'))).toBe(owner);
    expect(await client.compareAndDelete(key('lock'), 'someone else')).toBe(false);
    expect(await client.compareAndSet(key('lock'), owner, 'next', { ttlMs: 60_000 })).toBe(true);
    expect(await client.timeLeft(key('lock'))).toBeGreaterThan(50_000);
    expect(await client.compareAndDelete(key('lock'), 'next')).toBe(true);
    expect(await client.get(key('lock'))).toBeNull();
  });

  it('counts, many at once, and no addition is lost', async () => {
    const client = await open();
    await Promise.all(Array.from({ length: 50 }, (_, i) => client.increment(key('n'), (i % 5) - 1)));
    expect(await client.get(key('n'))).toBe('50');
    expect(await client.increment(key('n'), -60)).toBe(-10);
    await Promise.all(Array.from({ length: 20 }, () => client.hashIncrement(key('h'), 'n', 2)));
    expect(await client.hashGet(key('h'), 'n')).toBe('40');
  });

  it('forgets what has expired; a counter’s time runs from its first increment', async () => {
    const client = await open();
    await client.set(key('short'), 'x', { ttlMs: 50 });
    await client.increment(key('window'), 1, { ttlMs: 1500 });
    expect(await client.increment(key('window'), 1, { ttlMs: 60_000 })).toBe(2);
    expect(await client.timeLeft(key('window'))).toBeLessThanOrEqual(1500);
    await vi.waitFor(async () => expect(await client.get(key('short'))).toBeNull(), EXPIRY);
    await vi.waitFor(async () => expect(await client.keys(`${prefixes}:`)).toEqual([]), EXPIRY);

    await client.set(key('kept'), 'x', { ttlMs: 60_000 });
    expect(await client.timeLeft(key('kept'))).toBeGreaterThan(50_000);
    expect(await client.expire(key('kept'), null)).toBe(true);
    expect(await client.timeLeft(key('kept'))).toBeNull();
    await client.set(key('again'), 'x', { ttlMs: 60_000 });
    await client.set(key('again'), 'y');
    expect(await client.timeLeft(key('again'))).toBeNull();
    expect(await client.expire(key('nothing'), 1000)).toBe(false);
  });

  it('keeps hashes, which are gone with their last field', async () => {
    const client = await open();
    expect(await client.hashGetAll(key('h'))).toEqual({});
    await client.hashSet(key('h'), { a: '1', b: '2' });
    await client.hashSet(key('h'), { b: '3' });
    expect(await client.hashGetAll(key('h'))).toEqual({ a: '1', b: '3' });
    expect(await client.hashGet(key('h'), 'c')).toBeNull();
    expect(await client.hashDelete(key('h'), 'a')).toBe(true);
    expect(await client.hashDelete(key('h'), 'a')).toBe(false);
    await client.hashDelete(key('h'), 'b');
    expect(await client.keys(key('h'))).toEqual([]);
    await client.hashSet(key('h'), { a: '1' });
    await client.expire(key('h'), 30);
    await vi.waitFor(async () => expect(await client.hashGetAll(key('h'))).toEqual({}), EXPIRY);
  });

  it('lists keys by their beginning, taken literally', async () => {
    const client = await open();
    for (const name of ['user:1', 'user:2', 'use', 'us*r:3', 'other']) await client.set(key(name), 'x');
    expect((await client.keys(key('user:'))).sort()).toEqual([key('user:1'), key('user:2')]);
    expect(await client.keys(key('us*r'))).toEqual([key('us*r:3')]);
    expect(await client.keys(key('us'), 2)).toHaveLength(2);
  });

  it('refuses another type, what is not a number, and too large a number', async () => {
    const client = await open();
    await client.set(key('text'), 'abc');
    await client.hashSet(key('hash'), { field: 'abc' });
    await client.set(key('large'), String(Number.MAX_SAFE_INTEGER));
    await expect(client.hashGet(key('text'), 'a')).rejects.toMatchObject({ code: 'conflict' });
    await expect(client.get(key('hash'))).rejects.toMatchObject({ code: 'conflict' });
    await expect(client.increment(key('hash'))).rejects.toMatchObject({ code: 'conflict' });
    await expect(client.compareAndSet(key('hash'), null, 'x')).rejects.toMatchObject({ code: 'conflict' });
    await expect(client.increment(key('text'))).rejects.toMatchObject({ code: 'unprocessable' });
    await expect(client.hashIncrement(key('hash'), 'field')).rejects.toMatchObject({ code: 'unprocessable' });
    await expect(client.increment(key('large'))).rejects.toMatchObject({ code: 'unprocessable' });
    expect(await client.get(key('large'))).toBe(String(Number.MAX_SAFE_INTEGER));
    await expect(client.increment(key('n'), 0.5)).rejects.toMatchObject({ code: 'bad_request' });
    await expect(client.set('', 'x')).rejects.toMatchObject({ code: 'bad_request' });
    await expect(client.set('..', 'x')).rejects.toMatchObject({ code: 'bad_request' });
    await expect(client.hashSet('h', JSON.parse('{"__proto__":"x"}'))).rejects.toMatchObject({ code: 'bad_request' });
    await expect(client.set(key('a'), 'x', { ttlMs: 0 })).rejects.toMatchObject({ code: 'bad_request' });
  });

  it('says within its time that nobody is there, and works once somebody is', async () => {
    const env = isRedis ? { REDIS_URL: 'redis://127.0.0.1:1' } : { STATE_URL: 'http://127.0.0.1:1' };
    const client = connectState({ env, timeoutMs: 300 });
    onTestFinished(() => client.close());
    const startedAt = performance.now();
    await expect(client.get('a')).rejects.toMatchObject({ code: 'unavailable' });
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});
