/** A whole file as written → the resolved system: defaults, profiles, environments, and every check that needs them. */
import { parseCommand } from './command.ts';
import {
  checkCycles,
  checkInstanceNames,
  checkPorts,
  type Names,
  reportUnknown,
  resolveDependencies,
  resolveSteps,
  whyInactive,
} from './cross-checks.ts';
import { callerBytes, type Layer, layerEnvironment, tooLarge } from './environment.ts';
import type { Reference } from './interpolate.ts';
import { mergeOrgan } from './merge.ts';
import type { CheckConfig, OrganConfig, SystemConfig } from './model.ts';
import { DEFAULT_LOGS, normalizeLogs, normalizeOrgan, type OrganSurroundings } from './normalize-organ.ts';
import { normalizeCheck } from './normalize-probes.ts';
import type { Finding, Path, Report } from './problem.ts';
import type { WrittenCheck, WrittenFile, WrittenOrgan } from './schema.ts';

const SECOND = 1000;
const DAY = 86_400_000;

/** What the file's text does not say. */
export interface Surroundings {
  /** Absolute path of the main file, and its name as messages show it. */
  readonly file: string;
  readonly fileName: string;
  /** The name of the folder that the file is in. */
  readonly folderName: string;
  /** Profiles named by the caller; undefined: those of the file. */
  readonly profiles: readonly string[] | undefined;
  readonly callerEnv: Readonly<Record<string, string>>;
  /** Organs as the file names them, those too that are left out because of an error. */
  readonly declared: readonly string[];
  /** Parts of the files could not be read, which is reported already. */
  readonly isPartial: boolean;
  readonly references: readonly (Reference & { readonly path: Path })[];
  readonly placeOf: (organ: string) => OrganSurroundings['place'];
  /** The variables of an env_file by its absolute path; `error` says what is wrong with it, null that it is not there. */
  readonly readEnvFile: (path: string) => { readonly values: Layer } | { readonly error: string } | null;
}

export interface Normalized {
  readonly config: Omit<SystemConfig, 'configHash'>;
  readonly findings: readonly Finding[];
  readonly warnings: readonly string[];
  /** Of each organ that no active profile selects, the profiles that would. */
  readonly inactiveProfiles: Readonly<Record<string, readonly string[]>>;
}

export function normalize(file: WrittenFile, around: Surroundings): Normalized {
  const findings: Finding[] = [];
  const warnings: string[] = [];
  const report: Report = (finding) => findings.push(finding);
  const warn = (text: string) => warnings.push(`${around.fileName}: ${text}`);

  const written: Record<string, WrittenOrgan> = {};
  for (const [name, organ] of Object.entries(file.organs ?? {})) written[name] = mergeOrgan(file.defaults, organ);
  const profiles = around.profiles ?? file.profiles ?? [];
  const names = namesOf(written, around.declared, profiles);
  if (around.declared.length === 0 && !around.isPartial)
    report({
      path: ['organs'],
      at: 'key',
      message: 'there are no organs',
      hint: 'name at least one: `organs: { web: { command: node server.js } }`',
    });

  const organs = normalizeOrgans(file, written, names, around, report);
  for (const organ of Object.values(organs)) {
    const dependsOn = resolveDependencies(organ.name, written[organ.name]!.depends_on, organs, names, report, warn);
    organs[organ.name] = { ...organ, dependsOn };
  }
  checkCycles(organs, written, report);
  checkReferences(around.references, organs, names, report);
  const fromCaller = callerBytes(around.callerEnv);
  for (const organ of Object.values(organs)) for (const finding of tooLarge(organ, fromCaller)) report(finding);

  const registry =
    file.registry === false ? null : { host: file.registry?.host ?? '127.0.0.1', port: file.registry?.port ?? 'auto' };
  checkPorts(organs, registry, report);
  checkInstanceNames(organs, report);
  const checks = (list: readonly WrittenCheck[] | undefined, path: Path) =>
    resolveChecks(list ?? [], path, organs, names, report, warn);

  const config = {
    name: file.name ?? slug(around.folderName),
    file: around.file,
    boot: {
      timeoutMs: file.boot?.timeout ?? 120 * SECOND,
      steps: resolveSteps(file.boot?.steps ?? [], organs, names, report),
    },
    health: { intervalMs: healthInterval(file) },
    security: {
      intervalMs: file.security?.interval ?? 60 * SECOND,
      checks: checks(file.security?.checks, ['security', 'checks']),
      escalate: resolveEscalation(file, organs, names, report, warn),
      allow: file.security?.allow ?? (['observe', 'restart-organ', 'stop-organ'] as const),
    },
    emergency: {
      on: file.emergency?.on ?? (['critical-organ-failed'] as const),
      deadlineMs: file.emergency?.deadline ?? 15 * SECOND,
    },
    checks: checks(file.checks, ['checks']),
    hooks: resolveHooks(file.hooks, report),
    registry,
    logs: normalizeLogs(file.logs, DEFAULT_LOGS),
    redact: file.redact ?? ['*_TOKEN', '*_SECRET', '*PASSWORD*', '*_KEY'],
    retention: { maxAgeMs: file.retention?.max_age ?? 30 * DAY, maxBytes: file.retention?.max_size ?? 200_000_000 },
    profiles,
    callerEnv: around.callerEnv,
    organs,
    inactive: names.all.filter((name) => !names.isActive(name)),
  };
  const inactiveProfiles = Object.fromEntries(config.inactive.map((name) => [name, names.profilesOf(name)]));
  return { config, findings, warnings, inactiveProfiles };
}

const healthInterval = (file: WrittenFile) => file.health?.interval ?? 30 * SECOND;

