import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonic } from '../adapters/clock.ts';
import { Channel } from '../adapters/socket/channel.ts';
import { FailureError, fail } from '../core/failures.ts';
import { KEEPER_PROTOCOL, type KeeperInfo, type KeeperMethods, type KeeperNotices } from '../keeper/protocol.ts';
import { meanwhileLoadToListen } from './meanwhile.ts';

/** The supervisor's side of the conversation with the keeper. */

export type KeeperChannel = Channel<Record<never, never>, KeeperMethods, KeeperNotices, Record<never, never>>;

export interface KeeperLink {
  readonly info: KeeperInfo;
  readonly channel: KeeperChannel;
}

export type KeeperListeners = { readonly [K in keyof KeeperNotices]: (notice: KeeperNotices[K]) => void };

/** A keeper is started beside its supervisor, or just before; one that does not listen after that is not going to. */
const PATIENCE_MS = 5000;
/** At first as often as a start is waited for, then as a machine that is out of breath can bear. */
const LOOK_AGAIN_MS = { first: 1, last: 25 };

/**
 * Connects to a keeper that listens on `path`, or is about to (while `mayCome`), and greets it.
 * @throws FailureError `unreachable`, or `version-mismatch` when it speaks another protocol
 */
export async function linkKeeper(
  path: string,
  version: string,
  listeners: KeeperListeners,
  onLost: (reason: Error | null) => void,
  mayCome: () => boolean,
): Promise<KeeperLink> {
  const socket = await openPatiently(path, mayCome);
  const channel: KeeperChannel = new Channel(socket, { methods: {}, notices: listeners, onClose: onLost });
  const greeted = channel.request(
    'hello',
    {
      protocol: KEEPER_PROTOCOL,
      version,
      role: 'supervisor',
      pid: process.pid,
    },
    null,
  );
  meanwhileLoadToListen();
  const info = await greeted;
  if (info.protocol !== KEEPER_PROTOCOL) {
    channel.destroy();
    fail(
      'version-mismatch',
      `the keeper (pid ${info.pid}, azora ${info.version}) speaks protocol ${info.protocol}, this azora ${version} speaks ${KEEPER_PROTOCOL}`,
      'Run azora down with the version that started it.',
    );
  }
  return { info, channel };
}

async function openPatiently(path: string, mayCome: () => boolean): Promise<Socket> {
  const deadline = monotonic() + PATIENCE_MS;
  for (let pause = LOOK_AGAIN_MS.first; ; pause = Math.min(pause * 1.2, LOOK_AGAIN_MS.last)) {
    let cause: unknown;
    // Cheaper than the error that Node makes of a socket that is not there yet, of which the first takes 1 ms.
    if (existsSync(path)) {
      try {
        return await open(path);
      } catch (error) {
        cause = error;
      }
    }
    if (monotonic() > deadline || !mayCome()) throw new Error(`no keeper answers at ${path}`, { cause });
    await delay(pause);
  }
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** What was asked of a keeper that is gone is looked at again with the next one. */
export function ignoreLostKeeper(error: unknown): void {
  if (!(error instanceof FailureError)) throw error;
}
