/** One organ as written (its `defaults` already merged in) → the organ of the model, with every default in its place. */
import { PROBE_KINDS } from './merge.ts';
import type {
  CheckConfig,
  CheckProbe,
  CommandLine,
  Expectation,
  HealthConfig,
  LogLimits,
  OrganConfig,
  Probe,
  RestartPolicy,
} from './model.ts';
import type { Finding, Path } from './problem.ts';
import { showReferences } from './references.ts';
import type { WrittenCheck, WrittenExpectation, WrittenHealth, WrittenLogs, WrittenOrgan } from './schema.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

export type Report = (finding: Finding) => void;

export const DEFAULT_LOGS: LogLimits = { maxSize: 10_000_000, maxFiles: 5, compress: 'zstd', merge: false };

/** What the organ takes from its surroundings. */
export interface OrganSurroundings {
  readonly env: Readonly<Record<string, string>>;
  readonly declaredEnv: readonly string[];
  /** Where it is declared; `folder` is absolute. */
  readonly place: { readonly file: string; readonly line: number; readonly folder: string };
  readonly logs: LogLimits;
  readonly healthIntervalMs: number;
}

/** Stands for a command that is missing, which is reported: the rest of the organ is checked all the same. */
const NO_COMMAND: CommandLine = { shell: false, argv: [''], text: '' };

/** Everything but `dependsOn`, which needs the other organs. */
export function normalizeOrgan(
  name: string,
  organ: WrittenOrgan,
  around: OrganSurroundings,
  report: Report,
): OrganConfig {
  const path = ['organs', name];
  if (organ.command === undefined) {
    report({
      path: [...path, 'command'],
      message: `organ ${name} has no command`,
      hint: 'say what to run: `command: node server.js`',
    });
  }
  const kind = organ.kind ?? 'service';
  const ports = Object.entries(organ.ports ?? {}).map(([portName, port]) => ({ name: portName, port }));
  const health = normalizeHealth(organ.health, around.healthIntervalMs, [...path, 'health'], ports.length > 0, report);
  const verify = (organ.verify ?? []).map((check, index) =>
    normalizeCheck(check, name, ports.length > 0, [...path, 'verify', index], report),
  );
  checkCombinations(name, organ, ports, report);
  return {
    name,
    description: organ.description ?? null,
    category: organ.category ?? null,
    command: organ.command ?? NO_COMMAND,
    cwd: organ.cwd ?? around.place.folder,
    env: around.env,
    declaredEnv: around.declaredEnv,
    kind,
    schedule: organ.schedule ?? null,
    dependsOn: [],
    critical: organ.critical ?? false,
    autostart: organ.autostart ?? true,
    profiles: organ.profiles ?? [],
    replicas: organ.replicas ?? 1,
    autoscale: organ.autoscale
      ? { min: organ.autoscale.min, max: organ.autoscale.max, cpu: organ.autoscale.cpu ?? 70 }
      : null,
    ports,
    health,
    verify: verify.filter((check) => check !== null),
    restart: normalizeRestart(organ.restart, kind),
    successExitCodes: organ.success_exit_codes ?? [0],
    stop: {
      signal: organ.stop?.signal ?? 'SIGTERM',
      timeoutMs: organ.stop?.timeout ?? 10 * SECOND,
      command: organ.stop?.command ?? null,
    },
    resources: { cpu: organ.resources?.cpu ?? null, memory: organ.resources?.memory ?? null },
    user: organ.user ?? null,
    logs: normalizeLogs(organ.logs, around.logs),
    watch: organ.watch
      ? { paths: organ.watch.paths, ignore: organ.watch.ignore ?? [], debounceMs: organ.watch.debounce ?? 300 }
      : null,
    route: organ.route
      ? { prefix: organ.route.prefix, rateLimit: organ.route.rate_limit ?? null, auth: organ.route.auth ?? 'none' }
      : null,
    hooks: {
      preStart: organ.hooks?.pre_start ?? null,
      postReady: organ.hooks?.post_ready ?? null,
      preStop: organ.hooks?.pre_stop ?? null,
      postExit: organ.hooks?.post_exit ?? null,
    },
    labels: organ.labels ?? {},
    source: { file: around.place.file, line: around.place.line },
  };
}

