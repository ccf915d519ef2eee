import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { monotonic } from '../adapters/clock.ts';
import { closeHigh } from '../adapters/descriptors.ts';
import { failpoint } from '../adapters/failpoint.ts';
import { loadLibc } from '../adapters/libc.ts';
import { type Lock, lockHolder, takeLock } from '../adapters/lock.ts';
import type { Reaped } from '../adapters/posix-spawn.ts';
import { letGoOfStartUpAfter } from '../adapters/start-up-pages.ts';
import { createStateFolder, type StateFolder, stateFolder } from '../adapters/state-folder.ts';
import { ownVersion } from '../adapters/version.ts';
import { EXIT, fail } from '../core/failures.ts';
import { killVerified } from './identity.ts';
import type { Keeper } from './keeper.ts';
import type { KeeperMethods } from './protocol.ts';
import { KEEPER_PROTOCOL } from './protocol.ts';
import { createSpawner } from './spawner.ts';
import { SupervisorProcess } from './supervisor-process.ts';

/** A living keeper that does not answer for so long is not a reason to be quiet. */
const ANSWER_MS = 5000;
/** A supervisor that lives connects to its new keeper within milliseconds. */
const RETURN_MS = 5000;
/** By then a boot is over, or has come to what takes long. */
const START_UP_MS = 5000;

/**
 * `azora __keeper --state-dir D`: runs the keeper of a state folder until the system is down. Quietly does nothing when one runs
 * already. `--supervisor PID`: its child, which was started beside it; `--no-supervisor`: one runs and will connect by itself; of
 * both only the successors are to be started. `--alone`: none is ever started (tests).
 */
export async function runKeeper(argv: readonly string[]): Promise<void> {
  closeHigh();
  const { values } = parseArgs({
    args: [...argv],
    options: {
      'state-dir': { type: 'string' },
      supervisor: { type: 'string' },
      'no-supervisor': { type: 'boolean', default: false },
      alone: { type: 'boolean', default: false },
    },
  });
  const root = values['state-dir'] ?? fail('usage', '__keeper needs --state-dir');
  const folder = stateFolder(root);
  createStateFolder(folder);

  let beside = values.supervisor === undefined ? null : pidIn(values.supervisor);
  let lock: Lock | 'another' | null = takeLock(folder.keeperLock);
  if (!lock) {
    // Another keeper has a supervisor of its own. Ours is a child that has touched nothing, and must not outlive us.
    if (beside !== null) process.kill(beside, 'SIGKILL');
    beside = null;
    lock = await lockAfterAll(folder);
  }
  if (lock === 'another') process.exit(EXIT.done);
  if (!lock) {
    report(`keeper ${lockHolder(folder.keeperLock)} holds ${folder.keeperLock} and does not answer`);
    process.exit(EXIT.owned);
  }

  failpoint('keeper:locked');

  process.title = `azora keeper ${folder.root}`;
  process.on('uncaughtException', (error) => report(`unexpected, going on: ${error.stack}`));
  process.on('unhandledRejection', (error) =>
    report(`unexpected, going on: ${error instanceof Error ? error.stack : String(error)}`),
  );

  // The supervisor takes longest to come up: it begins before the rest of the keeper is loaded, and waits for its socket.
  let keeper: Keeper | null = null;
  const early: Reaped[] = [];
  const libc = loadLibc();
  const spawner = createSpawner(libc, (batch) => (keeper ? keeper.onReaped(batch) : early.push(...batch)));
  const supervisor = new SupervisorProcess({
    folder,
    spawner,
    report,
    onGoodbye: () => keeper?.onGoodbye(),
    starts: !values.alone,
    onGaveUp: () => keeper?.onGaveUp(),
    kill: killVerified,
  });
  if (beside !== null && spawner.kind === 'posix_spawn') supervisor.adopt(beside);
  else if (beside === null && !values['no-supervisor']) await supervisor.start();
  // The one that is said to run may have died before it found this keeper.
  else setTimeout(() => void supervisor.start(), RETURN_MS);
  failpoint('keeper:supervisor-started');

  const { Keeper: Class } = await import('./keeper.ts');
  keeper = new Class(folder, libc, { spawner, supervisor, report });
  keeper.onReaped(early);
  process.on('SIGHUP', () => {});
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Whoever wants the system down asks the supervisor; organs must not lose their parent by the way.
      if (keeper?.isIdle()) keeper.end(false);
      else report(`${signal} is not followed while organs run (azora down ends them)`);
    });
  }
  await keeper.start();
  letGoOfStartUpAfter(START_UP_MS);
}

/** 0 and below would be whole groups of processes. */
function pidIn(text: string): number {
  const pid = Number(text);
  return Number.isInteger(pid) && pid > 1 ? pid : fail('usage', `--supervisor ${text}: that is no pid`);
}

const report = (message: string): void => {
  try {
    writeSync(2, `${new Date().toISOString()} keeper ${process.pid}: ${message}\n`);
  } catch {
    // Its log cannot be written (disk full, folder gone): nobody is left to be told.
  }
};

/** Waits until the keeper that holds the lock answers, or has ended and left it. null: neither, and it lives. */
async function lockAfterAll(folder: StateFolder): Promise<Lock | 'another' | null> {
  const { connect } = await import('node:net');
  const { Channel } = await import('../adapters/socket/channel.ts');
  const deadline = monotonic() + ANSWER_MS;
  // It takes the lock before it listens: a refused connection may be a matter of milliseconds.
  for (let pause = 5; monotonic() < deadline; pause = Math.min(pause * 2, 200)) {
    const socket = connect(folder.keeperSocket);
    const channel = new Channel<Record<never, never>, KeeperMethods, Record<never, never>, Record<never, never>>(
      socket,
      { methods: {}, notices: {} },
    );
    try {
      await channel.request('hello', { protocol: KEEPER_PROTOCOL, version: ownVersion(), role: 'client' }, 2000);
      return 'another';
    } catch {
      await new Promise((resolve) => setTimeout(resolve, pause)); // asked again until the deadline
    } finally {
      channel.destroy();
    }
    const lock = takeLock(folder.keeperLock);
    if (lock) return lock;
  }
  return null;
}
