import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/**
 * The values that are masked in whatever azora shows of a running system, for the commands that read its logs. A private file, there
 * from `up` to `down` only: nothing secret is kept of a system that does not run.
 */
export function writeSecrets(path: string, values: readonly string[]): void {
  writeFileSync(`${path}.new`, JSON.stringify(values), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** null: nothing runs, or what runs was started by an azora that wrote none. */
export function readSecrets(path: string): readonly string[] | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as string[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new Error(`the list of what is to be masked, ${path}, cannot be read`, { cause: error });
  }
}

export function removeSecrets(path: string): void {
  rmSync(path, { force: true });
}
