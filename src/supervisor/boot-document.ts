import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { SystemConfig } from '../core/config/model.ts';
import type { Boot } from '../core/machine/state.ts';

/**
 * What is being run, from `up` to `down`: a next supervisor goes on from here, whatever has become of azora.yaml meanwhile. It holds
 * environments with their secrets, so it is a private file and not a row of the database.
 */
export interface BootDocument {
  readonly config: SystemConfig;
  /** As it was when this was written; the record knows how far it has come since. */
  readonly boot: SavedBoot;
  /** Lives of another boot of the machine are dead. */
  readonly machineBootId: string;
  /** Of which the registry tokens follow. */
  readonly secret: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly registryPort: number | null;
}

/** A boot as JSON. */
export type SavedBoot = Omit<Boot, 'wanted'> & { readonly wanted: readonly string[] };

export const saveBoot = (boot: Boot): SavedBoot => ({ ...boot, wanted: [...boot.wanted] });

export const restoreBoot = (saved: SavedBoot): Boot => ({ ...saved, wanted: new Set(saved.wanted) });

export function writeBootDocument(path: string, document: BootDocument): void {
  writeFileSync(`${path}.new`, JSON.stringify(document), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** null: nothing is being run. */
export function readBootDocument(path: string): BootDocument | null {
  try {
    const document = JSON.parse(readFileSync(path, 'utf8')) as BootDocument;
    // An older azora wrote the caller's environment into that of each organ.
    return { ...document, config: { ...document.config, callerEnv: document.config.callerEnv ?? {} } };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new Error(`the boot document ${path} cannot be read`, { cause: error });
  }
}

export function removeBootDocument(path: string): void {
  rmSync(path, { force: true });
}