function namesOf(
  written: Readonly<Record<string, WrittenOrgan>>,
  declared: readonly string[],
  profiles: readonly string[],
): Names {
  const all = new Set([...Object.keys(written), ...declared]);
  const profilesOf = (name: string) => (Object.hasOwn(written, name) ? (written[name]?.profiles ?? []) : []);
  return {
    all: [...all],
    isDeclared: (name) => all.has(name),
    isActive: (name) => profilesOf(name).length === 0 || profilesOf(name).some((profile) => profiles.includes(profile)),
    profilesOf,
  };
}

function normalizeOrgans(
  file: WrittenFile,
  written: Readonly<Record<string, WrittenOrgan>>,
  names: Names,
  around: Surroundings,
  report: Report,
): Record<string, OrganConfig> {
  const logs = normalizeLogs(file.logs, DEFAULT_LOGS);
  const systemLayers = [...envFileLayers(file.env_file, ['env_file'], around, report), file.env ?? {}];
  const organs: Record<string, OrganConfig> = {};
  for (const [name, organ] of Object.entries(written)) {
    if (!names.isActive(name)) continue;
    const own = file.organs?.[name]?.env_file !== undefined;
    const fromFiles = envFileLayers(
      organ.env_file,
      own ? ['organs', name, 'env_file'] : ['defaults', 'env_file'],
      around,
      report,
    );
    const surroundings = {
      env: layerEnvironment([...systemLayers, ...fromFiles, organ.env ?? {}]),
      place: around.placeOf(name),
      logs,
      healthIntervalMs: healthInterval(file),
    };
    organs[name] = normalizeOrgan(name, organ, surroundings, report);
  }
  return organs;
}

function envFileLayers(paths: readonly string[] | undefined, at: Path, around: Surroundings, report: Report): Layer[] {
  const layers: Layer[] = [];
  for (const [index, written] of (paths ?? []).entries()) {
    const optional = written.endsWith('?');
    const result = around.readEnvFile(optional ? written.slice(0, -1) : written);
    if (result === null) {
      const hint = 'end the path in "?" if it may be missing';
      if (!optional) report({ path: [...at, index], message: `env_file ${written} does not exist`, hint });
    } else if ('error' in result) {
      report({ path: [...at, index], message: result.error });
    } else layers.push(result.values);
  }
  return layers;
}

/** References point at organs that run and have a port. Those written in an organ that does not run do not matter. */
function checkReferences(
  references: Surroundings['references'],
  organs: Readonly<Record<string, OrganConfig>>,
  names: Names,
  report: Report,
): void {
  for (const { organ, path, piece } of references) {
    const [section, owner] = path;
    if (section === 'organs' && !names.isActive(String(owner))) continue;
    if (!names.isDeclared(organ)) reportUnknown(organ, piece, path, names, report, piece);
    else if (!names.isActive(organ)) report({ path, piece, message: `${piece}: ${whyInactive(organ, names)}` });
    else if (organs[organ]?.ports.length === 0) {
      report({
        path,
        piece,
        message: `${piece}: organ ${organ} has no ports`,
        hint: `give ${organ} a port: \`ports: { http: auto }\``,
      });
    }
  }
}

function resolveChecks(
  list: readonly WrittenCheck[],
  path: Path,
  organs: Readonly<Record<string, OrganConfig>>,
  names: Names,
  report: Report,
  warn: (text: string) => void,
): CheckConfig[] {
  const checks: CheckConfig[] = [];
  for (const [index, written] of list.entries()) {
    const organ = written.organ ?? null;
    const what = written.name === undefined ? 'a check' : `check "${written.name}"`;
    if (organ !== null && !names.isDeclared(organ)) {
      reportUnknown(organ, what, [...path, index, 'organ'], names, report);
    } else if (organ !== null && !names.isActive(organ)) {
      warn(`${what} is left out: ${whyInactive(organ, names)}`);
    } else {
      const target = organ === null ? undefined : organs[organ];
      // An organ that is left out because of an error of its own may well have a port.
      const hasPort = organ !== null && (target === undefined || target.ports.length > 0);
      const check = normalizeCheck(written, organ, hasPort, [...path, index], report);
      if (check) checks.push(check);
    }
  }
  return checks;
}

function resolveEscalation(
  file: WrittenFile,
  organs: Readonly<Record<string, OrganConfig>>,
  names: Names,
  report: Report,
  warn: (text: string) => void,
): SystemConfig['security']['escalate'] {
  const escalate = file.security?.escalate;
  if (escalate === undefined) return null;
  const path = ['security', 'escalate', 'organ'];
  if (!names.isDeclared(escalate.organ)) reportUnknown(escalate.organ, 'security.escalate', path, names, report);
  else if (!names.isActive(escalate.organ)) {
    warn(`security.escalate is left out: ${whyInactive(escalate.organ, names)}`);
    return null;
  } else if (organs[escalate.organ]?.ports.length === 0) {
    report({
      path,
      message: `security.escalate posts to organ ${escalate.organ}, which has no ports`,
      hint: `give it one: \`ports: { http: auto }\``,
    });
  }
  return { organ: escalate.organ, path: escalate.path, at: escalate.at ?? 'High' };
}

/** Commands that could not be run are reported now, not when their event happens. */
function resolveHooks(written: WrittenFile['hooks'], report: Report): SystemConfig['hooks'] {
  const hooks = (written ?? {}) as Record<string, string[]>;
  for (const [event, targets] of Object.entries(hooks)) {
    for (const [index, target] of targets.entries()) {
      const command = /^https?:/i.test(target) ? null : parseCommand(target);
      if (command && 'error' in command) report({ path: ['hooks', event, index], message: command.error });
    }
  }
  return hooks;
}

/** A folder's name as a system's name. */
export function slug(text: string): string {
  const name = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return name.slice(0, 63).replace(/-+$/, '') || 'system';
}
