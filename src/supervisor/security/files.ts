import { type BigIntStats, lstatSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import type { StateFolder } from '../../adapters/state-folder.ts';
import type { OrganConfig, SystemConfig } from '../../core/config/model.ts';
import type { Finding } from '../../core/security.ts';

/** What of the files that the system is made of has changed since it was booted, and who may touch those that are private. */

/** What tells a file from itself after a change: nobody can set a ctime. */
type Print = string;

export class Fingerprints {
  readonly #prints = new Map<string, Print | null>();

  /** Remembers how the files of a system are now. What was remembered before stays. */
  take(config: SystemConfig): void {
    for (const path of [config.file, ...Object.values(config.organs).flatMap(filesOf)]) {
      if (!this.#prints.has(path)) this.#prints.set(path, printOf(path));
    }
  }

  changed(path: string): boolean {
    return this.#prints.has(path) && printOf(path) !== this.#prints.get(path);
  }
}

function printOf(path: string): Print | null {
  const stat = look(statSync, path);
  return stat ? `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}` : null;
}

/**
 * null when nothing can be seen there: it is gone, a folder on the way is closed to this user, or the word is no path at all (a program's
 * text is longer than any name).
 */
function look(stat: typeof statSync | typeof lstatSync, path: string): BigIntStats | null {
  try {
    return stat(path, { bigint: true });
  } catch {
    return null;
  }
}

/** The executable and, of its arguments, those that are files of the organ's folder: the script that an interpreter runs. */
function filesOf(organ: OrganConfig): string[] {
  const executable = executableOf(organ);
  return [...(executable ? [executable] : []), ...scriptsOf(organ)];
}

function executableOf({ command, cwd, env }: OrganConfig): string | null {
  const [word] = command.argv;
  if (word.includes('/')) return resolve(cwd, word);
  for (const folder of (env.PATH ?? '').split(':')) {
    const path = join(isAbsolute(folder) ? folder : resolve(cwd, folder), word);
    if (look(statSync, path)?.isFile()) return path;
  }
  return null;
}

function scriptsOf({ command, cwd }: OrganConfig): string[] {
  if (command.shell) return [];
  return command.argv
    .slice(1)
    .filter((word) => !word.startsWith('-') && !word.includes('\0'))
    .map((word) => resolve(cwd, word))
    .filter((path) => look(statSync, path)?.isFile());
}

/** What is run now is not what was booted. */
export function changedFiles(config: SystemConfig, prints: Fingerprints): Finding[] {
  const findings: Finding[] = [];
  if (prints.changed(config.file)) {
    findings.push({
      id: 'file-changed:azora.yaml',
      severity: 'Low',
      organ: null,
      message: 'azora.yaml has changed since the system was booted',
      evidence: config.file,
      remedy: 'Apply it or put it back.',
    });
  }
  for (const organ of Object.values(config.organs)) {
    const executable = executableOf(organ);
    for (const path of new Set(filesOf(organ))) {
      if (!prints.changed(path)) continue;
      findings.push({
        id: `file-changed:${organ.name}:${path}`,
        severity: path === executable ? 'High' : 'Medium',
        organ: organ.name,
        message: `${path === executable ? 'the executable' : 'a program file'} of ${organ.name} has changed since the boot`,
        evidence: path,
        remedy: `If that was you: azora restart ${organ.name}; the finding ends with the next boot.`,
      });
    }
  }
  return findings;
}

/** Others can read or replace what should be this user's alone. */
export function openFiles(config: SystemConfig, folder: StateFolder): Finding[] {
  const findings: Finding[] = [];
  for (const path of [
    folder.root,
    folder.run,
    folder.logs,
    folder.database,
    folder.supervisorSocket,
    folder.keeperSocket,
  ]) {
    const stat = look(lstatSync, path);
    if (!stat) continue;
    const trouble = openness(stat);
    if (trouble) {
      findings.push({
        id: `open-state:${path}`,
        severity: 'High',
        organ: null,
        message: `${path} is ${trouble}: others could read logs and secrets, or control the system`,
        evidence: `mode ${modeOf(stat)}, uid ${stat.uid}`,
        remedy: `chmod go-rwx ${path}`,
      });
    }
  }
  for (const path of config.envFiles ?? []) {
    const stat = look(statSync, path);
    if (stat && stat.mode & 0o004n) {
      findings.push({
        id: `open-env-file:${path}`,
        severity: 'Low',
        organ: null,
        message: `the env_file ${path} can be read by every user of this machine`,
        evidence: `mode ${modeOf(stat)}`,
        remedy: `chmod 600 ${path}`,
      });
    }
  }
  return findings;
}

function openness(stat: BigIntStats): string | null {
  if (stat.isSymbolicLink()) return 'a link';
  const uid = process.getuid?.();
  if (uid !== undefined && stat.uid !== BigInt(uid)) return `owned by uid ${stat.uid}`;
  return stat.mode & 0o077n ? 'open to other users' : null;
}

const modeOf = (stat: BigIntStats): string => (stat.mode & 0o777n).toString(8).padStart(3, '0');
