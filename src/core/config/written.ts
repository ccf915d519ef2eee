/**
 * The resolved system, back in the form that a user writes: every default said, nothing merged in any more, the caller's environment
 * left out. Read again, it means the same (same configHash).
 */
import { parseCommand } from './command.ts';
import type {
  CheckConfig,
  CommandLine,
  Expectation,
  HealthConfig,
  LogLimits,
  OrganConfig,
  SystemConfig,
} from './model.ts';
import { MASK, secretMasker, secretMatcher, secretsOf } from './redact.ts';
import { showReferences } from './references.ts';
import { formatCpu, formatDuration, formatSize } from './units.ts';

type Written = Record<string, unknown>;

/** The whole system as a file, as plain data. */
export function writtenForm(config: SystemConfig): Written {
  const { security, registry } = config;
  return {
    version: 1,
    name: config.name,
    profiles: config.profiles,
    boot: {
      timeout: formatDuration(config.boot.timeoutMs),
      steps: config.boot.steps.map(({ name, organs }) => ({ name: plain(name), organs })),
    },
    health: { interval: formatDuration(config.health.intervalMs) },
    security: without({
      interval: formatDuration(security.intervalMs),
      checks: security.checks.map(writtenCheck),
      escalate: security.escalate && { ...security.escalate, path: plain(security.escalate.path) },
      allow: security.allow,
    }),
    emergency: { on: config.emergency.on, deadline: formatDuration(config.emergency.deadlineMs) },
    checks: config.checks.map(writtenCheck),
    hooks: mapValues(config.hooks, (targets) => targets.map(plain)),
    registry: registry ?? false,
    logs: writtenLogs(config.logs),
    redact: config.redact.map(plain),
    retention: { max_age: formatDuration(config.retention.maxAgeMs), max_size: formatSize(config.retention.maxBytes) },
    organs: mapValues(config.organs, writtenOrgan),
  };
}

/** The same with the values of secrets masked: in the variables that `redact` names, and wherever else they turn up. */
export function maskedForm(config: SystemConfig): Written {
  const isSecret = secretMatcher(config.redact);
  const mask = secretMasker(secretsOf(config));
  const visit = (value: unknown, key: string): unknown => {
    if (typeof value === 'string') return mask(value);
    if (Array.isArray(value)) return value.map((item) => visit(item, ''));
    if (typeof value !== 'object' || value === null) return value;
    const isEnv = key === 'env';
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, isEnv && isSecret(name) ? MASK : visit(item, name)]),
    );
  };
  return visit(writtenForm(config), '') as Written;
}

function writtenOrgan(organ: OrganConfig): Written {
  const { restart, stop, resources, route, watch, hooks } = organ;
  return without({
    description: organ.description && plain(organ.description),
    category: organ.category && plain(organ.category),
    command: writtenCommand(organ.command),
    cwd: plain(organ.cwd),
    env: mapValues(organ.env, plain),
    kind: organ.kind,
    schedule: organ.schedule,
    depends_on: Object.fromEntries(
      organ.dependsOn.map(({ organ: need, condition, restart: restarts, required }) => [
        need,
        { condition, restart: restarts, required },
      ]),
    ),
    critical: organ.critical,
    autostart: organ.autostart,
    profiles: organ.profiles.map(plain),
    replicas: organ.replicas,
    autoscale: organ.autoscale,
    ports: Object.fromEntries(organ.ports.map(({ name, port }) => [name, port])),
    health: writtenHealth(organ.health),
    verify: organ.verify.map(({ organ: _organ, ...check }) => writtenCheck({ ...check, organ: null })),
    restart: {
      policy: restart.policy,
      delay: formatDuration(restart.delayMs),
      factor: restart.factor,
      max_delay: formatDuration(restart.maxDelayMs),
      jitter: restart.jitter,
      reset_after: formatDuration(restart.resetAfterMs),
      limit: restart.limit,
      window: formatDuration(restart.windowMs),
    },
    success_exit_codes: organ.successExitCodes,
    stop: without({
      signal: stop.signal,
      timeout: formatDuration(stop.timeoutMs),
      command: stop.command && writtenCommand(stop.command),
    }),
    resources:
      resources.cpu === null && resources.memory === null
        ? null
        : without({
            cpu: resources.cpu === null ? null : formatCpu(resources.cpu),
            memory: resources.memory === null ? null : formatSize(resources.memory),
          }),
    user: organ.user && plain(organ.user),
    logs: writtenLogs(organ.logs),
    watch: watch && {
      paths: watch.paths.map(plain),
      ignore: watch.ignore.map(plain),
      debounce: formatDuration(watch.debounceMs),
    },
    route: route && without({ prefix: plain(route.prefix), rate_limit: route.rateLimit, auth: route.auth }),
    hooks: without({
      pre_start: hooks.preStart && writtenCommand(hooks.preStart),
      post_ready: hooks.postReady && writtenCommand(hooks.postReady),
      pre_stop: hooks.preStop && writtenCommand(hooks.preStop),
      post_exit: hooks.postExit && writtenCommand(hooks.postExit),
    }),
    labels: mapValues(organ.labels, plain),
  });
}

