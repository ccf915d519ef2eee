import type { Draft, DraftOrgan, Found, FoundMap } from './draft.ts';
import {
  asMap,
  asTexts,
  braced,
  filled,
  forShell,
  isMap,
  isScalar,
  organNames,
  Reader,
  renamed,
  seconds,
  systemName,
} from './draft.ts';
import { environmentOf } from './environment.ts';

/** process-compose.yaml. */
export function fromProcessCompose(data: FoundMap, has: { readonly dotEnv: boolean }): Draft {
  const file = new Reader(data);
  file.take('version');
  const processes = Object.entries(asMap(file.take('processes')));
  const names = organNames(processes.map(([name]) => name));
  const awaited = new Set(
    processes.flatMap(([, process]) =>
      Object.entries(asMap(asMap(process).depends_on)).flatMap(([needed, how]) =>
        /completed/.test(String(asMap(how).condition)) ? [needed] : [],
      ),
    ),
  );
  const name = file.take('name');
  return {
    name: typeof name === 'string' ? systemName(name) : null,
    system:
      filled({
        env: environmentOf(file.take('environment')),
        env_file: [...asTexts(file.take('env_file')), ...(has.dotEnv ? ['.env'] : [])],
      }) ?? {},
    organs: processes.map(([written, process]) => organOf(written, asMap(process), names, awaited.has(written))),
    notes: file.left.map((key) => `${key}: no equivalent`),
  };
}

const CONDITIONS: Readonly<Record<string, string>> = {
  process_started: 'started',
  process_healthy: 'healthy',
  process_log_ready: 'healthy',
  process_completed: 'exited',
  process_completed_successfully: 'completed',
};

function organOf(
  written: string,
  process: FoundMap,
  names: ReadonlyMap<string, string>,
  isAwaited: boolean,
): DraftOrgan {
  const name = names.get(written)!;
  const read = new Reader(process);
  const notes = renamed(written, name);
  const availability = asMap(read.take('availability'));
  const schedule = asMap(read.take('schedule'));
  const cron = typeof schedule.cron === 'string' ? schedule.cron : null;
  if (isMap(schedule) && cron === null && Object.keys(schedule).length > 0)
    notes.push('schedule: only cron has an equivalent');
  const shutdown = asMap(read.take('shutdown'));
  const probe = healthOf(asMap(read.take('readiness_probe')), asMap(read.take('liveness_probe')), read, notes);
  const entrypoint = asTexts(read.take('entrypoint'));
  const text = read.take('command');
  const command = typeof text === 'string' ? forShell(text) : entrypoint.length > 0 ? entrypoint.map(braced) : null;
  if (command === null) notes.push('it has no command');
  if (typeof text === 'string' && /PC_(REPLICA_NUM|PROC_NAME)/.test(text)) {
    notes.push('PC_REPLICA_NUM and PC_PROC_NAME: azora says $AZORA_REPLICA (from 1) and $AZORA_ORGAN');
  }
  if (shutdown.parent_only === true) notes.push('shutdown.parent_only: azora always ends the whole tree');
  if (read.take('is_daemon') === true)
    notes.push('is_daemon: azora supervises processes that stay in the foreground: run it without its daemon option');
  for (const [key, why] of LEFT_OUT) if (read.take(key) !== undefined) notes.push(`${key}: ${why}`);
  const isTask = cron !== null || isAwaited;
  const keys = filled({
    description: read.take('description'),
    category: read.take('namespace'),
    command,
    cwd: read.take('working_dir'),
    kind: isTask ? 'task' : null,
    schedule: cron,
    env: environmentOf(read.take('environment')),
    env_file: asTexts(read.take('env_file')),
    depends_on: dependenciesOf(asMap(read.take('depends_on')), names, notes),
    autostart: read.take('disabled') === true ? false : null,
    replicas: read.take('replicas'),
    critical: availability.restart === 'exit_on_failure' ? true : null,
    ports: probe.ports,
    health: probe.health,
    restart: restartOf(availability, isTask, notes),
    stop: filled({
      signal: signalOf(shutdown.signal, notes),
      timeout: isScalar(shutdown.timeout_seconds) ? seconds(Number(shutdown.timeout_seconds)) : null,
      command: typeof shutdown.command === 'string' ? forShell(shutdown.command) : null,
    }),
  })!;
  notes.push(...read.left.map((key) => `${key}: no equivalent`));
  return { name, inactive: command === null, keys, notes };
}

const LEFT_OUT: readonly (readonly [string, string])[] = [
  ['log_location', 'azora keeps the output itself: azora logs'],
  ['is_tty', 'organs have no terminal'],
  ['is_foreground', 'organs have no terminal; for one command with yours: azora run'],
  ['is_elevated', 'azora does not switch to root'],
  ['disable_ansi_colors', 'azora leaves output as it is'],
];