function checkCombinations(name: string, organ: WrittenOrgan, ports: OrganConfig['ports'], report: Report): void {
  const path = ['organs', name];
  if (organ.schedule !== undefined && organ.kind !== 'task') {
    const message = `organ ${name} has a schedule, and only a task can have one`;
    report({ path: [...path, 'schedule'], at: 'key', message, hint: 'add `kind: task`' });
  }
  const { autoscale } = organ;
  if (autoscale && autoscale.min > autoscale.max) {
    const message = `organ ${name} has more instances at least (${autoscale.min}) than at most (${autoscale.max})`;
    report({ path: [...path, 'autoscale', 'min'], message });
  }
  const most = Math.max(organ.replicas ?? 1, autoscale?.max ?? 1);
  const fixed = ports.find(({ port }) => port !== 'auto');
  if (most > 1 && fixed) {
    const message = `organ ${name} may run ${most} times, and only one instance can have port ${fixed.port}`;
    report({
      path: [...path, 'ports', fixed.name],
      message,
      hint: 'write `auto`: each instance then has a port of its own',
    });
  }
}

function normalizeHealth(
  health: WrittenHealth | false | undefined,
  intervalMs: number,
  path: Path,
  hasPort: boolean,
  report: Report,
): HealthConfig {
  const written = health || {};
  const kinds = PROBE_KINDS.filter((kind) => written[kind] !== undefined);
  if (kinds.length > 1) {
    const message = `a health probe is one of ${kinds.join(' and ')}, not ${kinds.length === 2 ? 'both' : 'all'}`;
    report({ path: [...path, kinds[1]!], at: 'key', message, hint: 'keep one' });
  }
  const probe = probeOf(written);
  if (probe.kind === 'http' && probe.target.startsWith('/') && !hasPort) reportNoPort([...path, 'http'], report);
  checkExpectation(written.expect, probe.kind, [...path, 'expect'], report);
  return {
    probe,
    intervalMs: written.interval ?? intervalMs,
    timeoutMs: written.timeout ?? 5 * SECOND,
    startTimeoutMs: written.start_timeout ?? MINUTE,
    failures: written.failures ?? 3,
    successes: written.successes ?? 1,
    slowMs: written.slow ?? null,
    expect: normalizeExpectation(written.expect),
    restart: written.restart ?? true,
  };
}

function probeOf(health: WrittenHealth): Probe {
  if (health.http !== undefined) {
    const method = 'method' in health.http ? health.http.method : undefined;
    return { kind: 'http', target: health.http.path, method: method ?? 'GET' };
  }
  if (health.tcp !== undefined) return { kind: 'tcp', target: health.tcp };
  if (health.exec !== undefined) return { kind: 'exec', command: health.exec };
  if (health.log !== undefined) return { kind: 'log', pattern: health.log };
  if (health.fd !== undefined) return { kind: 'fd', fd: health.fd };
  if (health.ipc !== undefined) return { kind: 'ipc', message: health.ipc };
  return { kind: 'none' };
}

/** An entry of `verify`, `checks` or `security.checks`; null (and reported) when it has not exactly one probe. */
export function normalizeCheck(
  check: WrittenCheck,
  organ: string | null,
  hasPort: boolean,
  path: Path,
  report: Report,
): CheckConfig | null {
  const kinds = (['http', 'tcp', 'exec'] as const).filter((kind) => check[kind] !== undefined);
  if (kinds.length > 1) {
    report({
      path: [...path, kinds[1]!],
      at: 'key',
      message: `a check is one of ${kinds.join(' and ')}, not more`,
      hint: 'keep one',
    });
    return null;
  }
  const probe = checkProbeOf(check);
  if (probe === null) {
    report({ path, message: 'a check needs something to do: http, tcp or exec' });
    return null;
  }
  if (probe.kind === 'http' && probe.target.startsWith('/') && !hasPort) {
    if (organ === null)
      report({
        path: [...path, 'http'],
        message: 'a path needs an organ to ask: add `organ: NAME`, or write a whole URL',
      });
    else reportNoPort([...path, 'http'], report);
  }
  checkExpectation(check.expect, probe.kind, [...path, 'expect'], report);
  return {
    name: check.name ?? checkName(probe),
    organ,
    probe,
    expect: normalizeExpectation(check.expect),
    timeoutMs: check.timeout ?? 10 * SECOND,
  };
}

