/** Which file is meant: the one named, else $AZORA_FILE, else azora.yaml or azora.yml here or in the nearest parent. */
import { existsSync } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';

export const FILE_NAMES: readonly string[] = ['azora.yaml', 'azora.yml'];

/** The file's absolute path (a file that is named may not exist), or the folder in which the search began. */
export function findFile(
  named: string | undefined,
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): { readonly file: string } | { readonly searched: string } {
  const chosen = named ?? env.AZORA_FILE;
  if (chosen) return { file: resolve(cwd, chosen) };
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    for (const name of FILE_NAMES) if (existsSync(join(folder, name))) return { file: join(folder, name) };
    if (dirname(folder) === folder) return { searched: resolve(cwd) };
  }
}

/** `azora.override.yaml` beside azora.yaml (and so on for any other name), where there is one. */
export function findOverride(file: string): string | null {
  const stem = file.slice(0, file.length - extname(file).length);
  return [`${stem}.override.yaml`, `${stem}.override.yml`].find((path) => existsSync(path)) ?? null;
}
