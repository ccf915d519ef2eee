import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';
import type * as Koffi from 'koffi';
import { loadEmbeddedAddon } from './addons.ts';

/**
 * The handful of C library calls that Node has no word for, through koffi. Everything that uses them has another way for
 * machines where koffi does not load.
 */
export interface Libc {
  readonly flock: (fd: number, operation: number) => number;
  readonly mkfifo: (path: string, mode: number) => number;
  readonly fcntl: (fd: number, command: number, argument: number) => number;
  readonly socketpair: (domain: number, type: number, protocol: number, fds: Int32Array) => number;
  readonly waitpid: (pid: number, status: Int32Array, options: number) => number;
  readonly prctl: (option: number, a: number, b: number, c: number, d: number) => number;
  readonly getrlimit: (resource: number, limit: Buffer) => number;
  readonly setrlimit: (resource: number, limit: Buffer) => number;
  /** Ends this process at once: nothing is run, written or freed. */
  readonly exit: (code: number) => void;
  /** -1 where the C library has no such call. */
  readonly pidfdOpen: (pid: number) => number;
  /** Calls back once when `fd` becomes readable. Returns what stops it. */
  readonly whenReadable: (fd: number, callback: () => void) => () => void;
  /** Name of the last call's error: "EAGAIN". */
  readonly lastError: () => string;
  /** Binds one more function of the C library; undefined when it has none of that name. */
  readonly bind: (definition: string) => ((...args: unknown[]) => number) | undefined;
}

export const errorName = (errno: number): string => {
  try {
    return getSystemErrorName(-errno);
  } catch {
    return `errno ${errno}`; // a number that libuv has no name for
  }
};

let loaded: Libc | null | undefined;

/** The C library, or null where koffi does not load (its prebuilt binary is missing, or another libc). Loads once. */
export function loadLibc(): Libc | null {
  loaded ??= tryLoad();
  return loaded;
}

function tryLoad(): Libc | null {
  try {
    const koffi = findKoffi();
    const library = koffi.load(null);
    const bind = (definition: string) => library.func(definition) as (...args: unknown[]) => number;
    const tryBind = (definition: string) => {
      try {
        return bind(definition);
      } catch {
        return undefined; // this C library is older than the function
      }
    };
    const fcntl = bind('int fcntl(int fd, int command, ...)');
    const pidfdOpen = tryBind('int pidfd_open(int pid, uint flags)');
    return {
      flock: bind('int flock(int fd, int operation)'),
      mkfifo: bind('int mkfifo(const char *path, uint mode)'),
      fcntl: (fd, command, argument) => fcntl(fd, command, 'int', argument),
      socketpair: bind('int socketpair(int domain, int type, int protocol, _Out_ int *fds)'),
      waitpid: bind('int waitpid(int pid, _Out_ int *status, int options)'),
      prctl: tryBind('int prctl(int option, ulong a, ulong b, ulong c, ulong d)') ?? (() => -1),
      getrlimit: bind('int getrlimit(int resource, void *limit)'),
      setrlimit: bind('int setrlimit(int resource, void *limit)'),
      exit: bind('void _exit(int code)'),
      pidfdOpen: pidfdOpen ? (pid) => pidfdOpen(pid, 0) : () => -1,
      whenReadable: (fd, callback) => {
        const handle = koffi.node.poll(fd, { readable: true }, () => {
          handle.close();
          callback();
        });
        return () => handle.close();
      },
      lastError: () => errorName(koffi.errno()),
      bind: tryBind,
    };
  } catch {
    return null; // no prebuilt koffi for this machine: callers take their other way
  }
}

/** The addon's own exports are the library: its package only looks for the file. */
const findKoffi = (): typeof Koffi =>
  (process.getBuiltinModule('node:sea').isSea()
    ? loadEmbeddedAddon('koffi')
    : createRequire(import.meta.url)('koffi')) as typeof Koffi;