/** A failing liveness probe restarts, a failing readiness probe only says so; azora has one probe, which can do either. */
function healthOf(
  readiness: FoundMap,
  liveness: FoundMap,
  read: Reader,
  notes: string[],
): { readonly health: FoundMap | null; readonly ports: FoundMap | null } {
  const line = read.take('ready_log_line');
  const isReadiness = Object.keys(readiness).length > 0;
  const probe = new Reader(isReadiness ? readiness : liveness);
  if (isReadiness && Object.keys(liveness).length > 0) {
    notes.push(
      'liveness_probe: azora has one probe, and this is the readiness_probe; its Critical verdict restarts the organ',
    );
  }
  const launch = read.take('launch_timeout_seconds');
  const exec = asMap(probe.take('exec'));
  const http = probe.take('http_get');
  const period = Number(probe.take('period_seconds') ?? 10);
  const failures = Number(probe.take('failure_threshold') ?? 3);
  const initial = Number(probe.take('initial_delay_seconds') ?? 0);
  const timeout = probe.take('timeout_seconds');
  const timings = {
    interval: seconds(period),
    timeout: isScalar(timeout) ? seconds(Number(timeout)) : null,
    failures,
    successes: probe.take('success_threshold'),
    start_timeout: isScalar(launch) ? seconds(Number(launch)) : seconds(Math.max(60, initial + period * failures)),
    // Readiness alone never restarts anything there.
    restart: isReadiness && Object.keys(liveness).length === 0 ? false : null,
  };
  const other = probe.left;
  if (typeof exec.command === 'string') {
    notes.push(...other.map((key) => `probe ${key}: no equivalent`));
    return { health: filled({ exec: forShell(exec.command), ...timings }), ports: null };
  }
  if (isMap(http)) {
    notes.push(...other.map((key) => `probe ${key}: no equivalent`));
    const { host = '127.0.0.1', scheme = 'http', port, path = '/' } = http;
    const number = Number(port ?? (scheme === 'https' ? 443 : 80));
    const isOwn = /^(127\.0\.0\.1|localhost|0\.0\.0\.0)$/.test(String(host)) && scheme === 'http' && number > 0;
    const target = isOwn ? String(path) : `${scheme}://${host}:${port}${path}`;
    return {
      health: filled({ http: target, ...timings, expect: filled({ status: http.status_code }) }),
      ports: isOwn ? { http: number } : null,
    };
  }
  if (typeof line === 'string') return { health: { log: line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') }, ports: null };
  return { health: null, ports: null };
}

function dependenciesOf(needs: FoundMap, names: ReadonlyMap<string, string>, notes: string[]): FoundMap {
  return Object.fromEntries(
    Object.entries(needs).flatMap(([needed, how]) => {
      const name = names.get(needed);
      if (name === undefined) {
        notes.push(`depends_on ${needed}: there is no such process`);
        return [];
      }
      const condition = CONDITIONS[String(asMap(how).condition ?? 'process_completed')] ?? 'started';
      return [[name, { condition }]];
    }),
  );
}

/** Without a word it is not restarted there; azora restarts services. */
function restartOf(availability: FoundMap, isTask: boolean, notes: string[]): Found {
  const policies: Readonly<Record<string, string>> = {
    always: 'always',
    on_failure: 'on-failure',
    exit_on_failure: 'never',
    no: 'never',
    false: 'never',
  };
  const policy = policies[String(availability.restart ?? 'no')] ?? 'never';
  const backoff = availability.backoff_seconds;
  const limit = availability.max_restarts;
  if (availability.exit_on_end === true) notes.push('availability.exit_on_end: azora up --exit-code-from this organ');
  if (availability.exit_on_skipped === true) notes.push('availability.exit_on_skipped: azora up --abort-on-failure');
  const more = filled({
    delay: isScalar(backoff) ? seconds(Number(backoff)) : null,
    factor: isScalar(backoff) ? 1 : null,
    limit: isScalar(limit) && Number(limit) > 0 ? Number(limit) : null,
  });
  if (more !== null && policy !== 'never') return { policy, ...more };
  return isTask && policy === 'never' ? null : policy;
}

const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  6: 'SIGABRT',
  9: 'SIGKILL',
  10: 'SIGUSR1',
  12: 'SIGUSR2',
  15: 'SIGTERM',
};

function signalOf(number: Found, notes: string[]): string | null {
  if (!isScalar(number)) return null;
  const name = SIGNALS[Number(number)];
  if (name === undefined) notes.push(`shutdown.signal ${number}: azora stops with SIGTERM instead`);
  return name ?? null;
}
