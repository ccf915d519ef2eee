import { type BigIntStats, lstatSync, statSync } from 'node:fs';
import type { StateFolder } from '../../adapters/state-folder.ts';
import type { SystemConfig } from '../../core/config/model.ts';
import type { Finding } from '../../core/security.ts';

/** Who may touch the files that are to be private. */

/** Others can read or replace what should be this user's alone. */
export function openFiles(config: SystemConfig, folder: StateFolder): Finding[] {
  const findings: Finding[] = [];
  for (const path of [
    folder.root,
    folder.run,
    folder.logs,
    folder.database,
    folder.bootDocument,
    folder.secrets,
    folder.parsedBefore,
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
    if (!stat || (stat.mode & 0o006n) === 0n) continue;
    const mayWrite = (stat.mode & 0o002n) !== 0n;
    findings.push({
      id: `open-env-file:${path}`,
      severity: mayWrite ? 'High' : 'Low',
      organ: null,
      message: `the env_file ${path} can be ${mayWrite ? 'changed' : 'read'} by every user of this machine`,
      evidence: `mode ${modeOf(stat)}`,
      remedy: `chmod 600 ${path}`,
    });
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

/** null: nothing can be seen there. */
function look(stat: typeof statSync | typeof lstatSync, path: string): BigIntStats | null {
  try {
    return stat(path, { bigint: true });
  } catch {
    return null;
  }
}
