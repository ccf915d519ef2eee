import type { OrganConfig, SystemConfig } from './config/model.ts';
import { EXIT } from './failures.ts';

/** A system as a service of systemd: its unit (systemd.service(5), systemd.exec(5), systemd.kill(5)). */

export interface UnitOptions {
  readonly config: Pick<SystemConfig, 'name' | 'file' | 'boot' | 'organs'>;
  /** What runs azora, without a command: absolute paths. */
  readonly azora: readonly string[];
  /** Where relative paths begin: the folder of the file. */
  readonly folder: string;
  /** Who the system belongs to. */
  readonly user: string;
  /** systemd's own is short; organs' commands are looked up in this one. */
  readonly path: string;
  /** Whether `azora up` can tell systemd that the system is ready. */
  readonly notifies: boolean;
}

/** Beyond what organs may take: the daemons' own start and end. */
const SLACK_MS = 30_000;
/** What a hook of an organ may take (supervisor/hooks.ts). */
const HOOK_MS = 30_000;

/** Ends that a new start does not mend: configuration, another owner, an emergency that somebody has to look at. */
const FINAL = [EXIT.usage, EXIT.owned, EXIT.emergency];

export const unitName = (system: string): string => `azora-${system}.service`;

/** The text of the unit. */
export function systemdUnit({ config, azora, folder, user, path, notifies }: UnitOptions): string {
  const [program = '', ...rest] = azora;
  const command = (name: string): string =>
    // Of the program's own name systemd makes no variable.
    [quote(program, '$'), ...[...rest, name].map((word) => quote(word, '$$'))].join(' ');
  const lines = [
    '[Unit]',
    `Description=${literal(`${config.name} (azora)`)}`,
    'Wants=network-online.target',
    'After=network-online.target',
    '',
    '[Service]',
    ...(notifies
      ? ['# Started means that the system is ready.', 'Type=notify', 'NotifyAccess=main']
      : ['# Started means that azora runs; whether the system is ready, `azora status` tells.', 'Type=exec']),
    `User=${literal(user)}`,
    `WorkingDirectory=${literal(folder)}`,
    `Environment=${quote(`PATH=${path}`, '$')}`,
    `ExecStart=${command('up')}`,
    `ExecStop=${command('down')}`,
    '# The stop is azora’s, in its order; systemd ends what is left only after that.',
    'KillMode=mixed',
    `TimeoutStartSec=${seconds(config.boot.timeoutMs + SLACK_MS)}`,
    `TimeoutStopSec=${seconds(stopMs(config.organs) + SLACK_MS)}`,
    '# Organs are restarted by azora. This is for azora itself.',
    'Restart=on-failure',
    'RestartSec=2s',
    `RestartPreventExitStatus=${FINAL.join(' ')}`,
    `SuccessExitStatus=${EXIT.interrupted} ${EXIT.terminated}`,
    '# Below its own cgroup azora makes one for each organ that has `resources`, for the kernel to hold it to them.',
    'Delegate=cpu memory',
    '# An organ that the kernel kills for its memory is one organ’s failure.',
    'OOMPolicy=continue',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ];
  return `${lines.join('\n')}\n`;
}

/** How long the stop may take, in ms: dependents go first, so it is the longest chain of organs with their stop timeouts. */
export function stopMs(organs: Readonly<Record<string, OrganConfig>>): number {
  const known = new Map<string, number>();
  const chain = (name: string): number => {
    const organ = organs[name];
    if (!organ) return 0; // of another profile
    const before = known.get(name);
    if (before !== undefined) return before;
    const { preStop, postExit } = organ.hooks;
    const own = organ.stop.timeoutMs + HOOK_MS * [preStop, postExit].filter(Boolean).length;
    const total = own + Math.max(0, ...organ.dependsOn.map((dependency) => chain(dependency.organ)));
    known.set(name, total);
    return total;
  };
  return Math.max(0, ...Object.keys(organs).map(chain));
}

const seconds = (ms: number): string => `${Math.ceil(ms / 1000)}s`;

/** systemd's specifiers (%n) begin with a percent sign. */
const literal = (text: string): string => text.replaceAll('%', '%%');

/** One word of a command line, or one assignment: C-style escapes within double quotes; in a command line `$$` is a `$`. */
function quote(word: string, dollar: '$' | '$$'): string {
  const escaped = literal(word)
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('$', () => dollar);
  return /^[\w@+,./:=-]+$/.test(escaped) ? escaped : `"${escaped}"`;
}
