import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { monotonic } from '../adapters/clock.ts';
import { closeHigh } from '../adapters/descriptors.ts';
import { endNow } from '../adapters/end-now.ts';
import { failpoint } from '../adapters/failpoint.ts';
import { type Lock, lockHolder, takeLock } from '../adapters/lock.ts';
import { letGoOfStartUpAfter } from '../adapters/start-up-pages.ts';
import { createStateFolder, type StateFolder, stateFolder } from '../adapters/state-folder.ts';
import { ownVersion } from '../adapters/version.ts';
import { comeFrom, isOrphan } from './orphan.ts';
import { Wiring } from './wiring.ts';

/** By then the organs of a boot are being started. */
const LOAD_THE_REST_MS = 2000;
/** And now what was loaded is not needed all the time. */
const START_UP_MS = 5000;
/** One that was just killed may hold its lock for some moments more. */
const LOCK_MS = 2000;
const LOCK_AGAIN_MS = 20;
/** How often it is looked whether the keeper beside us is one by now: it boots as long as we do. */
const LOOK_AGAIN_MS = 2;

/**
 * The supervisor process. `--state-dir D` says whose. There is one at a time for each state folder: the lock says so, and a
 * second one ends at once. `--keeper PID`: whose child it is, or is about to be.
 */
export async function runSupervisor(argv: readonly string[]): Promise<void> {
  closeHigh();
  const { values } = parseArgs({
    args: [...argv],
    options: { 'state-dir': { type: 'string' }, keeper: { type: 'string' } },
  });
  const root = values['state-dir'];
  if (!root) throw new Error('__supervisor needs --state-dir');
  const folder = stateFolder(root);
  createStateFolder(folder);
  if (values.keeper !== undefined) {
    comeFrom(Number(values.keeper));
    await untilKept(folder, Number(values.keeper));
  }
  const lock = await lockWithin(LOCK_MS, folder.supervisorLock);
  if (!lock) {
    const why = isOrphan() ? 'my keeper is gone, and another supervisor owns' : 'another supervisor owns';
    console.error(`${new Date().toISOString()} ${why} ${folder.root}`);
    process.exit(0);
  }
  failpoint('supervisor:locked');
  // What was to be supervised has been brought down meanwhile: nobody waits for this one, or would end it.
  if (isOrphan() && !existsSync(folder.bootDocument)) process.exit(0);
  process.title = 'azora supervisor';
  // A bug: leave its stack in the log and end, so that the next supervisor takes over with a clean mind.
  for (const kind of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(kind, (error: unknown) => {
      console.error(`${new Date().toISOString()} ${kind}:`, error);
      endNow(1);
    });
  }
  const wiring = new Wiring(folder, ownVersion());
  process.on('SIGTERM', () => wiring.down('SIGTERM to the supervisor'));
  process.on('SIGINT', () => wiring.down('SIGINT to the supervisor'));
  process.on('SIGHUP', () => {}); // it belongs to no terminal
  await wiring.start();
  // What cannot be loaded now (no file descriptors left) is loaded when it is needed.
  setTimeout(() => void loadTheRest().catch(() => {}), LOAD_THE_REST_MS).unref();
  letGoOfStartUpAfter(START_UP_MS);
}

/** What was left out for a fast start: an upgrade may take the files away under a process that lives for months. */
async function loadTheRest(): Promise<void> {
  const { loadProbes } = await import('../adapters/probes/index.ts');
  await Promise.all([loadProbes(), import('./post-mortem.ts'), import('../adapters/sockets-table.ts')]);
}

/**
 * Waits until the keeper beside us is the folder's. Of two that are started at once one is not, and ends: its supervisor must
 * not have taken the place of the other's by then, and ends too.
 */
async function untilKept(folder: StateFolder, keeper: number): Promise<void> {
  for (;;) {
    const holder = lockHolder(folder.keeperLock);
    if (holder === keeper) return;
    // It could not write its number down (the disk is full), but it listens.
    if (holder === null && existsSync(folder.keeperSocket)) return;
    if (isOrphan()) process.exit(0);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/** An orphan does not wait: nobody would end it if everything else were brought down meanwhile. */
async function lockWithin(ms: number, path: string): Promise<Lock | null> {
  for (const deadline = monotonic() + ms; ; ) {
    const lock = takeLock(path);
    if (lock || isOrphan() || monotonic() > deadline) return lock;
    await new Promise((resolve) => setTimeout(resolve, LOCK_AGAIN_MS));
  }
}
