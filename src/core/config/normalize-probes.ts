/** Health probes and checks as written → those of the model. */
import { PROBE_KINDS } from './merge.ts';
import type { CheckConfig, CheckProbe, Expectation, HealthConfig, Probe } from './model.ts';
import type { Path, Report } from './problem.ts';
import { showReferences } from './references.ts';
import type { WrittenCheck, WrittenExpectation, WrittenHealth } from './schema.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** What `health` says, or `false`, which leaves everything but the probe. */
export function normalizeHealth(
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
    ...(check.severity && { severity: check.severity }),
    ...(check.remedy && { remedy: check.remedy }),
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
