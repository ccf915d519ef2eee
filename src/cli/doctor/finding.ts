/** Something that `azora doctor` has to say. */
export interface Finding {
  /** The same from run to run, for scripts: `stale-socket:supervisor.sock`. */
  readonly id: string;
  /** problem: something does not, or will not, work. note: worth knowing. */
  readonly level: 'problem' | 'note';
  readonly what: string;
  /** Why it matters. */
  readonly why: string;
  /** What to do, as a sentence or the next command to type; with `repair`, what --fix does. */
  readonly fix: string;
  /** Does it. Rejects when it cannot. null: a person has to. */
  readonly repair: (() => void | Promise<void>) | null;
}

/** What was looked at and is in order, in a few words. */
export interface Looked {
  readonly findings: readonly Finding[];
  readonly fine: readonly string[];
}

export function joined(all: readonly Looked[]): Looked {
  return { findings: all.flatMap(({ findings }) => findings), fine: all.flatMap(({ fine }) => fine) };
}
