import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { chain, quiet } from './rig/organs.ts';
import { rig, type System } from './rig.ts';

/** An emergency shutdown from its cause to the boot after it. */

/** The order in which organs went. */
const gone = (system: System): (string | null)[] =>
  system.events.filter(({ type }) => type === 'organ-stopped').map(({ instance }) => instance);

async function expectLatched(system: System, reason: RegExp): Promise<void> {
  await system.nothingLeftSoon();
  for (const args of [['up', '-d'], ['up']]) {
    const { stderr } = await system.expect(5, args);
    expect(stderr).toMatch(reason);
    expect(stderr).toContain('azora emergency --clear');
  }
  expect(system.processes(), 'a refused up starts nothing').toEqual([]);
}

test('a critical organ fails for good: everything goes in reverse order, up ends with 5 and the post-mortem, and refuses', async () => {
  const organs = {
    ...chain(['base', 'middle', 'top'], quiet),
    vault: rig.puppet({ critical: true, restart: 'never', depends_on: ['base'] }),
  };
  await using system = await rig.system({ yaml: { name: 'bank', organs } });
  const up = system.start(['up']);
  await system.waitForEvent(({ type }) => type === 'system-ready');
  const pids = (await system.status()).organs.map(({ pid }) => pid!);
  await system.puppet('vault').order({ say: 'the books do not balance' });
  await system.puppet('vault').order({ exit: 9 });

  const { code, stderr } = await up.finished();
  expect(code).toBe(5);
  expect(gone(system)).toEqual(['top', 'middle', 'base']);
  expect(pids.filter((pid) => system.isAlive(pid))).toEqual([]);
  // The post-mortem: cause, how it came to it, last words.
  expect(stderr).toContain('# Emergency shutdown of bank');
  expect(stderr).toContain('- cause: critical organ vault failed: exited with code 9');
  expect(stderr).toContain('- left running: nothing');
  expect(stderr).toMatch(/organ-exited: vault \(pid \d+\) exited with code 9/);
  expect(stderr).toContain('the books do not balance');
  expect(stderr).toContain('Nothing starts until: azora emergency --clear');
  await expectLatched(system, /critical organ vault failed: exited with code 9/);
  const cleared = await system.expect(0, ['emergency', '--clear']);
  expect(cleared.stderr).toContain('cleared; it was: critical organ vault failed');
  await system.expect(0, ['up', '-d']);
});

test('who does not go by the deadline is killed', async () => {
  const deaf = { command: [rig.program('ignores-sigterm.sh')], health: { log: '^deaf$' }, stop: { timeout: '60s' } };
  const organs = { a: deaf, b: { ...deaf, depends_on: ['a'] }, c: { ...deaf, depends_on: ['b'] } };
  await using system = await rig.system({ yaml: { emergency: { deadline: '700ms' }, organs } });
  await system.expect(0, ['up', '-d']);
  system.listen();
  const { durationMs, stdout, stderr } = await system.expect(0, ['emergency', 'the', 'keys', 'have', 'leaked']);
  expect(system.processes()).toEqual([]);
  expect(durationMs).toBeGreaterThan(700);
  expect(durationMs).toBeLessThan(4000);
  expect(stdout).toContain('- cause: the keys have leaked');
  const report = stderr.match(/The report is kept in (\S+)/)![1]!;
  expect(readFileSync(report, 'utf8').trim()).toBe(stdout.trim());
  expect(stdout).toContain('was killed by azora with SIGKILL (the emergency deadline has passed)');
  await expectLatched(system, /the keys have leaked/);
  await system.expect(0, ['up', '-d', '--clear-emergency']);
});

test('a Critical finding is an emergency where the file says so, and a critical organ’s failure where it does not is none', async () => {
  const organs = { web: quiet(), vault: rig.puppet({ critical: true, restart: 'never' }) };
  const check = { name: 'the seal holds', exec: 'test ! -e broken', severity: 'Critical' };
  await using system = await rig.system({
    yaml: { security: { interval: '200ms', checks: [check] }, emergency: { on: ['security-critical'] }, organs },
  });
  await system.expect(0, ['up', '-d']);
  await system.waitForEvent(({ type }) => type === 'system-ready');
  await system.puppet('vault').order({ exit: 9 });
  await system.waitFor(({ organs: [, vault] }) => vault?.state === 'failed');
  expect((await system.status()).system.phase).toBe('ready');

  system.write('broken', '');
  const { data } = await system.waitForEvent(({ type }) => type === 'emergency-shutdown');
  expect(data.reason).toBe('security finding check:the seal holds: the security check "the seal holds" failed');
  await expectLatched(system, /the seal holds/);
  expect(existsSync(system.state.bootDocument)).toBe(false);
});