function writtenHealth(health: HealthConfig): Written {
  return without({
    ...writtenProbe(health.probe),
    interval: formatDuration(health.intervalMs),
    timeout: formatDuration(health.timeoutMs),
    start_timeout: formatDuration(health.startTimeoutMs),
    failures: health.failures,
    successes: health.successes,
    slow: health.slowMs === null ? null : formatDuration(health.slowMs),
    expect: writtenExpectation(health.expect),
    restart: health.restart,
  });
}

function writtenProbe(probe: HealthConfig['probe']): Written {
  switch (probe.kind) {
    case 'http':
      return { http: { path: plain(probe.target), method: probe.method } };
    case 'tcp':
      return { tcp: plain(probe.target) };
    case 'exec':
      return { exec: writtenCommand(probe.command) };
    case 'log':
      return { log: plain(probe.pattern) };
    case 'fd':
      return { fd: probe.fd };
    case 'ipc':
      return { ipc: plain(probe.message) };
    case 'none':
      return {};
  }
}

function writtenCheck({ name, organ, probe, expect, timeoutMs }: CheckConfig): Written {
  return without({
    name: plain(name),
    organ,
    ...(probe.kind === 'http'
      ? {
          http: without({
            path: plain(probe.target),
            method: probe.method,
            headers: mapValues(probe.headers, plain),
            body: probe.body === null ? null : plain(probe.body),
          }),
        }
      : writtenProbe(probe)),
    expect: writtenExpectation(expect),
    timeout: formatDuration(timeoutMs),
  });
}

function writtenExpectation(expect: Expectation): Written | null {
  const written = without({
    status: expect.status,
    json:
      Object.keys(expect.json).length === 0
        ? null
        : mapValues(expect.json, (value) => (typeof value === 'string' ? plain(value) : value)),
    body: expect.body === null ? null : plain(expect.body),
    exit_code: expect.exitCode === 0 ? null : expect.exitCode,
  });
  return Object.keys(written).length === 0 ? null : written;
}

function writtenLogs(logs: LogLimits): Written {
  return { max_size: formatSize(logs.maxSize), max_files: logs.maxFiles, compress: logs.compress, merge: logs.merge };
}

/** The text where reading it gives the same command again, else the list. */
function writtenCommand(command: CommandLine): string | string[] {
  if (command.shell) return plain(command.argv[2] ?? command.text);
  const again = parseCommand(command.text);
  const isSame = 'argv' in again && !again.shell && JSON.stringify(again.argv) === JSON.stringify(command.argv);
  return isSame ? plain(command.text) : command.argv.map(plain);
}

/** A text as it must be written to be read back: dollars that would be interpolated doubled, marks as references again. */
function plain(text: string): string {
  return showReferences(text.replace(/\$(?=[${])/g, '$$$$'));
}

/** Without the keys that have nothing to say. */
function without(map: Written): Written {
  return Object.fromEntries(Object.entries(map).filter(([, value]) => value !== null && value !== undefined));
}

function mapValues<T, U>(map: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}
