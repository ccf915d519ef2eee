import { createClient, ErrorReply } from '@redis/client';
import { Conflict, messageOf, Unavailable, Unprocessable } from './errors.ts';
import type { Lifetime, State } from './state.ts';

/** Expiry as an argument of the scripts: 0 means none. */
const COMPARE_AND_SET = `
  if redis.call('TYPE', KEYS[1]).ok == 'hash' then return redis.error_reply('WRONGTYPE it is a hash') end
  local now = redis.call('GET', KEYS[1])
  if ARGV[1] == 'absent' then
    if now then return 0 end
  elseif now ~= ARGV[2] then return 0 end
  if ARGV[4] == '0' then redis.call('SET', KEYS[1], ARGV[3])
  else redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]) end
  return 1`;
const COMPARE_AND_DELETE = `
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  return redis.call('DEL', KEYS[1])`;
const INCREMENT = `
  local isNew = redis.call('EXISTS', KEYS[1]) == 0
  local value = redis.call('INCRBY', KEYS[1], ARGV[1])
  if value > 9007199254740991 or value < -9007199254740991 then
    redis.call('DECRBY', KEYS[1], ARGV[1])
    return redis.error_reply('ERR increment would overflow')
  end
  if isNew and ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
  return value`;
const HASH_INCREMENT = `
  local value = redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
  if value > 9007199254740991 or value < -9007199254740991 then
    redis.call('HINCRBY', KEYS[1], ARGV[1], -ARGV[2])
    return redis.error_reply('ERR increment would overflow')
  end
  return value`;

/** A Redis, through its standard client, which reconnects by itself. Calls while it is away fail after `timeoutMs`. */
export async function connectRedis(url: string, timeoutMs: number): Promise<State> {
  const redis = createClient({
    url,
    disableOfflineQueue: true, // a call must fail now rather than be carried out much later
    socket: { connectTimeout: timeoutMs, reconnectStrategy: (retries) => Math.min(2 ** retries * 50, 2000) },
  });
  let failure: Error | undefined;
  redis.on('error', (error: Error) => {
    failure = error;
  });

  let connected: Promise<unknown> | undefined;
  const ready = async () => {
    connected ??= redis.connect(); // settles once connected; until then it tries again and again
    await within(timeoutMs, connected);
  };
  const run = async <T>(command: () => Promise<T>): Promise<T> => {
    try {
      await ready();
      return await within(timeoutMs, command());
    } catch (error) {
      throw meaning(error, failure);
    }
  };
  const script = (source: string, key: string, ...args: string[]) =>
    run(() => redis.eval(source, { keys: [key], arguments: args })) as Promise<number>;
  const lifetime = ({ ttlMs }: Lifetime = {}) => String(ttlMs ?? 0);

  return {
    get: (key) => run(() => redis.get(key)),
    set: async (key, value, { ttlMs } = {}) => {
      await run(() =>
        ttlMs ? redis.set(key, value, { expiration: { type: 'PX', value: ttlMs } }) : redis.set(key, value),
      );
    },
    delete: async (key) => (await run(() => redis.del(key))) > 0,
    compareAndSet: async (key, expected, value, options) => {
      const state = expected === null ? 'absent' : 'present';
      return (await script(COMPARE_AND_SET, key, state, expected ?? '', value, lifetime(options))) === 1;
    },
    compareAndDelete: async (key, expected) => (await script(COMPARE_AND_DELETE, key, expected)) === 1,
    increment: (key, by = 1, options) => script(INCREMENT, key, String(by), lifetime(options)),
    expire: async (key, ttlMs) => {
      if (ttlMs !== null) return (await run(() => redis.pExpire(key, ttlMs))) === 1;
      await run(() => redis.persist(key));
      return (await run(() => redis.exists(key))) === 1;
    },
    timeLeft: async (key) => {
      const left = await run(() => redis.pTTL(key));
      return left < 0 ? null : left;
    },
    keys: async (prefix, limit = 1000) => {
      const found = new Set<string>();
      const MATCH = `${prefix.replace(/[*?[\]\\^]/g, '\\$&')}*`;
      let cursor = '0';
      do {
        const page = await run(() => redis.scan(cursor, { MATCH, COUNT: 500 }));
        for (const key of page.keys) found.add(key);
        cursor = page.cursor;
      } while (cursor !== '0' && found.size < limit);
      return [...found].slice(0, limit);
    },
    hashGet: (key, field) => run(() => redis.hGet(key, field)),
    hashGetAll: async (key) => ({ ...(await run(() => redis.hGetAll(key))) }),
    hashSet: async (key, fields) => {
      if (Object.keys(fields).length > 0) await run(() => redis.hSet(key, fields));
    },
    hashDelete: async (key, field) => (await run(() => redis.hDel(key, field))) > 0,
    hashIncrement: (key, field, by = 1) => script(HASH_INCREMENT, key, field, String(by)),
    ping: async () => void (await run(() => redis.ping())),
    close: async () => {
      if (redis.isReady) await redis.close();
      else if (redis.isOpen) redis.destroy();
    },
  };
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function meaning(error: unknown, connection: Error | undefined): Error {
  const message = messageOf(error);
  if (!(error instanceof ErrorReply)) {
    const why = connection ? `${message} (${messageOf(connection)})` : message;
    return new Unavailable(`redis cannot be reached: ${why}`, { cause: error });
  }
  if (message.includes('WRONGTYPE')) return new Conflict('the key holds another type', { cause: error });
  if (/not an integer|overflow/.test(message)) return new Unprocessable(message.toLowerCase(), { cause: error });
  return new Unavailable(`redis refused: ${message}`, { cause: error });
}
