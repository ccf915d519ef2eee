import { type BigIntStats, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { crypto } from '../../adapters/crypto.ts';
import type { OrganConfig, SystemConfig } from '../../core/config/model.ts';
import type { Finding } from '../../core/security.ts';

/** What of the files that the system is made of has changed since it was booted. */

/** What tells a file from itself after a change (nobody can set a ctime); null: there was none. */
type Print = string | null;

/** What is seen of a file; null: nothing. */
type Seen = BigIntStats | null;
type Look = (path: string) => Seen;

/** What an organ is started from, as it was found at the boot or when it was declared so. */
interface Programs {
  /** A digest of the declaration that they belong to: it is written down, and an argument may be a secret. */
  readonly declared: string;
  readonly executable: string | null;
  /** Of its arguments, those that are files: the script that an interpreter runs. */
  readonly scripts: readonly string[];
}

/** What a next supervisor of the same boot goes on from. */
export interface RememberedPrints {
  readonly prints: Readonly<Record<string, Print>>;
  readonly organs: Readonly<Record<string, Programs>>;
}

export class Fingerprints {
  readonly #prints: Map<string, Print>;
  readonly #organs: Map<string, Programs>;

  constructor(known: RememberedPrints = { prints: {}, organs: {} }) {
    this.#prints = new Map(Object.entries(known.prints));
    this.#organs = new Map(Object.entries(known.organs));
  }

  toRemember(): RememberedPrints {
    return { prints: Object.fromEntries(this.#prints), organs: Object.fromEntries(this.#organs) };
  }

  /** Remembers how the files of a system are now. What was remembered before stays. */
  take(config: SystemConfig): void {
    this.#know(config.file);
    for (const organ of Object.values(config.organs)) {
      const path = searchPath(config, organ);
      const declared = digest([organ.command.argv, organ.cwd, path]);
      if (this.#organs.get(organ.name)?.declared === declared) continue;
      const programs = { declared, executable: executableOf(organ, path, look), scripts: scriptsOf(organ) };
      this.#organs.set(organ.name, programs);
      for (const path of [programs.executable, ...programs.scripts]) if (path !== null) this.#know(path);
    }
  }

  /** The file has been applied as it is now. */
  renew(path: string): void {
    this.#prints.set(path, printOf(path));
  }

  programsOf(organ: string): Programs | undefined {
    return this.#organs.get(organ);
  }

  /** What has become of a file, for evidence, by what is seen of it now; null: it is as it was. */
  change(path: string, stat: Seen): string | null {
    const print = this.#prints.get(path);
    if (print === undefined || print === printFrom(stat)) return null;
    return stat === null ? `${path} is gone` : `${path}, modified ${stat.mtime.toISOString()}`;
  }

  #know(path: string): void {
    if (!this.#prints.has(path)) this.#prints.set(path, printOf(path));
  }
}

const digest = (value: unknown): string => crypto().createHash('sha256').update(JSON.stringify(value)).digest('hex');

/** What would be run now is not what was booted. */
export function changedFiles(config: SystemConfig, prints: Fingerprints): Finding[] {
  // One look at each for a whole round: organs share their programs, and whoever removes a file between two looks has not changed it.
  const seen = new Map<string, Seen>();
  const lookOnce: Look = (path) => {
    if (!seen.has(path)) seen.set(path, look(path));
    return seen.get(path)!;
  };
  const file = prints.change(config.file, lookOnce(config.file));
  const ofFile: Finding = {
    id: 'file-changed:azora.yaml',
    severity: 'Low',
    organ: null,
    message: 'azora.yaml has changed since the system was booted',
    evidence: file ?? '',
    remedy: 'Apply it (azora plan, azora reload), or put it back.',
  };
  return [
    ...(file === null ? [] : [ofFile]),
    ...Object.values(config.organs).flatMap((organ) => changedIn(organ, searchPath(config, organ), prints, lookOnce)),
  ];
}

function changedIn(organ: OrganConfig, path: string, prints: Fingerprints, lookAt: Look): Finding[] {
  const known = prints.programsOf(organ.name);
  if (!known) return [];
  const remedy = `If that was you: azora restart ${organ.name}; the finding ends with the next boot.`;
  const findings: Finding[] = [];
  const found = executableOf(organ, path, lookAt);
  const changed = found === null ? null : prints.change(found, lookAt(found));
  if (found !== known.executable) {
    const [was, is] = [known.executable ?? 'nowhere', found ?? 'nowhere'];
    findings.push({
      ...{ id: `executable-moved:${organ.name}`, severity: 'High', organ: organ.name, remedy },
      message: `the executable of ${organ.name} is found in another place than at the boot`,
      evidence: `${organ.command.argv[0]} was ${was} and is ${is}`,
    });
  } else if (changed !== null) {
    findings.push({
      ...{ id: `file-changed:${organ.name}:${found}`, severity: 'High', organ: organ.name, remedy },
      message: `the executable of ${organ.name} has changed since the boot`,
      evidence: changed,
    });
  }
  for (const script of known.scripts) {
    const evidence = script === known.executable ? null : prints.change(script, lookAt(script));
    if (evidence === null) continue;
    findings.push({
      ...{ id: `file-changed:${organ.name}:${script}`, severity: 'Medium', organ: organ.name, remedy },
      message: `a program file of ${organ.name} has changed since the boot`,
      evidence,
    });
  }
  return findings;
}

const searchPath = ({ callerEnv }: SystemConfig, { env }: OrganConfig): string => env.PATH ?? callerEnv.PATH ?? '';

/** Where an organ's executable is found; null: nowhere. */
function executableOf({ command, cwd }: OrganConfig, searched: string, lookAt: Look): string | null {
  const [word] = command.argv;
  if (word.includes('/')) return lookAt(resolve(cwd, word))?.isFile() ? resolve(cwd, word) : null;
  for (const folder of searched.split(':')) {
    const path = join(isAbsolute(folder) ? folder : resolve(cwd, folder), word);
    if (isExecutable(lookAt(path))) return path;
  }
  return null;
}

/** Somebody may execute it: a search of the PATH goes past what nobody may. */
const isExecutable = (stat: Seen): boolean => stat?.isFile() === true && (stat.mode & 0o111n) !== 0n;

function scriptsOf({ command, cwd }: OrganConfig): string[] {
  if (command.shell) return [];
  const files = command.argv
    .slice(1)
    .filter((word) => !word.startsWith('-') && !word.includes('\0'))
    .map((word) => resolve(cwd, word))
    .filter((path) => look(path)?.isFile());
  return [...new Set(files)];
}

const printOf = (path: string): Print => printFrom(look(path));

const printFrom = (stat: Seen): Print => stat && `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;

/**
 * null when nothing can be seen there: it is gone, a folder on the way is closed to this user, or the word is no path at all (a
 * program's text is longer than any name).
 */
function look(path: string): Seen {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return null;
  }
}
