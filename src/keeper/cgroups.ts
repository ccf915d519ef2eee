import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Controller, type Lack, pidsIn, prepare, removeCgroup, surveyHere } from '../adapters/cgroup.ts';
import { crypto } from '../adapters/crypto.ts';
import type { HeldLimits, LifeKey, Limits } from './protocol.ts';

/**
 * One cgroup for each life that has limits: the kernel holds its whole tree to them, whatever it forks. Lives without limits have
 * none and cost nothing. `run/cgroup` links to the folder of this system's, so that a later keeper, and `doctor`, find them.
 */
export class Cgroups {
  readonly #link: string;
  readonly #run: string;
  readonly #report: (message: string) => void;
  /** Where this process's own cgroup is; known once there is a place. */
  #home: string | null = null;

  /** @param run the state folder's, absolute */
  constructor(run: string, report: (message: string) => void) {
    this.#link = join(run, 'cgroup');
    this.#run = run;
    this.#report = report;
  }

  #name(): string {
    return `azora-${crypto().createHash('sha256').update(this.#run).digest('hex').slice(0, 16)}`;
  }

  /** A cgroup for a life that is about to begin; without one (`cgroup` null) the limits are watched, and `reason` says why. */
  create(key: LifeKey, limits: Limits): Created {
    const { place, own, lack } = surveyHere();
    const wanted = wantedBy(limits);
    const lacking = (controllers: readonly Controller[]) =>
      lack && wanted.some((controller) => !controllers.includes(controller)) ? inWords(lack) : null;
    if (!place || !own) return { cgroup: null, reason: lacking([]) };
    try {
      prepare(place);
      const base = join(place.path, this.#name());
      mkdirSync(base, { recursive: true });
      if (place.controllers.length > 0) {
        writeFileSync(join(base, 'cgroup.subtree_control'), place.controllers.map((name) => `+${name}`).join(' '));
      }
      this.#remember(base);
      const path = join(base, nameOf(key));
      removeCgroup(path); // of an earlier boot, empty since
      mkdirSync(path);
      // Preparing the place may have moved this process into a cgroup of its own.
      this.#home = place.toVacate ? (surveyHere().own ?? own) : own;
      return { cgroup: new LifeCgroup(path, this.#home), reason: lacking(place.controllers) };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#report(`no cgroup for ${nameOf(key)}: ${why}`);
      return { cgroup: null, reason: `no cgroup can be made in ${place.path} (${why})` };
    }
  }

  /** That of a life which began under another keeper. */
  find(key: LifeKey): LifeCgroup | null {
    const base = this.#base();
    const path = base && join(base, nameOf(key));
    return path && existsSync(path) ? new LifeCgroup(path, surveyHere().own ?? path) : null;
  }

  /** Takes away those that hold no process any more, and the folder once it is empty. */
  close(): void {
    const base = this.#base();
    if (base === null) return;
    if (removeCgroup(base)) rmSync(this.#link, { force: true });
    else this.#report(`${base} stays: there are processes in it`);
  }

  #base(): string | null {
    return linkedCgroup(this.#link);
  }

  #remember(base: string): void {
    if (this.#base() === base) return;
    rmSync(this.#link, { force: true });
    symlinkSync(base, this.#link);
  }
}

export interface Created {
  readonly cgroup: LifeCgroup | null;
  /** Why it will not hold every limit. */
  readonly reason: string | null;
}

/** Sets the limits of a life that was born in its cgroup. */
export function holdTo({ cgroup, reason }: Created, limits: Limits): HeldLimits {
  const held = cgroup?.limit(limits) ?? [];
  const isRefused = wantedBy(limits).length > held.length && reason === null;
  return { held, reason: isRefused ? `the kernel refuses ${JSON.stringify(limits)}` : reason };
}

/** What `run/cgroup` names. */
export function linkedCgroup(link: string): string | null {
  try {
    return readlinkSync(link);
  } catch {
    return null; // nothing here has limits
  }
}

/** Of a system's folder of cgroups: those in it, with who lives there. */
export function cgroupsIn(base: string): { readonly path: string; readonly pids: readonly number[] }[] {
  if (!existsSync(base)) return [];
  const below = readdirSync(base, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [base, ...below.map(({ name }) => join(base, name))].map((path) => ({ path, pids: pidsIn(path) }));
}

/** cpu.max is a share of a period; the kernel's shortest share is 1 ms. */
const PERIOD_US = { usual: 100_000, longest: 1_000_000 };
const SHORTEST_SHARE_US = 1000;

export class LifeCgroup {
  readonly path: string;
  readonly #home: string;

  constructor(path: string, home: string) {
    this.path = path;
    this.#home = home;
  }

  /**
   * Runs `spawn` with this process inside, so that the child is born in the cgroup and nothing that it forks can be outside. The
   * limits come after: the keeper must not be throttled, let alone killed, by those of an organ.
   */
  born<T>(spawn: () => T): T {
    this.#enter(this.path);
    try {
      return spawn();
    } finally {
      try {
        this.#enter(this.#home);
      } catch {
        // It stays inside, then, and the cgroup without limits: see `#holdsUs`.
      }
    }
  }

  /** Sets the limits; answers those that the kernel holds from now on. */
  limit({ cpu, memory }: Limits): Controller[] {
    const held: Controller[] = [];
    if (this.#holdsUs()) return held;
    if (cpu !== null && this.#set('cpu.max', share(cpu))) held.push('cpu');
    if (memory !== null && this.#set('memory.max', String(memory))) {
      held.push('memory');
      this.#set('memory.swap.max', '0'); // there only where the machine has swap: the limit is one of memory, not of speed
      this.#set('memory.oom.group', '1'); // half a tree is of no use to anybody
    }
    return held;
  }

  /** The limits that it has. */
  held(): Controller[] {
    const isSet = (file: string) => !(this.#get(file) ?? 'max').startsWith('max');
    return [...(isSet('cpu.max') ? ['cpu' as const] : []), ...(isSet('memory.max') ? ['memory' as const] : [])];
  }

  /** Bytes, if the kernel has killed something in here for going beyond them. */
  struckAt(): number | null {
    const kills = Number(/^oom_kill (\d+)$/m.exec(this.#get('memory.events') ?? '')?.[1] ?? 0);
    const limit = Number(this.#get('memory.max'));
    return kills > 0 && Number.isFinite(limit) ? limit : null;
  }

  pids(): number[] {
    return pidsIn(this.path);
  }

  /** SIGKILL to all that is in it, in one step that no fork outruns. false: this kernel (before 5.14) cannot. */
  kill(): boolean {
    return !this.#holdsUs() && this.#set('cgroup.kill', '1');
  }

  remove(): boolean {
    return removeCgroup(this.path);
  }

  #holdsUs(): boolean {
    return this.pids().includes(process.pid);
  }

  /** `0` is whoever writes it, all its threads. */
  #enter(path: string): void {
    writeFileSync(join(path, 'cgroup.procs'), '0');
  }

  #get(file: string): string | null {
    try {
      return readFileSync(join(this.path, file), 'latin1').trim();
    } catch {
      return null; // it has not this controller, or is gone
    }
  }

  #set(file: string, value: string): boolean {
    if (!existsSync(join(this.path, file))) return false;
    try {
      writeFileSync(join(this.path, file), value);
      return true;
    } catch {
      return false; // refused by the kernel: the limit is watched like any that it does not hold
    }
  }
}

const nameOf = ({ instance, generation }: LifeKey): string => `${instance}.${generation}`;

const wantedBy = ({ cpu, memory }: Limits): Controller[] => [
  ...(cpu === null ? [] : ['cpu' as const]),
  ...(memory === null ? [] : ['memory' as const]),
];

const inWords = ({ why, remedy }: Lack): string => `${why}; to have them held: ${remedy}`;

function share(cpu: number): string {
  const period = cpu * PERIOD_US.usual < SHORTEST_SHARE_US ? PERIOD_US.longest : PERIOD_US.usual;
  return `${Math.max(SHORTEST_SHARE_US, Math.round(cpu * period))} ${period}`;
}
