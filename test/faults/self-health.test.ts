import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { firstOutput, runFixture } from '../adapters/sqlite/rig.ts';
import { quiet } from '../e2e/rig/organs.ts';
import { rig, type System } from '../e2e/rig.ts';
import { daemonPid, kill } from './support.ts';

/**
 * What keeps azora from doing its work as it should degrades the system and is said with its reason; when it is over, all is
 * Operational again. (A full disk: disk.test.ts. An event loop that stood still: itself.test.ts.)
 */

async function booted(organs: Record<string, object>): Promise<System> {
  const system = await rig.system({ yaml: { organs } });
  await system.expect(0, ['up', '-d']);
  await system.waitForEvent(({ type }) => type === 'system-ready');
  return system;
}

/** The system's status becomes this, for that reason; events before `after` do not count. */
async function expectStatus(system: System, to: string, reason: RegExp, after = 0): Promise<number> {
  const event = await system.waitForEvent(
    ({ id, type, data }) => id > after && type === 'system-status-changed' && data.to === to,
    40_000,
  );
  expect(event.message).toMatch(reason);
  return event.id;
}

describe('azora itself is not well', () => {
  test('while its database is locked by somebody', async () => {
    await using system = await booted({ web: quiet() });
    const holder = runFixture('lock-holder', [system.state.database, 'writes']);
    await firstOutput(holder);
    const restarted = system.run(['restart', 'web']); // something to write down
    const at = await expectStatus(system, 'Degraded', /azora itself: .*locked by another process/);
    const { stdout } = await system.expect(0, ['status']);
    expect(stdout).toContain('azora itself is not well; why: azora events --type system-status-changed');
    holder.stdin!.end();
    await once(holder, 'exit');
    await expectStatus(system, 'Operational', /is Operational, was Degraded$/, at);
    expect((await restarted).code).toBe(0);
    expect((await system.expect(0, ['status'])).stdout).not.toContain('not well');
  });

  test('while output cannot be kept, and how much is lost is counted', async () => {
    await using system = await booted({ talker: rig.puppet() });
    const folder = join(system.state.logs, 'talker');
    writeFileSync(folder, 'a file where its folder is to be'); // it has said nothing so far, and so has none
    const talk = setInterval(
      () =>
        void system
          .puppet('talker')
          .order({ say: 'a line' })
          .catch(() => {}),
      100,
    );
    try {
      const at = await expectStatus(system, 'Degraded', /azora itself: the output of talker is not kept in full/);
      const { registryUrl } = (await system.status()).system;
      const metrics = async () => (await fetch(`${registryUrl}/metrics`)).text();
      await expect.poll(metrics, { timeout: 10_000 }).toMatch(/^azora_log_lost_bytes_total\{.*talker.*\} [1-9]\d*$/m);
      rmSync(folder);
      mkdirSync(folder, { mode: 0o700 });
      await expectStatus(system, 'Operational', /was Degraded$/, at);
    } finally {
      clearInterval(talk);
    }
  });

  test('while the keeper is gone, and while it does not answer', async () => {
    await using system = await booted({ web: quiet() });
    const { pid } = await system.instance('web');
    await kill(system, 'keeper');
    let at = await expectStatus(system, 'Degraded', /azora itself: the keeper is gone/);
    at = await expectStatus(system, 'Operational', /was Degraded$/, at);

    const keeper = daemonPid(system, 'keeper')!;
    process.kill(keeper, 'SIGSTOP');
    try {
      at = await expectStatus(
        system,
        'Degraded',
        new RegExp(`the keeper \\(pid ${keeper}\\) has not answered for 5 s`),
        at,
      );
    } finally {
      process.kill(keeper, 'SIGCONT');
    }
    await expectStatus(system, 'Operational', /was Degraded$/, at);
    expect(await system.instance('web')).toMatchObject({ pid, state: 'ready', restarts: 0 });
  });
});
