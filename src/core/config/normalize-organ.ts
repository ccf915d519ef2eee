/** One organ as written (its `defaults` already merged in) → the organ of the model, with every default in its place. */
import type { CommandLine, LogLimits, OrganConfig, RestartPolicy } from './model.ts';
import { normalizeCheck, normalizeHealth } from './normalize-probes.ts';
import type { Report } from './problem.ts';
import type { WrittenLogs, WrittenOrgan } from './schema.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

export const DEFAULT_LOGS: LogLimits = { maxSize: 10_000_000, maxFiles: 5, compress: 'zstd', merge: false };

/** What the organ takes from its surroundings. */
export interface OrganSurroundings {
  readonly env: Readonly<Record<string, string>>;
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
