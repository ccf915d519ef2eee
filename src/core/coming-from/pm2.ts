import type { Draft, DraftOrgan, Found, FoundMap } from './draft.ts';
import {
  asMap,
  asTexts,
  filled,
  isMap,
  isScalar,
  literal,
  milliseconds,
  organNames,
  Reader,
  renamed,
} from './draft.ts';

export interface Pm2Surroundings {
  /** What `instances: 'max'` means on this machine. */
  readonly cpus: number;
  /** The variables of the caller that the file's text names: their values do not belong into another file. */
  readonly variables: Readonly<Record<string, string>>;
}

/** pm2's ecosystem file, evaluated. */
export function fromPm2(data: Found, around: Pm2Surroundings): Draft {
  const file = new Reader(isMap(data) ? data : { apps: data });
  const apps = file.take('apps');
  const list = (Array.isArray(apps) ? apps : [apps]).filter(isMap);
  const titles = list.map((app, index) => String(app.name ?? nameOfScript(app.script) ?? `app-${index + 1}`));
  const names = organNames(titles);
  const notes = file.take('deploy') === undefined ? [] : ['deploy: azora does not deploy'];
  return {
    name: null,
    system: {},
    organs: list.map((app, index) => organOf(app, titles[index]!, names.get(titles[index]!)!, around)),
    notes: [...notes, ...file.left.map((key) => `${key}: no equivalent`)],
  };
}

function organOf(app: FoundMap, title: string, name: string, { cpus, variables }: Pm2Surroundings): DraftOrgan {
  const read = new Reader(app);
  read.take('name');
  const notes = renamed(title, name);
  const command = commandOf(read, notes);
  const env = environmentOf(read.take('env'), variables);
  for (const key of Object.keys(app).filter((each) => /^env_/.test(each))) {
    notes.push(
      `${key} (pm2 start --env ${key.slice(4)}): put it into a file of its own that includes this one: ${shown(asMap(read.take(key)))}`,
    );
  }
  const replicas = replicasOf(read.take('instances'), read.take('exec_mode'), cpus, notes);
  const port = Number(env?.PORT ?? read.take('port'));
  const cwd = read.take('cwd');
  const watching = watchOf(
    isScalar(cwd) ? String(cwd) : null,
    read.take('watch'),
    read.take('ignore_watch'),
    read.take('watch_delay'),
  );
  const isReadyByMessage = read.take('wait_ready') === true;
  const listen = numberOf(read.take('listen_timeout'));
  if (listen !== null && !isReadyByMessage) notes.push('listen_timeout: it counts with wait_ready only');
  const cron = read.take('cron_restart') ?? read.take('cron');
  const keys = filled({
    category: read.take('namespace'),
    command,
    cwd,
    // The port below is what it is told as $PORT.
    env: env && port > 0 ? withoutPort(env) : env,
    replicas: replicas === 1 ? null : replicas,
    // Of several instances each needs a port of its own.
    ports: port > 0 ? { http: replicas === 1 ? port : 'auto' } : null,
    health: isReadyByMessage
      ? filled({ ipc: 'ready', start_timeout: listen === null ? '3s' : milliseconds(listen) })
      : null,
    restart: restartOf(read),
    success_exit_codes: successCodes(app.stop_exit_codes),
    stop: { signal: 'SIGINT', timeout: milliseconds(numberOf(read.take('kill_timeout')) ?? 1600) },
    resources: filled({ memory: memoryOf(read.take('max_memory_restart')) }),
    watch: watching,
    user: read.take('user') ?? read.take('uid'),
  })!;
  if (port > 0 && replicas > 1) {
    notes.push(
      `port ${port}: pm2 shares it among the instances; here each has its own ($PORT), and a gateway or proxy stands before them`,
    );
  }
  if (cron !== undefined && cron !== false) {
    notes.push(
      `cron_restart ${String(cron)}: services are not restarted by the clock; a task has \`schedule\`: \`azora restart ${name}\` as its command does this`,
    );
  }
  for (const [key, why] of LEFT_OUT) if (read.take(key) !== undefined) notes.push(`${key}: ${why}`);
  for (const key of WITHOUT_A_WORD) read.take(key);
  notes.push(...read.left.map((key) => `${key}: no equivalent`));
  if (command === null) notes.push('it has no script: write its command, and remove the comment signs');
  return { name, inactive: command === null, keys, notes };
}

const LOGS = 'azora keeps the output itself: azora logs, and `logs` with max_size and max_files';
const LEFT_OUT: readonly (readonly [string, string])[] = [
  ['out_file', LOGS],
  ['output', LOGS],
  ['error_file', LOGS],
  ['error', LOGS],
  ['log_file', LOGS],
  ['log', LOGS],
  ['log_date_format', 'every line has its time: azora logs -t'],
  ['log_type', 'azora logs --json'],
  ['pid_file', 'azora status --json has the pids'],
  ['instance_var', '$AZORA_REPLICA is the number of the instance, from 1'],
  ['increment_var', '$AZORA_REPLICA is the number of the instance, from 1'],
  ['filter_env', 'organs get the environment of whoever runs azora up'],
  ['shutdown_with_message', 'azora stops with a signal, or with `stop.command`'],
  ['gid', '`user: NAME` where azora may switch'],
  ['post_update', 'azora does not deploy'],
];
/** These say how pm2 works, or are as azora does it anyway. */
const WITHOUT_A_WORD = [
  'vizion',
  'pmx',
  'automation',
  'treekill',
  'time',
  'merge_logs',
  'combine_logs',
  'source_map_support',
  'force',
  'disable_source_map_support',
  'stop_exit_codes',
];

