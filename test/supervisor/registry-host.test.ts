import { expect, onTestFinished, test, vi } from 'vitest';
import type { RegistryOptions } from '../../src/adapters/registry/server.ts';
import type { SystemState } from '../../src/core/machine/state.ts';
import { RegistryHost, type RegistryMeans } from '../../src/supervisor/registry-host.ts';

/** As much of a state as the registry looks at: one organ, `web`, whose instances are ready or not. */
function stateOf(ready: Record<string, boolean>): SystemState {
  const instances = Object.entries(ready).map(([name, isReady]) => [
    name,
    { name, organ: 'web', state: { tag: isReady ? 'ready' : 'waiting' }, verdict: { level: 'Healthy' } },
  ]);
  const web = { name: 'web', category: null, replicas: instances.length, labels: {} };
  return {
    config: { organs: { web } },
    boot: { phase: 'stopped' },
    instances: new Map(instances as []),
  } as unknown as SystemState;
}

async function host(): Promise<{
  show(state: SystemState): void;
  record(): void;
  instances(): Promise<string[] | null>;
}> {
  let recorded: SystemState | null = null;
  let state: SystemState | null = null;
  const means = {
    state: () => state,
    urlOf: (instance: string) => `http://127.0.0.1:1/${instance}`,
    say: () => {},
    warn: (message: string) => expect.fail(message),
    hide: <T>(value: T) => value,
    metrics: () => '',
    events: { subscribe: () => () => {} },
    tokens: { bearerOf: () => null },
  } as unknown as RegistryMeans;
  const registry = new RegistryHost(means);
  await registry.start({ host: '127.0.0.1', port: 'auto' }, null);
  onTestFinished(() => registry.close());
  return {
    show: (next) => (state = next),
    record: () => {
      registry.onChanged(recorded, state!);
      recorded = state;
    },
    async instances() {
      const response = await fetch(`${registry.url}/services/web`, { headers: { connection: 'close' } });
      if (!response.ok) return null;
      const { instances } = (await response.json()) as { instances: { instance: string }[] };
      return instances.map(({ instance }) => instance);
    },
  };
}

test('a service stays while one of its instances is ready, whoever looks between a change and its record', async () => {
  const web = await host();
  web.show(stateOf({ 'web-1': false, 'web-2': true }));
  web.record();
  expect(await web.instances()).toEqual(['web-2']);
  web.show(stateOf({ 'web-1': true, 'web-2': true }));
  expect(await web.instances()).toContain('web-2');
  web.record();
  web.show(stateOf({ 'web-1': true, 'web-2': false }));
  expect(await web.instances()).toEqual(['web-1']);
  web.record();
  // As the wave of a restart goes on: one is there again and the other goes, in one step.
  web.show(stateOf({ 'web-1': false, 'web-2': true }));
  expect(await web.instances()).toEqual(['web-2']);
});

test('what was looked at before it was recorded is there once it is', async () => {
  const web = await host();
  web.show(stateOf({ web: false }));
  web.record();
  web.show(stateOf({ web: true }));
  await web.instances();
  web.record();
  expect(await web.instances()).toEqual(['web']);
});

test('closed before anybody has asked, it was never loaded, and leaves its port', async () => {
  const registry = new RegistryHost({} as RegistryMeans);
  await registry.start({ host: '127.0.0.1', port: 'auto' }, null);
  const { port } = registry;
  await registry.close();
  const next = new RegistryHost({} as RegistryMeans);
  await next.start({ host: '127.0.0.1', port: port! }, null);
  expect(next.port).toBe(port);
  await next.close();
});

test('it is loaded without being asked too, since an upgrade may take its files away', async () => {
  const startRegistry = vi.fn(({ door }: RegistryOptions) => ({ close: () => door.close() }));
  vi.doMock('../../src/adapters/registry/server.ts', () => ({ startRegistry }));
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
    vi.doUnmock('../../src/adapters/registry/server.ts');
  });
  const registry = new RegistryHost({} as RegistryMeans);
  await registry.start({ host: '127.0.0.1', port: 'auto' }, null);
  await vi.advanceTimersByTimeAsync(1999);
  await vi.dynamicImportSettled();
  expect(startRegistry).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  await vi.dynamicImportSettled();
  expect(startRegistry).toHaveBeenCalledOnce();
  await registry.close();
});
