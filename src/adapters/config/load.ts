/** azora.yaml → the resolved system, or everything that is wrong with it. */
import { basename, dirname } from 'node:path';
import type { SystemConfig } from '../../core/config/model.ts';
import { type Normalized, normalize, type Surroundings } from '../../core/config/normalize.ts';
import { occurringIn } from '../../core/config/occurring.ts';
import type { Finding, Path, Problem } from '../../core/config/problem.ts';
import type { WrittenFile } from '../../core/config/schema.ts';
import { turn } from '../turn.ts';
import { configHash } from './config-hash.ts';
import { envFileReader } from './env-file.ts';
import { findFile } from './find-file.ts';
import { ParsedBefore } from './parsed-before.ts';
import { locate } from './positions.ts';
import { labelOf, type ReadFiles, readFiles } from './read-files.ts';
import { EXAMPLE, problemOf } from './source.ts';

export { ParsedBefore };

export interface LoadOptions {
  /** -f/--file. */
  readonly file?: string;
  readonly cwd: string;
  /** The caller's environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** --profile, which replaces the file's own. */
  readonly profiles?: readonly string[];
  /** What unchanged files say, and new ones are added to. Not given: all are parsed. */
  readonly parsed?: ParsedBefore;
}

export type LoadResult =
  | {
      readonly ok: true;
      readonly config: SystemConfig;
      readonly warnings: readonly string[];
      /** Of each organ that no active profile selects, the profiles that would. */
      readonly inactiveProfiles: Readonly<Record<string, readonly string[]>>;
    }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly file: string | null };

/**
 * Reads, merges, checks and resolves the file. Problems are values, all of them at once, in the order of the files. Takes a turn of the loop
 * between its parts, each of which keeps the processor to itself for up to 30 ms with 147 organs.
 */
export async function loadConfig(options: LoadOptions): Promise<LoadResult> {
  const found = findFile(options.file, options.cwd, options.env);
  if (!('file' in found)) {
    const message = `no azora.yaml or azora.yml in ${found.searched} or any folder above it`;
    return { ok: false, problems: [problemOf(null, message, 'write one, for example:', EXAMPLE)], file: null };
  }
  const { file } = found;
  const callerEnv = callerEnvironment(options.env);
  const envFiles = new Set<string>();
  const read = envFileReader();
  const readEnvFile: typeof read = (path) => {
    const found = read(path);
    if (found) envFiles.add(path);
    return found;
  };
  const { cwd, parsed } = options;
  const files = await readFiles(file, { cwd, env: callerEnv, readEnvFile, ...(parsed && { parsed }) });
  if (files.sources.length === 0) return { ok: false, problems: files.problems, file };
  await turn();

  const surroundings: Surroundings = {
    file,
    fileName: labelOf(file, options.cwd),
    folderName: basename(dirname(file)),
    profiles: options.profiles,
    callerEnv,
    declared: organNames(files.data),
    isPartial: files.problems.length > 0,
    references: files.references,
    placeOf: (organ) => files.places.get(organ) ?? { file: basename(file), line: 1, folder: dirname(file) },
    readEnvFile,
  };
  const { normalized, findings } = await check(files, surroundings, parsed);
  if (normalized === null || findings.length > 0 || files.problems.length > 0) {
    return { ok: false, problems: problemsOf(files, findings), file };
  }
  await turn();
  const config = { ...normalized.config, envFiles: [...envFiles], configHash: configHash(normalized.config) };
  const { inactiveProfiles, warnings } = normalized;
  return { ok: true, config, warnings: [...files.warnings, ...warnings], inactiveProfiles };
}

/** Data that the schema refuses is checked on without what is wrong, so that one mistake does not hide another. */
async function check(
  { data, broken, problems, hasVariables }: ReadFiles,
  surroundings: Surroundings,
  before: ParsedBefore | undefined,
): Promise<{ normalized: Normalized | null; findings: readonly Finding[] }> {
  const settled = (written: WrittenFile) => {
    const normalized = normalize(written, surroundings);
    return { normalized, findings: normalized.findings };
  };
  const isWhole = problems.length === 0;
  const known = isWhole ? before?.writtenOf(data) : null;
  if (known) return settled(known);
  const { fileSchema } = await import('../../core/config/schema.ts');
  const schema = fileSchema(occurringIn(data));
  const parsed = schema.safeParse(data);
  await turn();
  if (parsed.success) {
    if (isWhole && !hasVariables) before?.addWritten(data, parsed.data);
    return settled(parsed.data);
  }
  const { findingsOf, prune } = await import('../../core/config/issues.ts');
  const wrong = findingsOf(parsed.error.issues, data);
  const rest = schema.safeParse(prune(data, wrong));
  const further = rest.success ? normalize(rest.data, surroundings).findings : [];
  const news = further.filter((finding) => !wrong.some(({ path }) => isBelow(finding.path, path)));
  const isNew = ({ path, at }: Finding) =>
    !broken.some((each) => isBelow(path, each) || (at !== 'key' && isBelow(each, path)));
  return { normalized: null, findings: [...wrong, ...news].filter(isNew) };
}

/** A finding below (or at) a place that was pruned follows from the pruning. */
function isBelow(path: Path, ancestor: Path): boolean {
  return ancestor.every((part, index) => path[index] === part);
}

/** Everything that is wrong, by place; what two findings say of one place is said once. */
function problemsOf(files: ReadFiles, findings: readonly Finding[]): readonly Problem[] {
  const problems = [
    ...files.problems,
    ...findings.slice(0, MOST_PROBLEMS).map((finding) => locate(finding, files.sources)),
  ];
  const unique = new Map(
    problems.map((problem) => [JSON.stringify([problem.file, problem.line, problem.column, problem.message]), problem]),
  );
  const order = new Map(files.sources.map((source, index) => [source.label, index]));
  const rank = (problem: Problem) => order.get(problem.file ?? '') ?? -1;
  const sorted = [...unique.values()].sort(
    (a, b) => rank(a) - rank(b) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );
  const more = files.problems.length + findings.length - MOST_PROBLEMS;
  if (more <= 0) return sorted;
  return [...sorted.slice(0, MOST_PROBLEMS), problemOf(null, `and about ${more} more problems`)];
}

/** More than anybody reads; finding the place of each takes time. */
const MOST_PROBLEMS = 1000;

/**
 * The caller's environment without the variables that azora's own launcher set, which $AZORA_UNSET names, and without the socket on
 * which systemd hears from `azora up`: an organ that speaks to it (many servers do) would speak for the system.
 */
function callerEnvironment(env: LoadOptions['env']): Record<string, string> {
  const unset = new Set(['AZORA_UNSET', 'NOTIFY_SOCKET', ...(env.AZORA_UNSET ?? '').split(',')]);
  const entries = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !unset.has(entry[0]),
  );
  return Object.fromEntries(entries);
}

function organNames(data: unknown): string[] {
  const organs = typeof data === 'object' && data !== null && 'organs' in data ? data.organs : null;
  return typeof organs === 'object' && organs !== null && !Array.isArray(organs) ? Object.keys(organs) : [];
}
