import { closeSync, readdirSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { errorName, type Libc } from '../adapters/libc.ts';
import { CHANNEL_FD, type OnReaped, type Reaped, type Spawner, type SpawnOutcome, type SpawnPlan } from './spawner.ts';
import { createStartClock } from './start-clock.ts';

/**
 * posix_spawn(3) through koffi: three times as fast as Node's fork and free of its stall, because the address space is not
 * copied. No child of libuv may exist beside it: everything that ends is reaped here.
 */

// Linux, glibc and musl alike.
const SPAWN_SETSIGDEF = 0x04;
const SPAWN_SETSIGMASK = 0x08;
const SPAWN_SETSID = 0x80;
const PR_SET_CHILD_SUBREAPER = 36;
const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const F_GETFD = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const WNOHANG = 1;
/**
 * A limit that the kernel has ignored since 2.4.25, but still hands on to every descendant through fork, exec, setsid and
 * an emptied environment, and shows in /proc/<pid>/limits: a mark that a process carries without knowing.
 */
const RLIMIT_LOCKS = 10;
/** Larger than any C library's posix_spawnattr_t (336), posix_spawn_file_actions_t (80), sigset_t (128). */
const OPAQUE_BYTES = 1024;

/** null where the C library lacks a function it needs (glibc < 2.29, an old musl). */
export function createPosixSpawner(libc: Libc, onReaped: OnReaped): Spawner | null {
  const calls = bindSpawn(libc);
  if (!calls) return null;
  closeInheritedOnExec(libc);
  const subreaper = libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) === 0;

  // These live as long as the spawner: the C side keeps pointers between the calls.
  const attributes = Buffer.alloc(OPAQUE_BYTES);
  const actions = Buffer.alloc(OPAQUE_BYTES);
  const signals = Buffer.alloc(OPAQUE_BYTES);
  calls.attrInit(attributes);
  signals.fill(0xff); // not sigfillset, which leaves out two of the C library's own, and those it would then ignore
  calls.attrSetSigDefault(attributes, signals); // Node ignores SIGPIPE; a child would inherit that
  signals.fill(0);
  calls.attrSetSigMask(attributes, signals);
  calls.attrSetFlags(attributes, SPAWN_SETSID | SPAWN_SETSIGDEF | SPAWN_SETSIGMASK);
  const pidOut = new Int32Array(1);
  const marker = createMarker(libc);
  const clock = createStartClock(libc);

  const reap = (): void => {
    const batch = reapAll(libc);
    if (batch.length > 0) onReaped(batch);
  };
  process.on('SIGCHLD', reap);
  reap(); // a child that was there before us

  function spawn(plan: SpawnPlan): SpawnOutcome {
    const channel = plan.onMessage ? openChannel(libc) : null;
    if (channel && 'code' in channel) return { pid: null, code: channel.code };
    const env = channel
      ? { ...plan.env, NODE_CHANNEL_FD: String(CHANNEL_FD), NODE_CHANNEL_SERIALIZATION_MODE: 'json' }
      : plan.env;
    const environment: (string | null)[] = [];
    for (const name in env) environment.push(`${name}=${env[name]}`);
    environment.push(null);

    calls!.actionsInit(actions);
    calls!.actionsOpen(actions, 0, '/dev/null', 0, 0);
    calls!.actionsDup2(actions, plan.stdout, 1);
    calls!.actionsDup2(actions, plan.stderr, 2);
    if (plan.extra) calls!.actionsDup2(actions, plan.extra.source, plan.extra.target);
    if (channel) calls!.actionsDup2(actions, channel.theirs, CHANNEL_FD);
    calls!.actionsChdir(actions, plan.cwd);
    marker.set(plan.mark);
    const before = clock.now();
    const errno = calls!.spawn(pidOut, plan.file, actions, attributes, [...plan.argv, null], environment);
    const identity = errno === 0 ? { pid: pidOut[0]!, startTime: clock.startTimeOf(pidOut[0]!, before) } : null;
    marker.set(null);
    calls!.actionsDestroy(actions);

    if (channel) {
      closeSync(channel.theirs);
      if (errno === 0) hear(channel.ours, plan.onMessage!);
      else closeSync(channel.ours);
    }
    return identity ?? { pid: null, code: errorName(errno) };
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

function bindSpawn(libc: Libc) {
  const calls = {
    spawn: libc.bind(
      'int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attr, const char **argv, const char **envp)',
    ),
    actionsInit: libc.bind('int posix_spawn_file_actions_init(void *actions)'),
    actionsDestroy: libc.bind('int posix_spawn_file_actions_destroy(void *actions)'),
    actionsDup2: libc.bind('int posix_spawn_file_actions_adddup2(void *actions, int from, int to)'),
    actionsOpen: libc.bind(
      'int posix_spawn_file_actions_addopen(void *a, int fd, const char *p, int flags, uint mode)',
    ),
    actionsChdir: libc.bind('int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)'),
    attrInit: libc.bind('int posix_spawnattr_init(void *attr)'),
    attrSetFlags: libc.bind('int posix_spawnattr_setflags(void *attr, short flags)'),
    attrSetSigDefault: libc.bind('int posix_spawnattr_setsigdefault(void *attr, void *set)'),
    attrSetSigMask: libc.bind('int posix_spawnattr_setsigmask(void *attr, void *set)'),
  };
  type Calls = { [K in keyof typeof calls]: (...args: unknown[]) => number };
  return Object.values(calls).every((call) => call !== undefined) ? (calls as Calls) : null;
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

const SIGNAL_NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));
const status = new Int32Array(1);

function reapAll(libc: Libc): Reaped[] {
  const batch: Reaped[] = [];
  for (let pid = libc.waitpid(-1, status, WNOHANG); pid > 0; pid = libc.waitpid(-1, status, WNOHANG)) {
    const signal = status[0]! & 0x7f;
    batch.push(
      signal === 0
        ? { pid, code: (status[0]! >> 8) & 0xff, signal: null }
        : { pid, code: null, signal: SIGNAL_NAMES.get(signal) ?? `SIG${signal}` },
    );
  }
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
