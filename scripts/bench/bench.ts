import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Azora } from './azora.ts';
import type { Contestant, Organs } from './contestant.ts';
import type { Marker } from './marker.ts';
import { Marks } from './marks.ts';
import { family, isAlive, killAll } from './processes.ts';
import type { Leftovers, Result, Series } from './result.ts';

/** What every measurement is given. */
export interface Bench {
  /** The one that the goals are for. */
  readonly azora: Azora;
  /** Every azora, `azora` first, and its peers. */
  readonly contestants: readonly Contestant[];
  readonly marker: Marker;
  /** A folder of this run. */
  readonly folder: string;
  readonly quick: boolean;
}

export type Scenario = (bench: Bench) => Promise<(Result | Leftovers)[]>;

export const COUNT = 147;
export const LEVELS = 7;
export const C_LOOP = 'a posix_spawn loop in C';
export const NODE_LOOP = 'a spawn loop in Node';
export const NODE = '`node -e 0`';
export const DIRECT = 'the children writing to files themselves';

export function fresh({ folder }: Bench): string {
  mkdirSync(folder, { recursive: true });
  return mkdtempSync(join(folder, 's-'));
}

/** That many organs which sleep. */
export function sleepers(
  { marker }: Bench,
  marks: Marks,
  count: number,
  needs: (index: number) => string[] = () => [],
): Organs {
  const command = [marker.path, 'run', marks.path];
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`o${i}`, { command, needs: needs(i), once: false }]),
  );
}

export interface Running {
  readonly who: Contestant;
  readonly folder: string;
  readonly marks: Marks;
}

const systemsNow = new Set<Running>();

/** Ends all that runs at this moment, when the measuring is broken off. */
export async function endAll(): Promise<void> {
  for (const system of systemsNow) await end(system);
}

/** A folder for a system of these organs, which is about to be booted; `end` ends it. */
export function prepare(bench: Bench, who: Contestant, organs: (marks: Marks) => Organs): Running {
  const folder = fresh(bench);
  const system = { who, folder, marks: new Marks(folder) };
  who.prepare(folder, organs(system.marks));
  systemsNow.add(system);
  return system;
}

/** Has each of these boot its system, uses them, and leaves nothing of them. */
export async function withSystems<T>(
  bench: Bench,
  contestants: readonly Contestant[],
  organs: (marks: Marks) => Organs,
  use: (systems: readonly Running[]) => Promise<T>,
): Promise<T> {
  const systems: Running[] = [];
  try {
    for (const who of contestants) {
      const system = prepare(bench, who, organs);
      systems.push(system);
      const count = Object.keys(organs(system.marks)).length;
      await Promise.all([who.up(system.folder), system.marks.atLeast(count)]);
    }
    return await use(systems);
  } finally {
    for (const system of systems) await end(system);
  }
}

/** Ends a system by its own means, then whatever those have left. */
export async function end(system: Running): Promise<void> {
  const { who, folder, marks } = system;
  const organs = marks.read().flatMap(({ pid }) => (isAlive(pid) ? family(pid) : []));
  const daemons = familyOf(who, folder);
  await who.down(folder).catch(() => {}); // it may have ended already, or never have begun
  await allGone(
    organs.map(({ pid }) => pid),
    5_000,
  );
  killAll([...organs, ...daemons]);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  systemsNow.delete(system);
}

/** Its daemons and organs; nothing where it does not run. */
export function familyOf(who: Contestant, folder: string): ReturnType<typeof family> {
  try {
    return family(who.root(folder));
  } catch {
    return []; // it has not come to have a root
  }
}

/** Resolves when none of these lives any more, with whether that came to be in time. */
export async function allGone(pids: readonly number[], withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  for (let left = pids.filter(isAlive); left.length > 0; left = left.filter(isAlive)) {
    if (performance.now() > deadline) return false;
    await delay(1);
  }
  return true;
}

/** Values of many who are measured in turns. */
export class Turns {
  readonly #values = new Map<string, number[]>();

  add(who: string, value: number): void {
    const values = this.#values.get(who);
    if (values) values.push(value);
    else this.#values.set(who, [value]);
  }

  /** What was measured, as of this azora and those beside it. */
  of({ azora }: Bench): { readonly azora: readonly number[]; readonly beside: readonly Series[] } {
    const beside = [...this.#values].filter(([who]) => who !== azora.name);
    return {
      azora: this.#values.get(azora.name) ?? [],
      beside: beside.map(([who, values]) => ({ who, values })),
    };
  }
}
