import { afterEach, expect, test } from 'vitest';
import { Client } from '../../../organs/kit/client.ts';
import { openDoor } from '../../../src/adapters/registry/door.ts';
import { startRegistry } from '../../../src/adapters/registry/server.ts';
import type { RegistryView } from '../../../src/core/registry.ts';
import { someTokens } from './rig.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

test('the organs’ own client registers, finds others and takes back', async () => {
  const tokens = someTokens();
  const instances = [1, 2].map((n) => ({
    instance: `mint-${n}`,
    url: `http://127.0.0.1:4100${n}`,
    health: 'Healthy' as const,
  }));
  const url = 'http://127.0.0.1:41001';
  const mint = { name: 'mint', category: 'Financial-Services', health: 'Healthy' as const, url, instances };
  const view: RegistryView = { status: 'Operational', organs: [{ ...mint, registeredAt: '2026-11-23T08:00:00.000Z' }] };
  const registry = await startRegistry({
    door: await openDoor({ host: '127.0.0.1', port: 0 }),
    ...{ view: () => view, verifyToken: (token) => tokens.verify(token) },
    onRegistered: () => {},
    onWithdrawn: () => {},
    log: (message) => expect.unreachable(message),
  });
  closing.push(() => registry.close());
  const token = tokens.issue({ organ: 'mint', instance: 'mint-1' });
  const client = new Client({ env: { AZORA_REGISTRY_URL: registry.url, AZORA_TOKEN: token }, cacheMs: 0 });
  closing.push(() => client.close());

  expect((await client.discover('mint')).map(({ instance }) => instance)).toEqual(['mint-1', 'mint-2']);
  const takeBack = await client.register('wallets', 'http://127.0.0.1:9/', { currencies: ['AZR'] }, 30_000);
  const wallets = (await client.services()).find(({ name }) => name === 'wallets');
  expect(wallets).toMatchObject({ url: 'http://127.0.0.1:9/', metadata: { currencies: ['AZR'] }, health: 'Healthy' });
  await takeBack();
  expect((await client.services()).map(({ name }) => name)).toEqual(['mint']);
});
