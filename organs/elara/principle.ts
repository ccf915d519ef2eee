import type { Case } from './case.ts';
import type { Reading, Readings } from './dimension.ts';

/** How far a principle speaks for (up to 1) or against (down to -1) each action; an action not named is left alone. */
export type Votes<Action extends string> = Partial<Record<Action, number>>;

/** A principle that applies to a case: how strongly (0..1), what it speaks for, and why. */
export interface Voice<Action extends string> {
  readonly strength: number;
  readonly votes: Votes<Action>;
  readonly because: string;
}

/** A named rule. It applies only when every facet that it needs is sound, and `weigh` may find that it has nothing to say. */
export interface Principle<Action extends string> {
  readonly name: string;
  readonly says: string;
  /** Its standing beside the others, 1 (a consideration) to 6 (a foremost duty). */
  readonly weight: number;
  readonly needs: readonly string[];
  readonly weigh: (reading: (facet: string) => Reading, about: Case) => Voice<Action> | null;
}

/** A principle that fired, as it is shown and kept. */
export interface Fired<Action extends string> {
  readonly principle: string;
  readonly says: string;
  readonly weight: number;
  readonly strength: number;
  readonly votes: Votes<Action>;
  readonly because: string;
}

/** The principles that apply to a case, with what they say of it. */
export function consult<Action extends string>(
  principles: readonly Principle<Action>[],
  readings: Readings,
  about: Case,
): Fired<Action>[] {
  const reading = (facet: string): Reading => {
    const read = readings.get(facet);
    if (!read) throw new Error(`a principle reads the facet ${facet} without needing it`);
    return read;
  };
  return principles.flatMap((principle) => {
    if (!principle.needs.every((facet) => readings.has(facet))) return [];
    const voice = principle.weigh(reading, about);
    if (!voice || voice.strength <= 0) return [];
    return [{ principle: principle.name, says: principle.says, weight: principle.weight, ...voice }];
  });
}
