import { accessSync, constants, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { loadLibc } from './libc.ts';

/**
 * Where on this machine cgroups (v2) of ours may be made: the kernel's means to hold a whole tree of processes to a limit.
 * The rules are those of Documentation/admin-guide/cgroup-v2.rst: a child has the controllers that its parent lists in
 * cgroup.subtree_control, and a parent that lists any may hold no process itself, but for the root of the hierarchy.
 */

export const CONTROLLERS = ['cpu', 'memory'] as const;
export type Controller = (typeof CONTROLLERS)[number];

/** What of a machine is looked at; tests bring their own. */
export interface CgroupView {
  /** A file's text; null where there is none that can be read. */
  readonly read: (path: string) => string | null;
  readonly isWritable: (path: string) => boolean;
  /** systemd has handed this cgroup over to whoever runs in it (`Delegate=`). */
  readonly isDelegated: (path: string) => boolean;
}

/** A cgroup below which ours may be made. */
export interface Place {
  readonly path: string;
  /** What children will have, once `prepare` has done what is still to do. */
  readonly controllers: readonly Controller[];
  /** To be written to its cgroup.subtree_control. */
  readonly toEnable: readonly Controller[];
  /** Its own processes have to move into a child first. */
  readonly toVacate: boolean;
}

export interface Survey {
  readonly place: Place | null;
  /** The cgroup that this process is in; null where it cannot be written back to. */
  readonly own: string | null;
  /** Why there is no place, or not every controller in it, and what would help; null when all is there. */
  readonly lack: Lack | null;
}

export interface Lack {
  readonly why: string;
  readonly remedy: string;
}

const UNIFIED: Lack['remedy'] = 'boot Linux with the unified hierarchy (systemd.unified_cgroup_hierarchy=1)';
const DELEGATE: Lack['remedy'] =
  'run it as a service (`azora export systemd`), in a delegated scope (`systemd-run --user --scope -p "Delegate=cpu memory" azora up`), or with a writable /sys/fs/cgroup';
/** For the processes of a cgroup that has to hold none. */
const LEAF = 'azora-others';

export const thisMachine: CgroupView = {
  read: (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return null; // not this kind of system, or not for this user
    }
  },
  isWritable: (path) => {
    try {
      accessSync(path, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  },
  isDelegated: (path) => ['trusted.delegate', 'user.delegate'].some((name) => extendedAttribute(path, name) === '1'),
};

/** As this process finds it; AZORA_CGROUPS=no is for who wants none. */
export const surveyHere = (): Survey =>
  process.env.AZORA_CGROUPS === 'no'
    ? { place: null, own: null, lack: { why: 'AZORA_CGROUPS=no', remedy: 'leave that out of the environment' } }
    : survey(thisMachine);

/** Looks, and changes nothing: the nearest cgroup at or above this process's own that offers most. */
export function survey(view: CgroupView): Survey {
  const none = (why: string, remedy: string, own: string | null = null): Survey => ({
    place: null,
    own,
    lack: { why, remedy },
  });
  const mount = mountOf(view.read('/proc/self/mountinfo') ?? '');
  if (!mount) return none('this machine has no cgroup v2', UNIFIED);
  const name = /^0::(\/.*)$/m.exec(view.read('/proc/self/cgroup') ?? '')?.[1];
  const below = name === undefined ? null : relative(mount.root, name);
  if (below === null || below.startsWith('..')) {
    return none(`azora's own cgroup (${name ?? 'none'}) is not below ${mount.point}`, DELEGATE);
  }
  const own = join(mount.point, below);
  let best: Place | null = null;
  for (let path = own; ; path = dirname(path)) {
    const place = placeAt(view, path, path === mount.point);
    if (place && place.controllers.length > (best?.controllers.length ?? -1)) best = place;
    if (path === mount.point || best?.controllers.length === CONTROLLERS.length) break;
  }
  if (!best) return none(`no cgroup from ${own} upwards may be written by this user`, DELEGATE, own);
  const { controllers } = best;
  const missing = CONTROLLERS.filter((controller) => !controllers.includes(controller));
  if (missing.length === 0) return { place: best, own, lack: null };
  const offered = words(view.read(join(mount.point, 'cgroup.controllers')));
  const lack = missing.every((controller) => offered.includes(controller))
    ? { why: `${missing.join(' and ')} not delegated to ${best.path}`, remedy: DELEGATE }
    : { why: `cgroup v2 at ${mount.point} has no controller for ${missing.join(' and ')}`, remedy: UNIFIED };
  return { place: best, own, lack };
}

function placeAt(view: CgroupView, path: string, isTop: boolean): Place | null {
  if (!view.isWritable(path) || !view.isWritable(join(path, 'cgroup.procs'))) return null;
  const available = ours(view.read(join(path, 'cgroup.controllers')));
  const enabled = ours(view.read(join(path, 'cgroup.subtree_control')));
  const lacking = available.filter((controller) => !enabled.includes(controller));
  const asItIs: Place = { path, controllers: enabled, toEnable: [], toVacate: false };
  if (lacking.length === 0 || !view.isWritable(join(path, 'cgroup.subtree_control'))) return asItIs;
  // Only the root of the whole hierarchy has no type, and it may hold processes beside children with controllers.
  const isRoot = isTop && view.read(join(path, 'cgroup.type')) === null;
  const isEmpty = view.read(join(path, 'cgroup.procs')) === '';
  // Somebody else's processes are moved only where all of the cgroup was given to us: by systemd, or to a container.
  const isGiven = isTop || view.isDelegated(path);
  if (!isRoot && !isEmpty && !isGiven) return asItIs;
  return { path, controllers: available, toEnable: lacking, toVacate: !isRoot && !isEmpty };
}

/** Does what a place still needs. Throws the system's error; half of it done does no harm. */
export function prepare({ path, toEnable, toVacate }: Place): void {
  const procs = join(path, 'cgroup.procs');
  if (toVacate) {
    const leaf = join(path, LEAF);
    mkdirSync(leaf, { recursive: true });
    // Whoever forks while it is moved is found by the next round.
    for (let round = 0; round < 10; round++) {
      const pids = readFileSync(procs, 'latin1').split('\n').filter(Boolean);
      if (pids.length === 0) break;
      for (const pid of pids) moveInto(leaf, pid);
    }
  }
  if (toEnable.length > 0) writeFileSync(join(path, 'cgroup.subtree_control'), toEnable.map((c) => `+${c}`).join(' '));
}

function moveInto(leaf: string, pid: string): void {
  try {
    writeFileSync(join(leaf, 'cgroup.procs'), pid);
  } catch (error) {
    // It ended meanwhile; what may not be moved shows when the controllers are to be enabled.
    if (!(error instanceof Error)) throw error;
  }
}

/** Removes a cgroup and those below it. false: there are still processes in it. */
export function removeCgroup(path: string): boolean {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) removeCgroup(join(path, entry.name));
    }
    rmdirSync(path);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT';
  }
}