function checkProbeOf(check: WrittenCheck): CheckProbe | null {
  if (check.tcp !== undefined) return { kind: 'tcp', target: check.tcp };
  if (check.exec !== undefined) return { kind: 'exec', command: check.exec };
  if (check.http === undefined) return null;
  const { path, method, headers, body } = { method: undefined, headers: undefined, body: undefined, ...check.http };
  const isJson = body !== undefined && typeof body !== 'string';
  const hasType = Object.keys(headers ?? {}).some((header) => header.toLowerCase() === 'content-type');
  return {
    kind: 'http',
    target: path,
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(isJson && !hasType ? { 'content-type': 'application/json' } : {}), ...headers },
    body: body === undefined ? null : isJson ? jsonWithMarks(body) : body,
  };
}

/** JSON escapes the NULs around a reference's mark; they have to stay what they are, to be found again. */
function jsonWithMarks(value: unknown): string {
  return JSON.stringify(value).replace(/(?<=(?:^|[^\\])(?:\\\\)*)\\u0000/g, '\0');
}

function checkName(probe: CheckProbe): string {
  switch (probe.kind) {
    case 'http':
      return `${probe.method} ${showReferences(probe.target)}`;
    case 'tcp':
      return `tcp ${showReferences(probe.target)}`;
    case 'exec':
      return probe.command.text;
  }
}

function reportNoPort(path: Path, report: Report): void {
  const hint = 'give the organ a port (`ports: { http: auto }`), or write a whole URL';
  report({ path, message: "a path is asked for on the organ's first port, and it has no ports", hint });
}

const EXPECTATIONS: Readonly<Record<Probe['kind'], readonly (keyof WrittenExpectation)[]>> = {
  http: ['status', 'json', 'body'],
  exec: ['exit_code', 'body'],
  tcp: [],
  log: [],
  fd: [],
  ipc: [],
  none: [],
};

/** An expectation that this kind of probe cannot judge would be silently ignored: said instead. */
function checkExpectation(
  expect: WrittenExpectation | undefined,
  kind: Probe['kind'],
  path: Path,
  report: Report,
): void {
  for (const key of Object.keys(expect ?? {}) as (keyof WrittenExpectation)[]) {
    if (EXPECTATIONS[kind].includes(key)) continue;
    const who = kind === 'none' ? 'there is no probe that could meet it' : `a probe by ${kind} has none`;
    report({ path: [...path, key], at: 'key', message: `expect.${key}: ${who}` });
  }
}

function normalizeExpectation(expect: WrittenExpectation | undefined): Expectation {
  return {
    status: expect?.status ?? null,
    json: expect?.json ?? {},
    body: expect?.body ?? null,
    exitCode: expect?.exit_code ?? 0,
  };
}

function normalizeRestart(restart: WrittenOrgan['restart'], kind: OrganConfig['kind']): RestartPolicy {
  const written: Exclude<WrittenOrgan['restart'], undefined | { policy: string }> = restart ?? {};
  return {
    policy: written.policy ?? (kind === 'task' ? 'never' : 'always'),
    delayMs: written.delay ?? 500,
    factor: written.factor ?? 2,
    maxDelayMs: written.max_delay ?? MINUTE,
    jitter: written.jitter ?? 0.25,
    resetAfterMs: written.reset_after ?? MINUTE,
    limit: written.limit ?? 10,
    windowMs: written.window ?? 10 * MINUTE,
  };
}

export function normalizeLogs(logs: WrittenLogs | undefined, base: LogLimits): LogLimits {
  return {
    maxSize: logs?.max_size ?? base.maxSize,
    maxFiles: logs?.max_files ?? base.maxFiles,
    compress: logs?.compress ?? base.compress,
    merge: logs?.merge ?? base.merge,
  };
}
