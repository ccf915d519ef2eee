import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { quiet } from '../e2e/rig/organs.ts';
import { rig, type System } from '../e2e/rig.ts';
import { account, daemonPid, kill, outputOf, pause, pidsOf, query, random } from './support.ts';

const KILLS = rig.full ? 50 : 5;
/** What a FIFO holds, and so what a keeper may have read and not written. */
const AT_MOST_LOST = 64 * 1024;
const LINE_BYTES = '000000000 the quick brown fox jumps over\n'.length;

const writer = { command: [rig.node, rig.program('writes-numbers.mjs'), '40', '5'], stop: { timeout: '20s' } };

/** Waits until a supervisor and a keeper other than `before` have come to an agreement. */
async function replaced(system: System, before: number): Promise<void> {
  await system.waitFor(({ system: whole }) => whole.keeperPid !== null && whole.keeperPid !== before);
}

describe('a keeper that is killed', () => {
  test(`${KILLS} times under load: no organ dies, at most 64 KiB of each are lost, and that is said`, {
    timeout: 600_000,
  }, async () => {
    const seed = Number(process.env.AZORA_SEED ?? Date.now() % 1_000_000);
    const next = random(seed);
    const names = ['first', 'second', 'third'];
    await using system = await rig.system({
      yaml: {
        logs: { max_size: '1GB', max_files: 2, compress: 'none' },
        organs: Object.fromEntries(names.map((name) => [name, writer])),
      },
    });
    await system.expect(0, ['up', '-d']);
    const before = pidsOf(await system.status());
    for (let n = 0; n < KILLS; n++) {
      await pause(next() * 300);
      const keeper = await kill(system, 'keeper');
      if (keeper !== null) await replaced(system, keeper);
      expect(pidsOf(await system.status()), `seed ${seed}, kill ${n}`).toEqual(before);
    }
    expect(system.daemonLogs(), 'no supervisor fell over it').not.toMatch(/unhandledRejection|uncaughtException/);
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
    const accounts = names.map((name) => account(outputOf(system, name)));
    const said = query<{ message: string }>(system, "select message from events where type = 'warning'");
    const lost = accounts.map((each) => each.lost);
    const lines = accounts.reduce((all, each) => all + each.lines, 0);
    console.info(
      `seed ${seed}: ${KILLS} keepers killed; ${lines} lines written, lost of each organ: ${lost.join(', ')} lines ` +
        `(${lost.map((n) => n * LINE_BYTES).join(', ')} bytes), 0 organs died`,
    );
    for (const each of accounts) {
      expect(each.lives).toBe(1);
      expect(each.doubled).toBe(0);
      expect(each.lost * LINE_BYTES).toBeLessThanOrEqual(AT_MOST_LOST * KILLS);
    }
    const deaths = said.filter(({ message }) => /the keeper was killed.*64 KiB.*may be lost/.test(message));
    expect(deaths).toHaveLength(KILLS);
  });

  test('while a spawn, a stop and a backoff are under way: nothing is started twice, nothing hangs', async () => {
    const frail = { command: 'sleep 0.2; exit 3', restart: { delay: '300ms', factor: 1, jitter: 0, limit: 1000 } };
    const deaf = { command: [rig.program('ignores-sigterm.sh')], health: { log: '^deaf$' }, stop: { timeout: '2s' } };
    await using system = await rig.system({
      yaml: { organs: { frail, deaf, web: { command: [rig.program('keeps-a-ledger.sh'), 'web'] } } },
    });
    await system.expect(0, ['up', '-d']);
    for (let n = 0; n < 2; n++) {
      const stop = system.start(['stop', 'deaf']);
      const restart = system.start(['restart', 'web']);
      await system.waitFor(({ organs }) => organs.some(({ state }) => state === 'stopping'));
      await kill(system, 'keeper');
      expect((await stop.finished()).code, stop.stderr).toBe(0);
      expect((await restart.finished()).code, restart.stderr).toBe(0);
      const lives = readFileSync(system.path('ledger-web'), 'utf8').trim().split('\n');
      expect(lives.filter((line) => system.isAlive(Number(line.split(' ')[0])))).toEqual([lives.at(-1)]);
      await system.expect(0, ['start', 'deaf']);
    }
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
  });

  test('together with its supervisor: the next command brings both back, with the same pids', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet(), other: quiet() } } });
    await system.expect(0, ['up', '-d']);
    await system.expect(0, ['stop', 'other']);
    const { pid } = await system.instance('web');
    await Promise.all([kill(system, 'supervisor'), kill(system, 'keeper')]);
    expect(system.isAlive(pid!)).toBe(true);
    await system.expect(0, ['status']);
    // That the stop has ended may not have been written down yet: it is then ended again.
    const { organs } = await system.waitFor(({ organs: all }) => all.every(({ state }) => state !== 'stopping'));
    expect(organs.map(({ state, pid }) => [state, pid])).toEqual([
      ['ready', pid],
      ['stopped', null],
    ]);
    await Promise.all([kill(system, 'keeper'), kill(system, 'supervisor')]);
    await system.expect(0, ['up', '-d']);
    expect(await system.instance('web')).toMatchObject({ state: 'ready', pid });
    expect(await system.instance('other')).toMatchObject({ state: 'stopped' });
    await Promise.all([kill(system, 'keeper'), kill(system, 'supervisor')]);
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
  });

  test('before a supervisor that died with it could find the new one: that one starts another by itself', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const { pid } = await system.instance('web');
    const supervisor = daemonPid(system, 'supervisor')!;
    const keeper = await kill(system, 'keeper');
    await expect.poll(() => daemonPid(system, 'keeper'), { interval: 2, timeout: 5000 }).not.toBeNull();
    process.kill(supervisor, 'SIGKILL');
    await expect.poll(() => daemonPid(system, 'supervisor'), { timeout: 15_000 }).not.toBeNull();
    const { system: whole, organs } = await system.status();
    expect(whole.keeperPid).not.toBe(keeper);
    expect(organs[0]).toMatchObject({ state: 'ready', pid });
  });
});