const INTERPRETERS: Readonly<Record<string, string>> = {
  js: 'node',
  cjs: 'node',
  mjs: 'node',
  ts: 'node',
  py: 'python3',
  rb: 'ruby',
  sh: 'bash',
  php: 'php',
  pl: 'perl',
};

function commandOf(read: Reader, notes: string[]): string[] | string | null {
  const script = read.take('script');
  const args = read.take('args');
  const interpreter = read.take('interpreter') ?? read.take('exec_interpreter');
  const options = [...words(read.take('interpreter_args')), ...words(read.take('node_args'))];
  if (!isScalar(script)) return null;
  const [file = '', ...more] = Array.isArray(args) || args !== undefined ? [String(script)] : words(script);
  const extension = /\.([a-z]+)$/.exec(file)?.[1] ?? '';
  const program = isScalar(interpreter) ? String(interpreter) : (INTERPRETERS[extension] ?? 'none');
  const isBare = program === 'none' || program === '';
  if (extension === 'ts' && !isScalar(interpreter))
    notes.push('TypeScript: node runs it from version 22.18 on; else name tsx or ts-node');
  const argv = [...(isBare ? [] : [program, ...options]), file, ...more, ...words(args)].map(literal);
  // Plain words read better as text; anything else is executed as it is.
  return argv.every((word) => /^[\w@%+=:,./-]+$/.test(word)) ? argv.join(' ') : argv;
}

function words(found: Found): string[] {
  if (Array.isArray(found)) return asTexts(found);
  return isScalar(found)
    ? [...String(found).matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '')
    : [];
}

const nameOfScript = (script: Found): string | null =>
  isScalar(script) ? (String(script).split('/').at(-1) ?? '').replace(/\.\w+$/, '') : null;

function replicasOf(instances: Found, mode: Found, cpus: number, notes: string[]): number {
  if (mode === 'cluster' || mode === 'cluster_mode') {
    notes.push('exec_mode cluster: azora starts separate processes, which share no socket');
  }
  if (!isScalar(instances)) return 1;
  if (instances === 'max' || Number(instances) === 0) {
    notes.push(`instances ${instances}: one for each of the ${cpus} processors of this machine; or see \`autoscale\``);
    return cpus;
  }
  const number = Number(instances);
  return Number.isInteger(number) && number !== 0 ? Math.max(1, number < 0 ? cpus + number : number) : 1;
}

function environmentOf(found: Found, variables: Pm2Surroundings['variables']): Record<string, string> | null {
  const entries = Object.entries(asMap(found)).filter((entry): entry is [string, string | number | boolean] =>
    isScalar(entry[1]),
  );
  return entries.length === 0
    ? null
    : Object.fromEntries(
        entries.map(([name, value]) => {
          const from = Object.keys(variables).find((each) => variables[each] === value);
          return [name, from === undefined ? literal(String(value)) : `\${${from}}`];
        }),
      );
}

const shown = (map: FoundMap): string =>
  Object.entries(map)
    .map(([name, value]) => `${name}=${/(TOKEN|SECRET|PASSWORD|_KEY)/i.test(name) ? '…' : String(value)}`)
    .join(' ');

/** pm2 gives up after so many restarts in a row that did not last min_uptime. */
function restartOf(read: Reader): Found {
  const minUptime = timeOf(read.take('min_uptime'));
  const most = numberOf(read.take('max_restarts'));
  const delay = numberOf(read.take('restart_delay'));
  const backoff = numberOf(read.take('exp_backoff_restart_delay'));
  const stopCodes = read.take('stop_exit_codes');
  if (read.take('autorestart') === false) return 'never';
  const more = filled({
    policy: stopCodes === undefined ? null : 'on-failure',
    delay: delay !== null ? milliseconds(delay) : backoff !== null ? milliseconds(backoff) : null,
    factor: delay !== null ? 1 : backoff !== null ? 1.5 : null,
    max_delay: backoff !== null ? '15s' : null,
    limit: most,
    reset_after: minUptime === null ? null : milliseconds(minUptime),
  });
  return more;
}

function successCodes(found: Found): number[] | null {
  const codes = (Array.isArray(found) ? found : [found]).filter(isScalar).map(Number);
  return codes.length === 0 ? null : codes;
}

/** What is watched is named from the program's own folder. */
function watchOf(cwd: string | null, found: Found, ignored: Found, delay: Found): FoundMap | null {
  const named = found === true ? ['.'] : asTexts(found).filter((path) => path !== 'false');
  const paths = named.map((path) =>
    cwd === null || path.startsWith('/') ? path : path === '.' ? cwd : `${cwd}/${path}`,
  );
  if (paths.length === 0) return null;
  const wait = numberOf(delay);
  return filled({ paths, ignore: asTexts(ignored), debounce: wait === null ? null : milliseconds(wait) });
}

const withoutPort = ({ PORT: _port, ...env }: Readonly<Record<string, string>>): Record<string, string> => env;

const numberOf = (found: Found): number | null =>
  isScalar(found) && /^\d+(\.\d+)?$/.test(String(found)) ? Number(found) : null;

/** Milliseconds, or pm2's `10s`, `5m`, `1h`. */
function timeOf(found: Found): number | null {
  const [, amount, unit = ''] = isScalar(found) ? (/^(\d+)([smh]?)$/.exec(String(found)) ?? []) : [];
  return amount === undefined ? null : Number(amount) * ({ '': 1, s: 1000, m: 60_000, h: 3_600_000 }[unit] ?? 1);
}

/** `300M`: powers of 1024 in pm2. */
function memoryOf(found: Found): string | null {
  const [, amount, unit = ''] = isScalar(found) ? (/^(\d+(?:\.\d+)?)([KMG]?)$/i.exec(String(found)) ?? []) : [];
  if (amount === undefined) return null;
  return unit === '' ? `${amount}B` : `${amount}${unit.toUpperCase()}i`;
}
