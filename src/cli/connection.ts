import { readFileSync } from 'node:fs';
import type { ControlMethods } from '../adapters/control/protocol.ts';
import { CONTROL_PROTOCOL } from '../adapters/control/protocol.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import type { SystemEvent } from '../core/events.ts';
import { fail } from '../core/failures.ts';

/** A conversation with the supervisor, after both said hello. */
export interface Connection {
  readonly hello: ControlMethods['hello']['result'];
  /** What whoever uses it should say to the user. */
  readonly notice: string | null;
  /** Asks; see `Channel.request` about `timeoutMs` and failures. */
  request<K extends keyof ControlMethods & string>(
    method: K,
    params: ControlMethods[K]['params'],
    timeoutMs?: number | null,
  ): Promise<ControlMethods[K]['result']>;
  /** Hears events from here on; one listener, set before `subscribe` is asked for. */
  onEvent(listener: (event: SystemEvent) => void): void;
  /** Resolves when the conversation has ended, whoever ended it. */
  readonly closed: Promise<void>;
  close(): void;
}

/** Asking nothing and telling nothing: what a command answers to the other side. */
export type Nothing = Record<never, never>;

/** A supervisor accepts at once and answers hello from memory; one that does not is paused or wedged. */
export const HELLO_TIMEOUT_MS = 5_000;

export function assertProtocol(hello: ControlMethods['hello']['result'], version: string): void {
  if (hello.protocol === CONTROL_PROTOCOL) return;
  fail(
    'version-mismatch',
    `the supervisor (pid ${hello.pid}) is azora ${hello.version} and speaks protocol ${hello.protocol}; this is azora ${version} with protocol ${CONTROL_PROTOCOL}`,
    `Use azora ${hello.version} for this system, or end it with that version's \`azora down\` first.`,
  );
}

/** It has not answered `hello`. */
export function silent(folder: StateFolder, cause: Error): never {
  const pid = ownerOf(folder.supervisorLock);
  fail(
    'unreachable',
    `the supervisor${pid === null ? '' : ` (pid ${pid})`} took the connection but said nothing for ${HELLO_TIMEOUT_MS / 1000} s: it is paused or stuck`,
    pid === null
      ? null
      : `If it is paused: kill -CONT ${pid}. Ending it is safe, organs run on and a new one takes over: kill -9 ${pid}`,
    cause,
  );
}

/** The pid that a lock file names, for messages only. */
function ownerOf(lock: string): number | null {
  try {
    return Number.parseInt(readFileSync(lock, 'utf8'), 10) || null;
  } catch {
    return null; // No lock file, or not readable: the message does without the pid.
  }
}
