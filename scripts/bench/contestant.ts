/** A program that runs a system of organs, measured beside others of its kind. */
export interface Contestant {
  readonly name: string;
  /** null: not installed, and left out. */
  readonly version: string | null;
  /** What it has, of what is measured. */
  readonly order: boolean;
  readonly restarts: boolean;
  /** A second boot of the same folder finds what the first has left. */
  readonly remembers?: true;
  /** Writes the configuration for these organs into a folder of its own. */
  prepare(folder: string, organs: Organs): void;
  /** Begins to boot the system in that folder; resolves when the command has returned, or stays. */
  up(folder: string): Promise<void>;
  /** Stops it; resolves when the command has returned. */
  down(folder: string): Promise<void>;
  /** The process that everything of it descends from. */
  root(folder: string): number;
  /** The process that restarts organs. */
  supervisor(folder: string): number;
  /** Runs the command that shows all organs, to its end; null: there is none. */
  readonly status: ((folder: string) => Promise<unknown>) | null;
  /** What all organs write is in one file. */
  readonly mixed?: true;
  /** The files that hold what an organ wrote, oldest first; null: it keeps none. */
  readonly logs: ((folder: string, organ: string) => readonly string[]) | null;
}

export interface Organ {
  readonly command: readonly string[];
  /** Organs that have to be started before. */
  readonly needs: readonly string[];
  /** It ends by itself and is not to be started again. */
  readonly once: boolean;
}
export type Organs = Readonly<Record<string, Organ>>;
