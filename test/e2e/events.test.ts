import { expect, test } from 'vitest';
import type { SystemEvent } from '../../src/core/events.ts';
import { replay } from '../../src/core/replay.ts';
import type { StatusDocument } from '../../src/core/status.ts';
import { quiet } from './rig/organs.ts';
import { rig, type System } from './rig.ts';

async function eventsOf(system: System, ...more: string[]): Promise<SystemEvent[]> {
  const { stdout, stderr } = await system.expect(0, ['events', '--json', ...more]);
  expect(stderr).toBe('');
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as SystemEvent);
}

/** What `status` shows, as a replay would. */
function shown({ system, organs }: StatusDocument) {
  return {
    phase: system.phase,
    status: system.status,
    instances: Object.fromEntries(
      organs.map(({ organ, instance, state, health }) => [instance, { organ, state, health }]),
    ),
  };
}

function replayed(events: readonly SystemEvent[]) {
  const { phase, status, instances } = replay(events);
  return { phase, status, instances: Object.fromEntries(instances) };
}

/** Status and events are asked for one after the other, so that something may happen in between. */
async function expectSame(system: System): Promise<void> {
  await expect
    .poll(
      async () => {
        const before = shown(await system.status());
        return JSON.stringify(replayed(await eventsOf(system))) === JSON.stringify(before) ? 'same' : before;
      },
      { timeout: 10_000 },
    )
    .toBe('same');
}

test('replaying the events gives the states of status: after a boot, faults, acts, a new supervisor, and down', async () => {
  const fast = { delay: '20ms', limit: 2, jitter: 0 };
  const organs = {
    db: quiet(),
    api: rig.puppet({ depends_on: ['db'], restart: { ...fast, limit: 10 } }),
    web: rig.puppet({ ports: { http: 'auto' }, health: { http: '/healthz', interval: '100ms', restart: false } }, [
      '--listen',
    ]),
    app: quiet({ depends_on: ['web'] }),
    bad: { command: 'exit 3', restart: fast, health: { log: '^never$' } },
    stuck: quiet({ depends_on: { bad: { condition: 'healthy' } } }),
    job: { kind: 'task', command: 'exit 0', depends_on: ['db'] },
    extra: quiet({ autostart: false }),
    many: quiet({ replicas: 2 }),
  };
  await using system = await rig.system({ yaml: { organs } });
  await system.run(['up', '-d']);
  await expectSame(system);

  process.kill(await system.puppet('api').connected(), 'SIGKILL');
  await system.puppet('api').connected(2);
  await system.puppet('web').order({ health: { status: 500 } });
  await system.waitFor(({ organs }) => organs.some(({ organ, health }) => organ === 'web' && health === 'Critical'));
  await expectSame(system);

  await system.expect(0, ['stop', 'db']);
  await system.expect(0, ['start', 'extra']);
  await system.run(['restart', 'many-1', 'bad']);
  await expectSame(system);

  const { system: whole } = await system.status();
  process.kill(whole.pid!, 'SIGKILL');
  await system.waitFor(({ system: { pid } }) => pid !== whole.pid);
  await expectSame(system);

  await system.puppet('web').order({ health: { status: 200 } });
  await system.waitFor(({ organs }) => organs.some(({ organ, health }) => organ === 'web' && health === 'Healthy'));
  await expectSame(system);

  const { extra: _extra, many, ...kept } = organs;
  const reloaded = { ...kept, many: { ...many, replicas: 3 }, fresh: quiet() };
  system.write('azora.yaml', JSON.stringify({ version: 1, organs: reloaded }));
  await system.run(['reload']);
  await system.waitFor((now) => now.organs.some(({ organ, state }) => organ === 'fresh' && state === 'ready'));
  await expectSame(system);

  await system.expect(0, ['down']);
  const { phase, status, instances } = replay(await eventsOf(system));
  expect([phase, status]).toEqual(['stopped', 'Offline']);
  expect(new Set([...instances.values()].map(({ state }) => state))).toEqual(new Set(['stopped']));
});

test('ids grow, across boots and supervisors; filters pick; with nothing running all is there', async () => {
  await using system = await rig.system({ yaml: { organs: { web: quiet(), other: quiet() } } });
  await system.expect(0, ['up', '-d']);
  await system.expect(0, ['down']);
  await system.expect(0, ['up', '-d']);
  await system.expect(0, ['down']);
  const all = await eventsOf(system);
  expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).toSorted((a, b) => a - b));
  expect(new Set(all.map(({ bootId }) => bootId)).size).toBe(2);
  expect(Object.keys(all[0]!)).toEqual(['id', 'ts', 'bootId', 'type', 'organ', 'instance', 'message', 'data']);
  expect(all.filter(({ type }) => type === 'system-ready')).toHaveLength(2);

  const ready = await eventsOf(system, '--type', 'organ-ready', '--organ', 'web');
  expect(ready.map(({ type, organ }) => [type, organ])).toEqual([
    ['organ-ready', 'web'],
    ['organ-ready', 'web'],
  ]);
  const since = await eventsOf(system, '--since', ready[1]!.ts);
  expect(since[0]!.ts >= ready[1]!.ts).toBe(true);
  expect(since.length).toBeLessThan(all.length);
  expect(await eventsOf(system, '--since', '0s')).toEqual([]);
  await system.expect(2, ['events', '--type', 'organ-redy']);
  await system.expect(3, ['events', '-f']);
});

test('-f shows what happens, past a supervisor that is killed, until the system is down', async () => {
  await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
  await system.expect(0, ['up', '-d']);
  const following = system.start(['events', '-f', '--json']);
  await following.waitForLine(/"type":"system-ready"/);
  process.kill((await system.status()).system.pid!, 'SIGKILL');
  await following.waitForLine(/"type":"supervisor-started"/);
  await system.expect(0, ['restart', 'web']);
  await system.expect(0, ['down']);
  const { code, stdout } = await following.finished();
  expect(code).toBe(0);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as SystemEvent);
  expect(events.at(-1)!.type).toBe('system-stopped');
  expect(events.filter(({ type }) => type === 'organ-ready')).toHaveLength(2);
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
});
