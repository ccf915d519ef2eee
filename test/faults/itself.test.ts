import { execFile } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { quiet } from '../e2e/rig/organs.ts';
import { rig, type System } from '../e2e/rig.ts';
import { daemonPid, pidsOf } from './support.ts';

if (!rig.hearsNodeOptions)
  console.warn('a supervisor that misbehaves is not tested: nothing can be put into the single binary');
const misbehaving = { NODE_OPTIONS: `--import=${rig.program('misbehaves.mjs')}` };

function tellSupervisor(system: System, what: string): void {
  const file = join(system.state.root, 'misbehave');
  writeFileSync(`${file}.new`, what);
  renameSync(`${file}.new`, file); // whole when it is seen
}

describe('the supervisor itself', () => {
  test('SIGTERM is an orderly stop, in reverse order; a second one kills', async () => {
    const deaf = { command: [rig.program('ignores-sigterm.sh')], health: { log: '^deaf$' }, stop: { timeout: '60s' } };
    await using system = await rig.system({
      yaml: { organs: { base: quiet(), deaf: { ...deaf, depends_on: ['base'] } } },
    });
    await system.expect(0, ['up', '-d']);
    const supervisor = daemonPid(system, 'supervisor')!;
    process.kill(supervisor, 'SIGTERM');
    const status = await system.waitFor(({ organs }) =>
      organs.some(({ organ, state }) => organ === 'deaf' && state === 'stopping'),
    );
    expect(status.organs.find(({ organ }) => organ === 'base')?.state).toBe('ready');
    process.kill(supervisor, 'SIGTERM');
    await expect.poll(() => system.processes().length, { timeout: 10_000 }).toBe(0);
    await system.expect(3, ['status']);
  });

  test.skipIf(!rig.hearsNodeOptions)(
    'a promise that nobody handles: it ends with its stack in the log, and the next one takes over',
    async () => {
      await using system = await rig.system({ yaml: { organs: { web: quiet() } }, env: misbehaving });
      await system.expect(0, ['up', '-d']);
      const before = await system.status();
      tellSupervisor(system, 'reject');
      await system.waitFor(({ system: whole }) => whole.pid !== before.system.pid);
      expect(pidsOf(await system.status())).toEqual(pidsOf(before));
      const log = readFileSync(join(system.state.run, 'supervisor.log'), 'utf8');
      expect(log).toMatch(/unhandledRejection: Error: nobody handles this\n\s+at /);
      expect(readFileSync(join(system.state.run, 'keeper.log'), 'utf8')).toContain('it exited with 1');
    },
  );

  test.skipIf(!rig.hearsNodeOptions)('an event loop that stood still degrades azora itself, and no organ', async () => {
    const web = rig.puppet(
      { ports: { http: 'auto' }, health: { http: '/healthz', interval: '200ms', timeout: '1s' } },
      ['--listen'],
    );
    await using system = await rig.system({ yaml: { organs: { web } }, env: misbehaving });
    await system.expect(0, ['up', '-d']);
    const { asked } = await system.puppet('web').order({ asked: true });
    tellSupervisor(system, 'stall:12000'); // beyond five seconds whenever it is looked
    const degraded = await system.waitFor(({ system: whole }) => whole.status === 'Degraded', 40_000);
    expect(degraded.organs[0]).toMatchObject({ state: 'ready', health: 'Healthy', restarts: 0 });
    const { message } = await system.waitForEvent(({ type }) => type === 'system-status-changed');
    expect(message).toMatch(/azora itself: azora stood still for \d+ s/);
    const since = (await system.puppet('web').order({ asked: true })).asked! - asked!;
    // What was overdue sixty times was asked for once, and then at the interval again.
    expect(since).toBeLessThan(40);
    expect(system.events.filter(({ type, data }) => type === 'health-changed' && data.to !== 'Healthy')).toEqual([]);
  });
});

describe('commands', () => {
  test.each(['logs', 'events', 'status --json'])('`azora %s` whose reader goes away ends quietly', async (command) => {
    const many = { command: 'for i in 1 2 3 4 5 6 7 8 9; do seq 1 9999; done; exec sleep 1000' };
    await using system = await rig.system({ yaml: { organs: { many } } });
    await system.expect(0, ['up', '-d']);
    const azora = process.env.AZORA_BIN ?? join(import.meta.dirname, '../../bin/azora');
    const script = `"$0" ${command} 2>err | head -c 1 >/dev/null; echo "\${PIPESTATUS[0]}"; cat err`;
    const { stdout } = await promisify(execFile)('bash', ['-c', script, azora], {
      cwd: system.folder,
      timeout: 30_000,
    });
    expect(stdout).toBe('0\n');
  });
});
