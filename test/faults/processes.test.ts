import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readStat } from '../../src/keeper/identity.ts';
import { childrenOf, markOf } from '../../src/keeper/process-table.ts';
import { freePort } from '../e2e/rig/free-port.ts';
import { History } from '../e2e/rig/history.ts';
import { quiet } from '../e2e/rig/organs.ts';
import { rig, type System } from '../e2e/rig.ts';
import { daemonPid, outputOf, query } from './support.ts';

/** Everything on this machine whose command line shows `token`. */
const census = (token: string): string[] =>
  execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(token));

/** What belongs to the system, its daemons and commands apart. */
const organsOf = (system: System) => system.processes().filter(({ command }) => !/^azora |bin\/azora/.test(command));

describe('trees', () => {
  test.each(['posix_spawn', 'child_process'])(
    'of six ways, the leader deaf too: a census finds nothing left of them (%s)',
    async (kind) => {
      const token = `300.${process.pid}${kind.length}`;
      const family = { command: [rig.program('six-ways.sh'), token], stop: { timeout: '300ms' } };
      await using system = await rig.system({ yaml: { organs: { family } }, env: { AZORA_SPAWNER: kind } });
      await system.expect(0, ['up', '-d']);
      const pids = () => outputOf(system, 'family').match(/\d+$/gm)?.map(Number) ?? [];
      await expect.poll(pids).toHaveLength(6);
      if (process.platform === 'linux') {
        const marked = (markOf(pids()[0]!) ?? 0n) > 0n && markOf(pids()[0]!)! > 2n ** 56n;
        expect(marked, 'the spawner that was asked for').toBe(kind === 'posix_spawn');
      }
      expect(pids().filter((pid) => !system.isAlive(pid))).toEqual([]);
      expect(census(token).length).toBeGreaterThanOrEqual(6);
      await system.expect(0, ['down']);
      expect(census(token)).toEqual([]);
      expect(pids().filter((pid) => system.isAlive(pid))).toEqual([]);
      await system.expectNothingLeft();
    },
  );

  test('a service that becomes a daemon is one that ended: never two of them, none left, and it is said', async () => {
    const restart = { policy: 'always', delay: '50ms', limit: 2, jitter: 0 };
    await using system = await rig.system({
      yaml: { organs: { old: { command: [rig.program('daemonises.sh')], restart } } },
    });
    await system.run(['up', '-d']);
    const { organs } = await system.waitFor((status) => status.organs[0]?.state === 'failed');
    expect(organs[0]!.reason).toMatch(/exited with code 0/);
    const daemons = readFileSync(system.path('daemons'), 'utf8').trim().split('\n').map(Number);
    expect(daemons).toHaveLength(3);
    expect(daemons.filter((pid) => system.isAlive(pid))).toEqual([]);
  });

  test('an organ that kills its whole group: said as not sent by azora, the rest of its tree is cleared, nobody else is hit', async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          suicide: { command: [rig.program('kills-its-group.sh')], health: { log: '^ready$' }, restart: 'never' },
          other: quiet(),
        },
      },
    });
    await system.expect(0, ['up', '-d']);
    const before = await system.status();
    const { organs } = await system.waitFor((status) => status.organs[0]?.state === 'failed');
    expect(organs[0]).toMatchObject({
      reason: 'was killed by SIGKILL, not sent by azora',
      exit: { code: null, signal: 'SIGKILL' },
    });
    const after = await system.status();
    expect(after.organs[1]).toMatchObject({ state: 'ready', pid: before.organs[1]!.pid });
    expect([after.system.pid, after.system.keeperPid]).toEqual([before.system.pid, before.system.keeperPid]);
    expect(organsOf(system).map(({ pid }) => pid)).toEqual([before.organs[1]!.pid]);
  });

  test.skipIf(process.platform !== 'linux')('a zombie keeps nothing from ending, and orphans become none', async () => {
    await using system = await rig.system({
      yaml: { organs: { web: { command: [rig.program('keeps-a-zombie.sh')] } } },
    });
    await system.expect(0, ['up', '-d']);
    const { pid } = await system.instance('web');
    const zombies = (parent: number) => childrenOf(parent).filter((child) => readStat(child)?.dead);
    await expect.poll(() => zombies(pid!)).toHaveLength(1);
    const keeper = daemonPid(system, 'keeper')!;
    // Orphans come all the while; each is reaped in its turn, so that there is a moment without any.
    await expect.poll(() => zombies(keeper), { interval: 3, timeout: 5000 }).toEqual([]);
    await system.expect(0, ['stop', 'web']);
    expect(await system.instance('web')).toMatchObject({ state: 'stopped', pid: null });
    expect(organsOf(system)).toEqual([]);
  });

  test('organs that end just when they would be killed: each is stopped, none is stuck', async () => {
    const names = Array.from({ length: 20 }, (_, n) => `late-${n}`);
    const late = (n: number) => ({
      command: [rig.program('ends-late.sh'), String(0.25 + n * 0.02)],
      health: { log: '^ready$' },
      stop: { timeout: '500ms' },
    });
    await using system = await rig.system({
      yaml: { organs: Object.fromEntries(names.map((name, n) => [name, late(n)])) },
    });
    await system.expect(0, ['up', '-d']);
    system.listen();
    await system.waitForEvent(({ type }) => type === 'system-ready');
    await system.expect(0, ['down']);
    const history = new History(system.events);
    for (const name of names) history.first(name, 'organ-stopped');
    expect(system.events.filter(({ type }) => type === 'organ-stuck' || type === 'organ-failed')).toEqual([]);
    const ends = query<{ code: number | null; signal: string | null }>(system, 'select code, signal from exits');
    expect(ends).toHaveLength(20);
    for (const { code, signal } of ends) expect([0, 'SIGKILL']).toContain(code ?? signal);
    await system.expectNothingLeft();
  });
});

