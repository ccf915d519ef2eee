import { closeSync, readdirSync } from 'node:fs';
import { Socket } from 'node:net';
import { errorName, type Libc } from '../adapters/libc.ts';
import { createPosixSpawn, type OpenFile, type Reaped, reap } from '../adapters/posix-spawn.ts';
import { CHANNEL_FD, type OnReaped, type Spawner, type SpawnOutcome, type SpawnPlan } from './spawner.ts';
import { createStartClock } from './start-clock.ts';

/** By posix_spawn. No child of libuv may exist beside it: everything that ends is reaped here. */

// Linux, glibc and musl alike.
const PR_SET_CHILD_SUBREAPER = 36;
const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const F_GETFD = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
/**
 * A limit that the kernel has ignored since 2.4.25, but still hands on to every descendant through fork, exec, setsid and
 * an emptied environment, and shows in /proc/<pid>/limits: a mark that a process carries without knowing.
 */
const RLIMIT_LOCKS = 10;

/** null where the C library lacks a function it needs (glibc < 2.29, an old musl). */
export function createPosixSpawner(libc: Libc, onReaped: OnReaped): Spawner | null {
  const posixSpawn = createPosixSpawn(libc);
  if (!posixSpawn) return null;
  closeInheritedOnExec(libc);
  const subreaper = libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) === 0;
  const marker = createMarker(libc);
  const clock = createStartClock(libc);

  const onChild = (): void => {
    const batch = reapAll(libc);
    if (batch.length > 0) onReaped(batch);
  };
  process.on('SIGCHLD', onChild);
  onChild(); // a child that was there before us

  function spawn(plan: SpawnPlan): SpawnOutcome {
    const channel = plan.onMessage ? openChannel(libc) : null;
    if (channel && 'code' in channel) return { pid: null, code: channel.code };
    const env = channel
      ? { ...plan.env, NODE_CHANNEL_FD: String(CHANNEL_FD), NODE_CHANNEL_SERIALIZATION_MODE: 'json' }
      : plan.env;
    const { file, argv, cwd, stdout, stderr, extra } = plan;
    const files: OpenFile[] = [
      [stdout, 1],
      [stderr === 'same' ? 1 : stderr, 2],
    ];
    if (extra) files.push([extra.source, extra.target]);
    if (channel) files.push([channel.theirs, CHANNEL_FD]);
    marker.set(plan.mark);
    const before = clock.now();
    const pid = posixSpawn!({ file, argv, cwd, env, files });
    const identity = pid > 0 ? { pid, startTime: clock.startTimeOf(pid, before) } : null;
    marker.set(null);
    if (channel) {
      closeSync(channel.theirs);
      if (identity) hear(channel.ours, plan.onMessage!);
      else closeSync(channel.ours);
    }
    return identity ?? { pid: null, code: errorName(-pid) };
  }

  return {
    kind: 'posix_spawn',
    subreaper,
    marks: marker.works,
    sliceMs: 8,
    spawn,
    makeFifos: (paths) => {
      for (const path of paths) {
        if (libc.mkfifo(path, 0o600) !== 0) throw new Error(`mkfifo ${path}: ${libc.lastError()}`);
      }
    },
  };
}

/** Node opens everything close-on-exec; what whoever started us left open is not ours to hand on. */
function closeInheritedOnExec(libc: Libc): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name);
    if (fd <= 2) continue;
    const flags = libc.fcntl(fd, F_GETFD, 0);
    if (flags >= 0 && (flags & FD_CLOEXEC) === 0) libc.fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
  }
}

function createMarker(libc: Libc) {
  const limit = Buffer.alloc(16);
  const known = libc.getrlimit(RLIMIT_LOCKS, limit) === 0;
  const own = limit.readBigUInt64LE(0);
  const works = known && limit.readBigUInt64LE(8) === 0xffff_ffff_ffff_ffffn;
  return {
    works,
    /** What children inherit from now on; null = what this process was started with. */
    set: (mark: bigint | null) => {
      if (!works) return;
      limit.writeBigUInt64LE(mark ?? own, 0);
      libc.setrlimit(RLIMIT_LOCKS, limit);
    },
  };
}

function reapAll(libc: Libc): Reaped[] {
  const batch: Reaped[] = [];
  for (let child = reap(libc, -1); child; child = reap(libc, -1)) batch.push(child);
  return batch;
}

function openChannel(libc: Libc): { ours: number; theirs: number } | { code: string } {
  const ends = new Int32Array(2);
  if (libc.socketpair(AF_UNIX, SOCK_STREAM_CLOEXEC, 0, ends) !== 0) return { code: libc.lastError() };
  return { ours: ends[0]!, theirs: ends[1]! };
}

/** Longer messages are not the word that is waited for. */
const MAX_MESSAGE = 64 * 1024;

/**
 * Node's channel with JSON serialization is one document a line. It stays open for as long as the child holds its end: a
 * child whose channel closes crashes at its next `process.send`.
 */
function hear(fd: number, onMessage: (message: unknown) => void): void {
  const socket = new Socket({ fd, readable: true, writable: true });
  socket.setEncoding('utf8');
  socket.on('error', () => socket.destroy()); // the child is gone: its exit tells
  let rest = '';
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!.slice(0, MAX_MESSAGE);
    for (const line of lines) {
      try {
        onMessage(JSON.parse(line));
      } catch {
        // Not JSON, so not the word that is waited for; whatever else the organ says here is its own affair.
      }
    }
  });
}
