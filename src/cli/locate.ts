import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { FILE_NAMES, findFile } from '../adapters/config/find-file.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { assertOwnRun, isClosed, stateFolder, stateRootOf } from '../adapters/state-folder.ts';
import { fail } from '../core/failures.ts';
import type { CommandContext } from './command.ts';

type Where = Pick<CommandContext, 'global' | 'env' | 'cwd'>;

/** The azora.yaml that a command means: -f, $AZORA_FILE, the nearest one upwards. It may not exist. Or `no-file`. */
export function locateFile({ global, env, cwd }: Where): string {
  const found = findFile(global.file, cwd, env);
  if ('file' in found) return found.file;
  return fail(
    'no-file',
    `no azora.yaml in ${found.searched} or any folder above it`,
    'Go to the folder of your azora.yaml, or name it: azora --file path/to/azora.yaml …',
  );
}

/** The state folder that a command means, as `whereState` says. Fails with `unreachable` when it is closed to this user. */
export function locateState(where: Where): StateFolder {
  const folder = whereState(where);
  assertOwnRun(folder);
  if (!isClosed(folder)) return folder;
  return fail(
    'unreachable',
    `the state folder ${folder.root} belongs to another user, and is closed to this one`,
    'Run azora as the one who started the system.',
  );
}

/**
 * The state folder that a command means: --state-dir, $AZORA_STATE_DIR, or `.azora` beside the file. It may not exist. Fails
 * with `no-file` when nothing says which system is meant.
 */
export function whereState(where: Where): StateFolder {
  const chosen = where.global.stateDir ?? where.env.AZORA_STATE_DIR;
  if (chosen) return stateFolder(resolve(where.cwd, chosen));
  return orphaned(where) ?? stateFolder(stateRootOf(locateFile(where), undefined));
}

/** What runs here although its azora.yaml is gone: nearer than any file, so that what is further up is not taken for it. */
function orphaned({ global, env, cwd }: Where): StateFolder | null {
  if (global.file !== undefined || env.AZORA_FILE) return null;
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (FILE_NAMES.some((name) => existsSync(join(folder, name)))) return null;
    const state = stateFolder(join(folder, '.azora'));
    if (existsSync(state.bootDocument)) return state;
    if (folder === dirname(folder)) return null;
  }
}
