import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { SystemConfig } from '../core/config/model.ts';
import type { Boot } from '../core/machine/state.ts';

/**
 * What is being run, from `up` to `down`: a next supervisor goes on from here, whatever has become of azora.yaml meanwhile. It holds
 * environments with their secrets, so it is a private file and not a row of the database.
 */
export interface BootDocument {
  readonly config: SystemConfig;
  readonly boot: Omit<Boot, 'wanted'> & { readonly wanted: readonly string[] };
  /** Digests of the registry tokens in use, by instance. */
  readonly tokens: Readonly<Record<string, string>>;
  readonly ports: Readonly<Record<string, number>>;
  readonly registryPort: number | null;
}

export function writeBootDocument(path: string, document: BootDocument): void {
  writeFileSync(`${path}.new`, JSON.stringify(document), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** null: nothing is being run. */
export function readBootDocument(path: string): BootDocument | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as BootDocument;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new Error(`the boot document ${path} cannot be read`, { cause: error });
  }
}

export function removeBootDocument(path: string): void {
  rmSync(path, { force: true });
}
