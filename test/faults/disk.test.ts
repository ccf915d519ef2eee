import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { quiet } from '../e2e/rig/organs.ts';
import { rig, type System, type SystemOptions } from '../e2e/rig.ts';
import { kill, outputOf, pidsOf, query } from './support.ts';

/** Who may mount a small disk of its own: only root, and not in every container. */
const canMount = ((): boolean => {
  const place = mkdtempSync(join(tmpdir(), 'azora-small-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', place], { stdio: 'ignore' });
    execFileSync('umount', [place]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(place, { recursive: true });
  }
})();
if (!canMount) console.info('skipped: a small disk can be mounted by root only');

class SmallDisk {
  readonly #system: System;
  readonly #root: string;

  /** The system's state folder on a disk of 24 MB. */
  constructor(system: System, kind: 'tmpfs' | 'ext4' = 'tmpfs') {
    this.#system = system;
    this.#root = system.state.root;
    mkdirSync(this.#root, { mode: 0o700 });
    const mount =
      kind === 'tmpfs'
        ? 'mount -t tmpfs -o size=24m none .azora'
        : 'truncate -s 24M disk && mkfs.ext4 -q disk && mount -o loop disk .azora';
    execFileSync('sh', ['-c', `${mount} && chmod 700 .azora`], { cwd: system.folder, stdio: 'ignore' });
  }

  /** To the last byte. */
  fill(): void {
    for (const size of [65_536, 4096, 1]) {
      try {
        for (;;) writeFileSync(this.#filler, Buffer.alloc(size, 1), { flag: 'a' });
      } catch {
        // Until not even this much fits.
      }
    }
  }

  makeRoom(): void {
    rmSync(this.#filler, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.makeRoom();
    await this.#system.run(['down', '--force']);
    execFileSync('umount', ['--lazy', this.#root]);
  }

  get #filler(): string {
    return join(this.#root, 'filler');
  }
}

async function systemOnASmallDisk(options: SystemOptions): Promise<{ system: System; disk: SmallDisk }> {
  const system = await rig.system(options);
  return { system, disk: new SmallDisk(system) };
}

const frail = { command: 'sleep 0.3; exit 3', restart: { delay: '100ms', factor: 1, limit: 100_000 } };
const hasty = { command: 'sleep 0.02; exit 3', restart: { ...frail.restart, delay: '20ms' } };
const talker = { command: 'echo ready; while :; do echo "tick $$$$"; sleep 0.02; done', health: { log: '^ready$' } };

describe.skipIf(!canMount)('a full disk', () => {
  test('while logging and committing: supervision goes on, and says so; all is well when there is space again', async () => {
    const { system, disk } = await systemOnASmallDisk({ yaml: { organs: { talker, frail, web: quiet() } } });
    await using _system = system;
    await using _disk = disk;
    await system.run(['up', '-d', '--wait-timeout', '10s']);
    disk.fill();
    const refill = setInterval(() => disk.fill(), 50); // what gives way (the database's ballast) is filled up too
    const full = await system.waitFor(({ system: { status } }) => status === 'Degraded' || status === 'Critical');
    // Degraded by `frail` it may have been before.
    await system.waitForEvent(
      ({ type, message }) =>
        type === 'system-status-changed' && /azora itself: .*(MiB are free|no space left)/.test(message),
    );
    const restartsOf = (status: typeof full) => status.organs.find(({ organ }) => organ === 'frail')!.restarts;
    await system.waitForEvent(
      ({ type, message }) => type === 'warning' && /output of talker is not kept in full.*no space left/.test(message),
    );

    // A supervisor that dies is replaced, with the same processes.
    const replaced = async () => {
      const { frail: _, ...pids } = pidsOf(await system.status());
      const dead = await kill(system, 'supervisor');
      const after = await system.waitFor(({ system: whole }) => whole.pid !== dead);
      expect(pidsOf(after)).toMatchObject(pids);
    };
    await replaced();

    // Organs are healed, stopped, started and reloaded.
    const before = restartsOf(await system.status());
    await system.waitFor((status) => restartsOf(status) >= before + 3);
    await system.expect(0, ['stop', 'web']);
    expect(await system.instance('web')).toMatchObject({ state: 'stopped' });
    await system.expect(0, ['start', 'web']);
    system.write('azora.yaml', JSON.stringify({ version: 1, organs: { talker, frail, web: quiet(), more: quiet() } }));
    await system.expect(0, ['reload']);
    await system.waitFor(({ organs }) => organs.some(({ organ, state }) => organ === 'more' && state === 'ready'));

    clearInterval(refill);
    disk.makeRoom();
    await system.waitForEvent(({ message }) => message === 'the output of talker is kept again');
    const { length } = outputOf(system, 'talker');
    await expect.poll(() => outputOf(system, 'talker').length).toBeGreaterThan(length);
    await system.waitForEvent(({ type, message }) => type === 'warning' && /written again/.test(message));
    // What was decided meanwhile is written down now.
    await expect.poll(() => readFileSync(system.state.bootDocument, 'utf8'), { timeout: 5000 }).toContain('"more"');
    await replaced();
    await system.expect(0, ['down']);
    const kept = query<{ message: string }>(system, 'select message from events');
    expect(kept.some(({ message }) => /more is (ready|stopped)/.test(message))).toBe(true);
    expect(kept.some(({ message }) => /is stopped: no process of it is left/.test(message))).toBe(true);
    await system.expectNothingLeft();
  });

  test('in an emergency: everything goes down all the same, and stays down', async () => {
    const { system, disk } = await systemOnASmallDisk({ yaml: { organs: { talker, web: quiet() } } });
    await using _system = system;
    await using _disk = disk;
    await system.expect(0, ['up', '-d']);
    disk.fill();
    system.listen();
    await system.expect(0, ['emergency', 'the disk is full']);
    await system.expectNothingLeft();
    expect(system.events.find(({ type, message }) => type === 'warning' && message.includes('latch'))?.message).toMatch(
      /^the emergency latch .* is not what it should be: ENOSPC/,
    );
    disk.makeRoom();
    await system.expect(5, ['up', '-d']);
    await system.expect(0, ['emergency', '--clear']);
    await system.expect(0, ['up', '-d']);
  });

  test('and a keeper killed meanwhile: its successor knows whom it has to care for', async (context) => {
    await using system = await rig.system({
      yaml: { organs: { web: quiet(), late: quiet({ autostart: false }), frail: hasty } },
    });
    let disk: SmallDisk;
    try {
      // One of its own kind: where everything is in memory there is nothing that a full disk would leave room for.
      disk = new SmallDisk(system, 'ext4');
    } catch {
      return context.skip('no disk can be made out of a file here');
    }
    await using _disk = disk;
    await system.run(['up', '-d', '--wait-timeout', '5s']);
    disk.fill();
    const refill = setInterval(() => disk.fill(), 20);
    await system.waitFor(({ organs }) => organs[2]!.restarts >= 40); // more than the journal's last block has room for
    await system.expect(0, ['stop', 'frail']);
    await system.expect(0, ['start', 'late']);
    await system.expect(0, ['restart', 'web']);
    const before = pidsOf(await system.status());
    const dead = await kill(system, 'keeper');
    await system.waitForEvent(({ message }) => /^the keeper was killed; a new one/.test(message));
    await system.waitForEvent(({ type, organ }) => type === 'organ-adopted' && organ === 'late');
    const after = await system.status();
    expect(after.system.keeperPid).not.toBe(dead);
    expect(pidsOf(after)).toEqual(before);
    clearInterval(refill);
    disk.makeRoom();
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
  });
});