describe('an organ that closes its own output', () => {
  test('is supervised as before: its end is known, and the next life is heard', async () => {
    const restart = { policy: 'always', delay: '20ms', limit: 1 };
    await using system = await rig.system({
      yaml: { organs: { mute: { command: [rig.program('closes-its-output.sh')], restart } } },
    });
    await system.run(['up', '-d']);
    const { organs } = await system.waitFor((status) => status.organs[0]?.state === 'failed');
    expect(organs[0]).toMatchObject({ restarts: 1, exit: { code: 5 } });
    expect(outputOf(system, 'mute')).toBe('before\nbefore\n');
    const { stdout } = await system.expect(0, ['logs', '--no-prefix', '--stderr']);
    expect(stdout).toBe('and here\nand here\n');
  });
});

describe('what an earlier life left behind', () => {
  test('is gone before the next one starts, so that its port is free', async () => {
    const memory = 'first-life';
    const organ = {
      command: [rig.node, rig.program('leaves-a-listener.mjs'), memory],
      ports: { http: await freePort() },
      health: { http: '/' },
      restart: { policy: 'always', delay: '10ms', limit: 3 },
    };
    await using system = await rig.system({ yaml: { organs: { web: organ } } });
    await system.expect(0, ['up', '-d']);
    const { organs } = await system.waitFor(
      (status) => status.organs[0]?.restarts === 1 && status.organs[0].state === 'ready',
    );
    expect(organs[0]).toMatchObject({ errors: 1, exit: { code: 1 } });
    expect(system.isAlive(Number(readFileSync(system.path(memory), 'utf8')))).toBe(false);
    expect(outputOf(system, 'web')).toContain(`${organs[0]!.pid} serves\n`);
  });
});

describe('the out-of-memory killer', () => {
  test('is said to have been it, of an organ that it killed', async (context) => {
    const group = memoryGroup(48 * 1024 * 1024);
    if (group === null) return context.skip('no memory cgroup can be made here');
    try {
      const eat = 'const all = []; for (;;) all.push(Buffer.alloc(1e6, 1));';
      const hungry = { command: `echo $$$$ >${group}/cgroup.procs; exec ${rig.node} -e '${eat}'`, restart: 'never' };
      await using system = await rig.system({ yaml: { organs: { hungry, other: quiet() } } });
      await system.run(['up', '-d']);
      const { organs } = await system.waitFor((status) => status.organs[0]?.state === 'failed');
      expect(organs[0]).toMatchObject({
        exit: { signal: 'SIGKILL' },
        reason: expect.stringContaining('was killed by SIGKILL: the machine ran out of memory'),
      });
      expect(organs[1]!.state).toBe('ready');
    } finally {
      rmdirSync(group);
    }
  });
});

/** A cgroup that may use so much memory and no swap; null where none can be made (Linux and root only). */
function memoryGroup(bytes: number): string | null {
  const root = existsSync('/sys/fs/cgroup/memory') ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup';
  const group = join(root, `azora-test-${process.pid}`);
  try {
    mkdirSync(group);
    const has = readdirSync(group);
    const limits = has.includes('memory.max')
      ? { 'memory.max': bytes, 'memory.swap.max': 0 }
      : { 'memory.limit_in_bytes': bytes, 'memory.memsw.limit_in_bytes': bytes };
    for (const [name, value] of Object.entries(limits)) {
      // Without swap of its own a kernel has no file for it.
      if (!name.includes('sw') || has.includes(name)) writeFileSync(join(group, name), String(value));
    }
    return group;
  } catch {
    if (existsSync(group)) rmdirSync(group);
    return null;
  }
}
