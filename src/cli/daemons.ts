import { existsSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { monotonic } from '../adapters/clock.ts';
import { canAskNow } from '../adapters/control/ask-now.ts';
import { Channel } from '../adapters/socket/channel.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { turn } from '../adapters/turn.ts';
import { FailureError, fail } from '../core/failures.ts';
import type { KeeperMethods } from '../keeper/protocol.ts';
import { KEEPER_PROTOCOL } from '../keeper/protocol.ts';
import { connectSupervisor, openSocket } from './connect.ts';
import type { Connection, Nothing } from './connection.ts';
import { answered, greetNow } from './direct-connection.ts';

/** From nothing to a supervisor that answers. */
const START_TIMEOUT_MS = 10_000;
/** The folder is watched; looking again now and then covers file systems that do not tell. */
const LOOK_AGAIN_MS = 100;

type KeeperChannel = Channel<Nothing, KeeperMethods, Nothing, Nothing>;

export interface KeeperConnection {
  readonly pid: number;
  /** Why it starts no supervisor any more of its own accord. */
  readonly gaveUp: string | null;
  readonly channel: KeeperChannel;
  readonly closed: Promise<void>;
}

/** Connects to the keeper as a client; null when none listens. */
export async function connectKeeper(folder: StateFolder, version: string): Promise<KeeperConnection | null> {
  const socket = await openSocket(folder.keeperSocket);
  if (!socket) return null;
  let onClosed = (): void => {};
  const closed = new Promise<void>((resolve) => {
    onClosed = resolve;
  });
  const channel: KeeperChannel = new Channel(socket, { methods: {}, notices: {}, onClose: () => onClosed() });
  try {
    const hello = await channel.request('hello', { protocol: KEEPER_PROTOCOL, version, role: 'client' }, 5_000);
    return { pid: hello.pid, gaveUp: hello.gaveUp ?? null, channel, closed };
  } catch (error) {
    channel.destroy();
    if (error instanceof FailureError && error.failure.kind === 'unreachable') return null; // It was ending just then.
    throw error;
  }
}

/**
 * The supervisor of a system that runs, or null when nothing runs. Starts nothing by itself, but where organs run without a
 * supervisor (it was killed, and perhaps the keeper with it) has one started that takes over.
 */
export async function findSupervisor(folder: StateFolder, version: string): Promise<Connection | null> {
  const connection = await connectSupervisor(folder, version);
  // One that has booted nothing waits for the `up` that had it started, or for its own end.
  if (connection && connection.hello.bootId !== null) return connection;
  connection?.close();
  if (!(await organsRun(folder, version))) return null;
  // The one that is started may find a system that was about to be down, and bring that to its end before anybody has reached it.
  const booted = existsSync(folder.bootDocument);
  return awaitSupervisor(folder, version, {
    isOfUse: () => !booted || existsSync(folder.bootDocument),
    busy: null,
  });
}

async function organsRun(folder: StateFolder, version: string): Promise<boolean> {
  const keeper = await connectKeeper(folder, version);
  if (!keeper) {
    const { organsLiveWithoutKeeper } = await import('./leftovers.ts');
    return organsLiveWithoutKeeper(folder);
  }
  try {
    const lives = await keeper.channel.request('lives', null);
    // The boot document exists from `up` to `down`, also while no organ happens to run.
    return lives.some((life) => life.exit === null) || existsSync(folder.bootDocument);
  } finally {
    keeper.channel.close();
  }
}

/**
 * Connects to the supervisor, after starting whatever of keeper and supervisor is not there. Within 10 s or `unreachable`.
 * @param busy what the caller computes meanwhile
 */
export async function startSupervisor(
  folder: StateFolder,
  version: string,
  busy: Promise<unknown> | null = null,
): Promise<Connection> {
  return (await awaitSupervisor(folder, version, { isOfUse: () => true, busy }))!;
}

/** null: there is no use for one any more, as `isOfUse` says. */
async function awaitSupervisor(
  folder: StateFolder,
  version: string,
  { isOfUse, busy }: { isOfUse: () => boolean; busy: Promise<unknown> | null },
): Promise<Connection | null> {
  const deadline = monotonic() + START_TIMEOUT_MS;
  let failed: string | null = null;
  const connection = await connectSupervisor(folder, version);
  if (connection) return connection;
  const keeper = await connectKeeper(folder, version);
  if (keeper) {
    try {
      await keeper.channel.request('ensureSupervisor', null, START_TIMEOUT_MS);
    } catch (cause) {
      if (!isOfUse()) return null;
      cannotStart(folder, cause instanceof Error ? cause.message : String(cause), cause);
    }
    keeper.channel.close();
  } else {
    const { keeperFor } = await import('./head-start.ts');
    const daemon = await keeperFor(folder);
    // One that finds another keeper there ends with 0, and that other one's supervisor is as good.
    void daemon.ended.then(({ code, signal }) => {
      if (code !== 0) failed = `the keeper ended at once, with ${signal ?? `code ${code}`}`;
    });
  }
  const greeted = busy && (await greetMeanwhile(folder, version, busy));
  const told = (found: Connection): Connection =>
    keeper?.gaveUp ? { ...found, notice: afterDeaths(keeper.gaveUp) } : found;
  if (greeted) return told(greeted);
  // Whoever has been busy is a command that has something to ask, and nothing else to do.
  const connect = busy ? connectDirectly : connectSupervisor;
  while (monotonic() < deadline && failed === null) {
    const found = await nextLook(folder, () => connect(folder, version));
    if (found) return told(found);
    if (!isOfUse()) return null;
  }
  return cannotStart(folder, failed ?? `it did not answer within ${START_TIMEOUT_MS / 1000} s`);
}

const afterDeaths = (why: string): string =>
  `the keeper had stopped starting supervisors (${why}); this command has had another one started, organs run on`;

/** Lets the caller compute, and greets the supervisor in between once it is there: by the end of that it has answered. */
async function greetMeanwhile(
  folder: StateFolder,
  version: string,
  busy: Promise<unknown>,
): Promise<Connection | null> {
  let isBusy = canAskNow();
  const free = (): void => {
    isBusy = false;
  };
  const isFree = busy.then(free, free);
  while (isBusy) {
    await turn();
    const greeting = greetNow(folder, version, false);
    if (!greeting) continue;
    await isFree;
    return answered(folder, version, greeting);
  }
  return null;
}

/** Tries to connect, now and after the next change in the folder of sockets. */
async function nextLook(folder: StateFolder, connect: () => Promise<Connection | null>): Promise<Connection | null> {
  const watcher = watch(folder.run);
  const changed = new Promise<void>((resolve) => {
    watcher.once('change', () => resolve());
    watcher.once('error', () => resolve()); // Looking again now and then is enough.
    setTimeout(resolve, LOOK_AGAIN_MS);
  });
  try {
    const connection = await connect();
    if (connection) return connection;
    await changed;
    return await connect();
  } finally {
    watcher.close();
  }
}

async function connectDirectly(folder: StateFolder, version: string): Promise<Connection | null> {
  const greeting = greetNow(folder, version, false);
  return greeting ? answered(folder, version, greeting) : connectSupervisor(folder, version);
}

/** With the last words of those who should have started. */
function cannotStart(folder: StateFolder, why: string, cause?: unknown): never {
  const words = ['supervisor.log', 'keeper.log'].flatMap((name) => lastLines(join(folder.run, name)));
  fail('unreachable', `cannot start the supervisor: ${why}`, words.length === 0 ? null : words.join('\n'), cause);
}

function lastLines(path: string): string[] {
  try {
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n').slice(-10);
    return lines.join('') === '' ? [] : [`the last lines of ${path}:`, ...lines.map((line) => `  ${line}`)];
  } catch {
    return []; // It has not been written: there are no last words.
  }
}
