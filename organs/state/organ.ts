import { type Context, Hono } from 'hono';
import * as z from 'zod';
import {
  type Health,
  log,
  NotFound,
  type Organ,
  openDatabase,
  readBody,
  readParams,
  readQuery,
  StateKey,
  StateValue,
  Step,
  Ttl,
} from '../kit/index.ts';
import { limitSize, probeStorage, rethrow } from '../kit/storage.ts';
import { migrations, PreconditionFailed, Store } from './store.ts';

export interface StateOrganOptions {
  readonly folder: string;
  /** Bytes that the database may grow to; default no limit but the disk. */
  readonly maxBytes?: number;
  /** A write that takes longer than this is slow, default 100 ms. */
  readonly slowMs?: number;
  /** How often what has expired is removed, default every 30 s. Reads never see it. */
  readonly sweepMs?: number;
  readonly now?: () => number;
}

const Key = z.object({ key: StateKey });
const Field = z.object({ key: StateKey, field: StateKey });
const NewValue = z.strictObject({ value: StateValue, ttlMs: Ttl.optional(), expected: StateValue.nullish() });
const Expected = z.strictObject({ expected: StateValue.optional() });
const Increment = z.strictObject({ by: Step.default(1), ttlMs: Ttl.optional() });
const FieldIncrement = z.strictObject({ by: Step.default(1) });
const Expiry = z.strictObject({ ttlMs: Ttl.nullable() });
const Fields = z.strictObject({ fields: z.record(StateKey, StateValue) });
const Page = z.strictObject({
  prefix: z.string().max(512).default(''),
  after: z.string().max(512).default(''),
  limit: z.coerce.number().int().min(1).max(10_000).default(1000),
});

/** State: what organs share, by key: strings, counters and hashes that may expire. */
export function state(options: StateOrganOptions): Organ {
  const { folder, maxBytes, slowMs = 100, sweepMs = 30_000, now = Date.now } = options;
  const db = openDatabase(folder, 'state', migrations);
  if (maxBytes !== undefined) limitSize(db, maxBytes);
  const store = new Store(db, now);
  const keyOf = (c: Context) => readParams(c, Key).key;

  const app = new Hono()
    .get('/ping', (c) => c.json({ keys: store.count() }))
    .get('/keys', (c) => {
      const { prefix, after, limit } = readQuery(c, Page);
      return c.json({ keys: store.keys(prefix, after, limit) });
    })
    .get('/keys/:key', (c) => {
      const key = keyOf(c);
      const { value, expiresInMs } = store.get(key) ?? missing(key);
      return c.json({ key, value, expiresInMs });
    })
    .get('/keys/:key/lifetime', (c) => {
      const key = keyOf(c);
      const { type, expiresInMs } = store.find(key) ?? missing(key);
      return c.json({ key, type, expiresInMs });
    })
    .put('/keys/:key', async (c) => {
      const key = keyOf(c);
      const { value, ttlMs, expected } = await readBody(c, NewValue);
      if (expected === undefined) store.set(key, value, ttlMs);
      else if (!store.compareAndSet(key, expected, value, ttlMs)) throw new PreconditionFailed(key);
      return c.json({ key, value, expiresInMs: ttlMs ?? null });
    })
    .delete('/keys/:key', async (c) => {
      const key = keyOf(c);
      const { expected } = await readBody(c, Expected);
      if (expected === undefined) return c.json({ key, deleted: store.delete(key) });
      if (!store.compareAndDelete(key, expected)) throw new PreconditionFailed(key);
      return c.json({ key, deleted: true });
    })
    .post('/keys/:key/increment', async (c) => {
      const key = keyOf(c);
      const { by, ttlMs } = await readBody(c, Increment);
      return c.json({ key, value: store.increment(key, by, ttlMs) });
    })
    .post('/keys/:key/expire', async (c) => {
      const key = keyOf(c);
      const { ttlMs } = await readBody(c, Expiry);
      return c.json({ key, exists: store.expire(key, ttlMs) });
    })
    .get('/hashes/:key', (c) => {
      const key = keyOf(c);
      return c.json({ key, fields: store.hash(key) ?? missing(key) });
    })
    .patch('/hashes/:key', async (c) => {
      const key = keyOf(c);
      const { fields } = await readBody(c, Fields);
      if (Object.keys(fields).length > 0) store.setFields(key, fields);
      return c.json({ key, set: Object.keys(fields).length });
    })
    .get('/hashes/:key/:field', (c) => {
      const { key, field } = readParams(c, Field);
      return c.json({ key, field, value: store.field(key, field) ?? missing(`${key} ${field}`) });
    })
    .delete('/hashes/:key/:field', (c) => {
      const { key, field } = readParams(c, Field);
      return c.json({ key, field, deleted: store.deleteField(key, field) });
    })
    .post('/hashes/:key/:field/increment', async (c) => {
      const { key, field } = readParams(c, Field);
      const { by } = await readBody(c, FieldIncrement);
      return c.json({ key, field, value: store.incrementField(key, field, by) });
    });
  app.onError(rethrow);

  let isClosed = false;
  const sweep = () => {
    try {
      if (!isClosed && store.sweep() > 0) setImmediate(sweep); // a bounded number at a time, requests in between
    } catch (error) {
      log(`what has expired cannot be removed: ${error}`); // the health check says the same, and makes it Critical
    }
  };
  const sweeper = setInterval(sweep, sweepMs);
  sweeper.unref();

  const health = (): Health => {
    const writeMs = probeStorage(db);
    const metrics = { keys: store.count(), writeMs };
    if (writeMs <= slowMs) return { status: 'pass', metrics };
    return { status: 'warn', reason: `slow: a write took ${Math.round(writeMs)} ms, over ${slowMs} ms`, metrics };
  };
  const close = () => {
    isClosed = true;
    clearInterval(sweeper);
    db.close();
  };
  return { name: 'state', app, health, close };
}

function missing(what: string): never {
  throw new NotFound(`there is no ${what}`);
}
