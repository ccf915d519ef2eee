import type { Instance } from './state.ts';

/**
 * The instances of a system by name, in the order of the file. A list beside an index of names: what changes most often, one
 * instance after another, costs the copy of a list and not that of a map. And how many are in want of something, so that an input after
 * which nobody is does not look at them all.
 */
export class Instances implements ReadonlyMap<string, Instance> {
  #index: ReadonlyMap<string, number>;
  #list: Instance[];
  #wanting: number;
  #lost: number;

  private constructor(index: ReadonlyMap<string, number>, list: Instance[], wanting: number, lost: number) {
    this.#index = index;
    this.#list = list;
    this.#wanting = wanting;
    this.#lost = lost;
  }

  /** Whether any of them waits to be started, or to be ended. */
  static anyWants(of: ReadonlyMap<string, Instance>): boolean {
    return of instanceof Instances ? of.#wanting > 0 : of.values().some(wants);
  }

  /** Whether any of them is failed, stuck or stopped: without such a one nobody waits in vain. */
  static anyLost(of: ReadonlyMap<string, Instance>): boolean {
    return of instanceof Instances ? of.#lost > 0 : of.values().some(isLost);
  }

  /** A copy, which is its maker's to change until it is handed on. */
  static copyOf(from: ReadonlyMap<string, Instance>): Instances {
    if (from instanceof Instances) return new Instances(from.#index, from.#list.slice(), from.#wanting, from.#lost);
    const index = new Map<string, number>();
    for (const name of from.keys()) index.set(name, index.size);
    const list = [...from.values()];
    return new Instances(index, list, list.filter(wants).length, list.filter(isLost).length);
  }

  /** Those that are not the same as `before`, new ones included. */
  static changed(before: ReadonlyMap<string, Instance>, after: ReadonlyMap<string, Instance>): Instance[] {
    if (before === after) return [];
    if (!(before instanceof Instances && after instanceof Instances && before.#index === after.#index)) {
      return [...after.values()].filter((instance) => before.get(instance.name) !== instance);
    }
    const changed: Instance[] = [];
    const [was, is] = [before.#list, after.#list];
    for (let i = 0; i < is.length; i++) if (was[i] !== is[i]) changed.push(is[i]!);
    return changed;
  }

  /** Names that `after` does not have any more. */
  static dropped(before: ReadonlyMap<string, Instance>, after: ReadonlyMap<string, Instance>): string[] {
    if (before instanceof Instances && after instanceof Instances && before.#index === after.#index) return [];
    return [...before.keys()].filter((name) => !after.has(name));
  }

  /** Only by whoever made this copy. */
  set(instance: Instance): void {
    const at = this.#index.get(instance.name);
    const was = at === undefined ? null : this.#list[at]!;
    this.#wanting += Number(wants(instance)) - Number(was !== null && wants(was));
    this.#lost += Number(isLost(instance)) - Number(was !== null && isLost(was));
    if (at !== undefined) {
      this.#list[at] = instance;
      return;
    }
    this.#index = new Map([...this.#index, [instance.name, this.#list.length]]);
    this.#list.push(instance);
  }

  get size(): number {
    return this.#list.length;
  }

  get(name: string): Instance | undefined {
    const at = this.#index.get(name);
    return at === undefined ? undefined : this.#list[at];
  }

  has(name: string): boolean {
    return this.#index.has(name);
  }

  values(): MapIterator<Instance> {
    return this.#list.values();
  }

  keys(): MapIterator<string> {
    return this.#index.keys() as MapIterator<string>;
  }

  entries(): MapIterator<[string, Instance]> {
    return this.#list.map((instance): [string, Instance] => [instance.name, instance]).values();
  }

  [Symbol.iterator](): MapIterator<[string, Instance]> {
    return this.entries();
  }

  forEach(each: (instance: Instance, name: string, map: ReadonlyMap<string, Instance>) => void): void {
    for (const instance of this.#list) each(instance, instance.name, this);
  }
}

const wants = ({ state, stopWanted }: Instance): boolean => state.tag === 'waiting' || stopWanted !== null;
const isLost = ({ state: { tag } }: Instance): boolean => tag === 'failed' || tag === 'stuck' || tag === 'stopped';

/** The only news is that a check has found again what the one before had found. */
export function isSameButSeen(was: Instance, is: Instance): boolean {
  return (
    was.state === is.state &&
    was.desired === is.desired &&
    was.stopWanted === is.stopWanted &&
    was.reason === is.reason &&
    was.errors === is.errors &&
    was.verdict === is.verdict &&
    was.strain === is.strain &&
    was.health.level === is.health.level &&
    was.health.reason === is.health.reason &&
    was.health.failures === is.health.failures
  );
}
