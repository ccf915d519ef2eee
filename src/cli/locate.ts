import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { StateFolder } from '../adapters/state-folder.ts';
import { stateFolder, stateRootOf } from '../adapters/state-folder.ts';
import { fail } from '../core/failures.ts';
import type { CommandContext } from './command.ts';

const NAMES = ['azora.yaml', 'azora.yml'];

/** The azora.yaml that a command means (SPEC 1), or null when there is none: -f, $AZORA_FILE, the nearest one upwards. */
export function locateFile(context: Pick<CommandContext, 'global' | 'env' | 'cwd'>): string | null {
  const chosen = context.global.file ?? context.env.AZORA_FILE;
  if (chosen) return resolve(context.cwd, chosen);
  for (let folder = context.cwd; ; folder = dirname(folder)) {
    for (const name of NAMES) {
      if (existsSync(join(folder, name))) return join(folder, name);
    }
    if (dirname(folder) === folder) return null;
  }
}

/**
 * The state folder that a command means: --state-dir, $AZORA_STATE_DIR, or `.azora` beside the file. Neither has to exist.
 * Fails with `no-file` when nothing says which system is meant.
 */
export function locateState(context: Pick<CommandContext, 'global' | 'env' | 'cwd'>): StateFolder {
  const chosen = context.global.stateDir ?? context.env.AZORA_STATE_DIR;
  if (chosen) return stateFolder(resolve(context.cwd, chosen));
  const file = locateFile(context);
  if (file === null) {
    fail(
      'no-file',
      `no azora.yaml in ${context.cwd} or any folder above it`,
      'Go to the folder of your azora.yaml, or name it: azora --file path/to/azora.yaml …',
    );
  }
  return stateFolder(stateRootOf(file, undefined));
}
