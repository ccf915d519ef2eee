import { describe, expect, test } from 'vitest';
import { History } from './rig/history.ts';
import { quiet } from './rig/organs.ts';
import { rig, type System } from './rig.ts';

/** A puppet that serves HTTP and is asked for its health every 100 ms. */
const web = (health: object = {}, more: object = {}) =>
  rig.puppet({ ports: { http: 'auto' }, health: { http: '/healthz', interval: '100ms', ...health }, ...more }, [
    '--listen',
  ]);

async function booted(organs: Record<string, object>): Promise<System> {
  const system = await rig.system({ yaml: { organs } });
  await system.expect(0, ['up', '-d']);
  await system.waitForEvent(({ type }) => type === 'system-ready');
  return system;
}

describe('the monitor', () => {
  test('one failed check is Degraded, three in a row are Critical', async () => {
    await using system = await booted({ web: web({ restart: false }) });
    await system.puppet('web').order({ health: { status: 500, body: 'no database' } });
    await system.waitFor(({ organs }) => organs[0]?.health === 'Critical');
    const told = new History(system.events).of('web').filter(({ type }) => type === 'health-changed');
    expect(told.map(({ data }) => data.to)).toEqual(['Healthy', 'Degraded', 'Critical']);
    expect(told[1]!.message).toContain('status 500, expected 200-299: no database');
    const { errors, reason } = await system.instance('web');
    expect(errors).toBeGreaterThanOrEqual(3);
    expect(reason).toContain('no database');
  });

  test('slow is Degraded; too slow is a failure with its reason', async () => {
    await using system = await booted({ web: web({ restart: false, slow: '50ms', timeout: '300ms' }) });
    await system.puppet('web').order({ health: { delayMs: 100 } });
    const slow = await system.waitFor(({ organs }) => organs[0]?.health === 'Degraded');
    expect(slow.organs[0]!.reason).toMatch(/slower than 50 ms/);
    await system.puppet('web').order({ health: { delayMs: 2000 } });
    const late = await system.waitFor(({ organs }) => organs[0]?.health === 'Critical');
    expect(late.organs[0]!.reason).toMatch(/timed out after 300 ms/);
  });

  test('a Critical verdict of its own restarts it', async () => {
    await using system = await booted({ web: web({ failures: 2 }, { restart: { policy: 'always', delay: '10ms' } }) });
    const before = await system.puppet('web').connected();
    await system.puppet('web').order({ health: { status: 500 } });
    expect(await system.puppet('web').connected(2)).not.toBe(before);
    const { organs } = await system.waitFor(
      (status) => status.organs[0]?.health === 'Healthy' && status.organs[0].restarts === 1,
    );
    expect(organs[0]).toMatchObject({ state: 'ready' });
    expect(system.isAlive(before)).toBe(false);
  });

  test('a process that hears nothing any more is found out', async () => {
    await using system = await booted({
      web: web(
        { failures: 2, timeout: '200ms' },
        { restart: { policy: 'always', delay: '10ms' }, stop: { timeout: '300ms' } },
      ),
    });
    process.kill(await system.puppet('web').connected(), 'SIGSTOP');
    await system.puppet('web').connected(2);
    await system.waitFor(({ organs }) => organs[0]?.health === 'Healthy');
  });

  test('a dependency that turns sick makes its dependents Degraded with that check, theirs too; and back with the one that passes', async () => {
    const health = { http: '/healthz', interval: '100ms', failures: 1000, restart: false };
    await using system = await booted({
      db: rig.puppet({ ports: { http: 'auto' }, health }, ['--listen']),
      api: quiet({ depends_on: ['db'] }),
      web: quiet({ depends_on: ['api'] }),
      other: quiet(),
    });
    const changes = () =>
      system.events.filter(({ type }) => type === 'health-changed' || type === 'system-status-changed');
    for (const [status, to, whole] of [
      [500, 'Degraded', 'Degraded'],
      [200, 'Healthy', 'Operational'],
    ] as const) {
      const heard = changes().length;
      await system.puppet('db').order({ health: { status } });
      await system.waitForEvent(
        ({ id, type, data }) =>
          id > (changes()[heard - 1]?.id ?? 0) && type === 'system-status-changed' && data.to === whole,
      );
      const told = changes().slice(heard);
      // One check, one decision: nothing comes in between, and nothing later.
      expect(told.map(({ instance, data }) => [instance, data.to])).toEqual([
        ['db', to],
        ['api', to],
        ['web', to],
        [null, whole],
      ]);
      expect(told.map(({ id }) => id - told[0]!.id)).toEqual([0, 1, 2, 3]);
      if (status === 500)
        expect(told[2]!.message).toMatch(
          /^web is Degraded, was Healthy: depends on api, which is Degraded: depends on db, which is Degraded: status 500/,
        );
    }
  });

  test('a supervisor that stood still finds nobody ill for it, not even whom it was asking just then', async () => {
    await using system = await booted({ web: web({ timeout: '1s', slow: '1s' }), other: quiet() });
    const puppet = system.puppet('web');
    await puppet.order({ health: { delayMs: 300 } }); // so that a check is under way nearly always
    const { asked } = await puppet.order({ asked: true });
    await expect.poll(async () => (await puppet.order({ asked: true })).asked).toBeGreaterThan(asked! + 1);
    const { system: whole } = await system.status();
    const heard = system.events.length;
    process.kill(whole.pid!, 'SIGSTOP');
    await puppet.order({ block: 2500 }); // the organ is busy meanwhile, and free again before anybody can know
    process.kill(whole.pid!, 'SIGCONT');
    const before = (await puppet.order({ asked: true })).asked!;
    await expect
      .poll(async () => (await puppet.order({ asked: true })).asked, { timeout: 5000 })
      .toBeGreaterThan(before + 2);
    expect(system.events.slice(heard).filter(({ type }) => type === 'health-changed')).toEqual([]);
    expect(await system.instance('web')).toMatchObject({ health: 'Healthy', restarts: 0 });
  });
});
