import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createClient } from '@redis/client';
import { expect, onTestFinished, test } from 'vitest';
import { startKafka, which } from '../../organs/event-bus/bus.fixture.ts';
import { startRedis } from '../../organs/state/redis.fixture.ts';
import { Caller } from './rig/caller.ts';
import { rig } from './rig.ts';

const root = resolve(import.meta.dirname, '../..');

const missing = ['redis-server', 'kcat'].filter((program) => which(program) === undefined);
if (missing.length > 0)
  console.warn(`Azora OS with a Redis and a Kafka is not tried: ${missing.join(' and ')} cannot be found`);

test.skipIf(missing.length > 0)(
  'Azora OS keeps its state in a Redis and tells its events through a Kafka',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'redis-'));
    const [redis, kafka] = await Promise.all([startRedis(folder), startKafka()]);
    onTestFinished(async () => {
      await Promise.all([redis.stop(), kafka.stop()]);
      rmSync(folder, { recursive: true, force: true });
    });
    await using system = await rig.system({
      yaml: { organs: {} },
      env: {
        AZORA_FILE: join(root, 'azora.yaml'),
        AZORA_STATE_DIR: '.azora',
        REDIS_URL: redis.url,
        KAFKA_BROKERS: kafka.address,
      },
    });
    await system.expect(0, ['up', '-d', 'api-gateway', 'user-service', 'analytics'], { timeoutMs: 120_000 });
    const user = new Caller((await system.instance('api-gateway')).url ?? '');
    user.token = (await user.post('/auth/signup', { username: 'thandi', password: 'correct horse battery' })).token;
    await user.get('/users/me');

    // what happened goes through Kafka to both replicas of analytics, and into the audit trail
    const seen = new Set<string>();
    await user.until('/analytics/dashboards/overview', async ({ topics, replicas }) => {
      const types = topics.flatMap((topic: { types: { type: string; events: number }[] }) => topic.types);
      const told = types.filter(({ type }: { type: string }) => /^(identity-created|account-opened)$/.test(type));
      expect(told.every(({ events }: { events: number }) => events === 1)).toBe(true);
      if (told.length === 2) seen.add(replicas.find(({ from }: { from: string }) => from === 'self').instance);
      return seen.size === 2;
    });
    await user.until('/compliance/audit/verify', async ({ valid, entries, anchor }) => {
      expect(valid).toBe(true);
      return entries >= 2 && anchor !== null;
    });

    // and the organs whose places those two have taken know nothing of it
    const client = createClient({ url: redis.url });
    await client.connect();
    expect(await client.exists('compliance:anchor')).toBe(1);
    await client.close();
    const [state, bus] = await Promise.all(['state', 'event-bus'].map((name) => system.instance(name)));
    expect(await new Caller(state?.url ?? '').get('/keys?prefix=compliance')).toMatchObject({ keys: [] });
    expect(JSON.stringify(await new Caller(bus?.url ?? '').get('/topics'))).not.toContain('aegis');
    await system.expect(0, ['down'], { timeoutMs: 60_000 });
    await system.expectNothingLeft();
  },
  180_000,
);
