import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { SystemEvent } from '../../../src/core/events.ts';
import { rig } from '../rig.ts';
import { answers, booted, rest, seenBy } from './shared.ts';

/** How often organs are looked at, and what comes of it. */

const asked = (name: string, more: object) =>
  rest({
    health: { http: `\${organs.server.url}/as/${name}`, ...more },
    depends_on: { server: { condition: 'healthy' } },
  });

const ready = (program: string) => [rig.node, '-e', `${program}; setInterval(() => {}, 1e6)`];

const system = booted(
  {
    yaml: {
      health: { interval: '150ms' },
      organs: {
        server: answers(),
        'by-system': asked('by-system', {}),
        'by-itself': asked('by-itself', { interval: '1h' }),
        timely: asked('timely', { timeout: '200ms', restart: false }),
        patient: asked('patient', { timeout: '5s', slow: '10s', restart: false }),
        slow: asked('slow', { slow: '300ms', restart: false }),
        'after-two': asked('failing', { failures: 2, restart: false }),
        'after-many': asked('failing', { failures: 1000, restart: false }),
        'quick-again': asked('failing', { failures: 2, successes: 1, restart: false }),
        'slowly-again': asked('failing', { failures: 2, successes: 1000, restart: false }),
        healed: asked('healed', { failures: 1 }),
        unhealed: asked('healed', { failures: 1, restart: false }),
        'says-log': rest({ command: 'echo nearly; echo ready at last; sleep 1000', health: { log: '^ready' } }),
        'says-fd': rest({ command: 'echo >&3; sleep 1000', health: { fd: 3 } }),
        'says-ipc': { command: ready("process.send('ready')"), health: { ipc: 'ready' } },
        ...Object.fromEntries(
          [
            ['log', 'echo nearly; sleep 1000', '^ready'],
            ['fd', 'echo >&4; sleep 1000', 3],
            ['ipc', ready("process.send('soon')"), 'ready'],
          ].map(([kind, command, value]) => [
            `mute-${kind}`,
            { command, health: { [kind as string]: value, start_timeout: '1s' }, restart: 'never' },
          ]),
        ),
      },
    },
  },
  { code: 1 },
);

const healthOf = (organ: string, to: string) => (event: SystemEvent) =>
  event.type === 'health-changed' && event.organ === organ && event.data.to === to && event.data.from !== 'Unknown';
const make = (name: string) => system().write(name, '');
const unmake = (name: string) => rmSync(system().path(name));

describe('readiness', () => {
  test.each(['log', 'fd', 'ipc'])('health.%s: ready when it says so, and not before', async (kind) => {
    expect(await system().instance(`says-${kind}`)).toMatchObject({ state: 'ready', reason: null });
    expect(await system().instance(`mute-${kind}`)).toMatchObject({ state: 'failed' });
  });

  test('health.start_timeout: not ready by then is a failed start', async () => {
    const { reason } = await system().instance('mute-log');
    expect(reason).toContain('not ready within 1.0 s');
  });
});

describe('the monitor', () => {
  test('health.interval: the system’s, and an organ’s own instead', async () => {
    await expect
      .poll(async () => (await seenBy(system(), 'server'))['/as/by-system']?.length ?? 0, { timeout: 10_000 })
      .toBeGreaterThan(8);
    expect((await seenBy(system(), 'server'))['/as/by-itself']).toHaveLength(1);
  });

  test('health.timeout: an answer that takes longer has failed; health.slow: one that takes longer is Degraded', async () => {
    for (const name of ['timely', 'patient', 'slow']) make(`${name}.slow`);
    const late = await system().waitForEvent(healthOf('timely', 'Degraded'));
    expect(late.message).toMatch(/200 ms/);
    const slow = await system().waitForEvent(healthOf('slow', 'Degraded'));
    expect(slow.message).toMatch(/answered in \d+ ms, slower than 300 ms/);
    expect((await system().instance('slow')).errors).toBe(0);
    await system().waitForEvent(healthOf('timely', 'Critical'));
    expect(await system().instance('patient')).toMatchObject({ health: 'Healthy', errors: 0 });
  });

  test('health.failures: so many in a row are Critical; health.successes: so many in a row are Healthy again', async () => {
    make('failing.fails');
    const critical = await system().waitForEvent(healthOf('after-two', 'Critical'));
    expect(critical.message).toContain('2 checks in a row failed');
    await system().waitForEvent(healthOf('slowly-again', 'Critical'));
    await system().waitForEvent(healthOf('quick-again', 'Critical'));
    expect(await system().instance('after-many')).toMatchObject({ health: 'Degraded' });
    unmake('failing.fails');
    await system().waitForEvent(healthOf('quick-again', 'Healthy'));
    await system().waitForEvent(healthOf('after-many', 'Healthy'));
    const slowly = await system().waitFor(({ organs }) =>
      organs.some(({ organ, reason }) => organ === 'slowly-again' && /recovering: \d+ of 1000/.test(reason ?? '')),
    );
    expect(slowly.organs.find(({ organ }) => organ === 'slowly-again')!.health).toBe('Critical');
  });

  test('health.restart: its own Critical verdict restarts it, unless false', async () => {
    make('healed.fails');
    await system().waitForEvent(({ type, organ }) => type === 'organ-restarting' && organ === 'healed');
    await system().waitForEvent(healthOf('unhealed', 'Critical'));
    unmake('healed.fails');
    await system().waitFor(({ organs }) =>
      organs.some(({ organ, state, restarts }) => organ === 'healed' && state === 'ready' && restarts > 0),
    );
    expect(await system().instance('unhealed')).toMatchObject({ restarts: 0, state: 'ready' });
  });

  test('without health an organ is assumed ready, and said so', async () => {
    await using other = await rig.system({ yaml: { organs: { plain: rest(), off: rest({ health: false }) } } });
    await other.expect(0, ['up', '-d']);
    const { organs } = await other.status();
    expect(organs.map(({ reason, health }) => [reason, health])).toEqual([
      ['assumed: it has no probe', 'Healthy'],
      ['assumed: it has no probe', 'Healthy'],
    ]);
  });
});