/** The pids in a cgroup and those below it. */
export function pidsIn(path: string): number[] {
  try {
    const own = readFileSync(join(path, 'cgroup.procs'), 'latin1').split('\n').filter(Boolean).map(Number);
    const below = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...own, ...below.flatMap(({ name }) => pidsIn(join(path, name)))];
  } catch {
    return []; // removed meanwhile
  }
}

/** Of the first cgroup2 file system; `root` is the cgroup that its top shows. */
function mountOf(mountinfo: string): { readonly root: string; readonly point: string } | null {
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , root, point] = left.split(' ');
    if (right.startsWith('cgroup2 ') && root && point) return { root: plain(root), point: plain(point) };
  }
  return null;
}

/** Blanks and backslashes stand there as \040 and \134. */
const plain = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));

const words = (text: string | null): string[] => (text ?? '').split(/\s+/).filter(Boolean);

const ours = (text: string | null): Controller[] => {
  const all = words(text);
  return CONTROLLERS.filter((controller) => all.includes(controller));
};

function extendedAttribute(path: string, name: string): string | null {
  const getxattr = loadLibc()?.bind('long getxattr(const char *path, const char *name, void *value, ulong size)');
  const value = Buffer.alloc(16);
  const length = Number(getxattr?.(path, name, value, value.length) ?? -1);
  return length > 0 ? value.toString('latin1', 0, length) : null;
}
