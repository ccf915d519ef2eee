import type { Instance } from './state.ts';

/**
 * The instances of a system by name, in the order of the file. A list beside an index of names: what changes most often, one
 * instance after another, costs the copy of a list and not that of a map.
 */
export class Instances implements ReadonlyMap<string, Instance> {
  #index: ReadonlyMap<string, number>;
  #list: Instance[];

  private constructor(index: ReadonlyMap<string, number>, list: Instance[]) {
    this.#index = index;
    this.#list = list;
  }

  /** A copy, which is its maker's to change until it is handed on. */
  static copyOf(from: ReadonlyMap<string, Instance>): Instances {
    if (from instanceof Instances) return new Instances(from.#index, from.#list.slice());
    const index = new Map<string, number>();
    for (const name of from.keys()) index.set(name, index.size);
    return new Instances(index, [...from.values()]);
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