describe('what is not known for certain', () => {
  test('after a reboot of the machine (another boot id) what was written down is dead: nothing is signalled', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet(), other: quiet() } } });
    await system.expect(0, ['up', '-d']);
    await system.expect(0, ['stop', 'other']);
    const { bootId } = (await system.status()).system;
    const { pid } = await system.instance('web');
    await Promise.all([kill(system, 'supervisor'), kill(system, 'keeper')]);
    for (const path of [system.state.journal, system.state.bootDocument]) {
      writeFileSync(
        path,
        readFileSync(path, 'utf8').replaceAll(/"machineBootId":"[^"]*"/g, '"machineBootId":"before"'),
      );
    }
    const status = await system.run(['status', '--json']);
    expect(status.code).toBe(3);
    await system.expect(0, ['up', '-d']);
    expect(system.isAlive(pid!)).toBe(true); // for this azora, somebody else's
    const after = await system.status();
    expect(after.system.bootId).not.toBe(bootId);
    expect(after.organs.map(({ state, restarts }) => [state, restarts])).toEqual([
      ['ready', 0],
      ['stopped', 0],
    ]);
    process.kill(pid!, 'SIGKILL');
  });

  test('a recorded pid that a stranger has now is never signalled', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const { pid } = await system.instance('web');
    await Promise.all([kill(system, 'supervisor'), kill(system, 'keeper')]);
    process.kill(pid!, 'SIGKILL');
    const stranger = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    try {
      // As if the kernel had given the number out again: what the journal says of that pid is of an earlier process.
      const journal = readFileSync(system.state.journal, 'utf8');
      writeFileSync(system.state.journal, journal.replaceAll(`"pid":${pid}`, `"pid":${stranger.pid}`));
      await system.status();
      await system.waitFor(({ organs }) => organs[0]?.state === 'ready');
      expect((await system.instance('web')).pid).not.toBe(stranger.pid);
      await system.expect(0, ['down']);
      expect(system.isAlive(stranger.pid!)).toBe(true);
    } finally {
      stranger.kill('SIGKILL');
    }
  });

  test('sockets and locks left behind, and a boot document that nobody can read, are healed', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    await system.expect(0, ['up', '-d']);
    await Promise.all([kill(system, 'supervisor'), kill(system, 'keeper')]);
    expect(existsSync(system.state.supervisorSocket) && existsSync(system.state.keeperLock)).toBe(true);
    await system.expect(0, ['down']);
    await system.expect(0, ['up', '-d']);
    const { pid } = await system.instance('web');
    await Promise.all([kill(system, 'supervisor'), kill(system, 'keeper')]);
    writeFileSync(system.state.bootDocument, '{"config":');
    await system.expect(0, ['up', '-d']);
    expect(system.isAlive(pid!)).toBe(false); // of a boot that is not known any more: gone before its namesake starts
    expect(await system.instance('web')).toMatchObject({ state: 'ready' });
  });
});
