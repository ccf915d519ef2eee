import type { OrganConfig, SystemConfig } from './config/model.ts';
import { showReferences } from './config/references.ts';
import { instanceNames } from './machine/state.ts';

/** The difference between what runs and what the file says, organ by organ, with the reason. */

export type PlanAction =
  /** Not there yet. */
  | 'start'
  /** In the file no more. */
  | 'stop'
  /** Changed in a way that a running process cannot take on. */
  | 'restart'
  /** Changed in a way that takes effect by itself. */
  | 'update'
  /** Another number of instances. */
  | 'scale';

export interface PlanRow {
  readonly organ: string;
  readonly action: PlanAction;
  /** What is different: `command: "a" is now "b"`. */
  readonly why: readonly string[];
}

export interface Plan {
  readonly organs: readonly PlanRow[];
  /** Settings of the whole system that take effect at once. */
  readonly system: readonly string[];
  readonly unchanged: number;
}

/** What a running process was started with; a change of anything else is taken on without a restart. */
const STARTED_WITH: readonly (keyof OrganConfig)[] = ['command', 'cwd', 'kind', 'ports', 'user', 'resources'];

const TAKEN_ON: readonly (keyof OrganConfig)[] = [
  'description',
  'category',
  'dependsOn',
  'critical',
  'autostart',
  'schedule',
  'autoscale',
  'health',
  'verify',
  'restart',
  'successExitCodes',
  'stop',
  'logs',
  'watch',
  'route',
  'hooks',
  'labels',
];

const OF_THE_SYSTEM: readonly (keyof SystemConfig)[] = [
  'boot',
  'health',
  'security',
  'emergency',
  'checks',
  'hooks',
  'logs',
  'redact',
  'retention',
  'profiles',
];

/** Only at the next boot. */
const AT_BOOT: readonly (keyof SystemConfig)[] = ['name', 'registry'];

export function planOf(running: SystemConfig, wanted: SystemConfig): Plan {
  const rows: PlanRow[] = [];
  const restarting = new Set<string>();
  for (const organ of Object.values(wanted.organs)) {
    const before = running.organs[organ.name];
    if (!before) {
      rows.push({ organ: organ.name, action: 'start', why: ['new in the file'] });
      continue;
    }
    const row = compareOrgan(before, organ);
    if (!row) continue;
    rows.push(row);
    if (row.action === 'restart') restarting.add(organ.name);
  }
  for (const name of Object.keys(running.organs)) {
    if (wanted.organs[name]) continue;
    const why = wanted.inactive.includes(name) ? 'its profile is not active any more' : 'in the file no more';
    rows.push({ organ: name, action: 'stop', why: [why] });
  }
  addDependents(wanted, rows, restarting);
  return {
    organs: rows,
    system: [
      ...OF_THE_SYSTEM.filter((key) => differs(running[key], wanted[key])).map((key) => `${key} changed`),
      ...AT_BOOT.filter((key) => differs(running[key], wanted[key])).map(
        (key) => `${key} changed: from the next boot on`,
      ),
    ],
    unchanged: Object.keys(wanted.organs).length - rows.filter(({ organ }) => wanted.organs[organ]).length,
  };
}

export const isEmptyPlan = (plan: Plan): boolean => plan.organs.length === 0 && plan.system.length === 0;

function compareOrgan(before: OrganConfig, now: OrganConfig): PlanRow | null {
  const restart = [
    ...STARTED_WITH.filter((key) => differs(before[key], now[key])).map((key) => describeChange(key, before, now)),
    ...environmentChanges(before, now),
  ];
  const update = TAKEN_ON.filter((key) => differs(before[key], now[key])).map((key) => `${written(key)} changed`);
  if (restart.length > 0) return { organ: now.name, action: 'restart', why: [...restart, ...update] };
  if (differs(instanceNames(before), instanceNames(now))) {
    return {
      organ: now.name,
      action: 'scale',
      why: [`replicas: ${before.replicas} is now ${now.replicas}`, ...update],
    };
  }
  return update.length > 0 ? { organ: now.name, action: 'update', why: update } : null;
}

/** Of the environment only what the file gives counts: the terminal that azora is typed in is not a change of the file. */
function environmentChanges(before: OrganConfig, now: OrganConfig): string[] {
  const names = new Set([...Object.keys(before.env), ...Object.keys(now.env)]);
  const changed = [...names].filter((name) => before.env[name] !== now.env[name]);
  // Values may be secrets; names are not.
  return changed.length === 0 ? [] : [`env: ${changed.sort().join(', ')} changed`];
}

/** Those that restart whenever a dependency does (`depends_on: { x: { restart: true } }`). */
function addDependents(wanted: SystemConfig, rows: PlanRow[], restarting: Set<string>): void {
  for (const name of restarting) {
    for (const organ of Object.values(wanted.organs)) {
      const link = organ.dependsOn.find((dependency) => dependency.organ === name);
      if (!link?.restart || restarting.has(organ.name)) continue;
      restarting.add(organ.name);
      const at = rows.findIndex((row) => row.organ === organ.name);
      const why = `${name} restarts, and it restarts with it`;
      if (at === -1) rows.push({ organ: organ.name, action: 'restart', why: [why] });
      else if (rows[at]!.action !== 'start')
        rows[at] = { ...rows[at]!, action: 'restart', why: [...rows[at]!.why, why] };
    }
  }
}

function describeChange(key: keyof OrganConfig, before: OrganConfig, now: OrganConfig): string {
  switch (key) {
    case 'command':
      return `command: "${showReferences(before.command.text)}" is now "${showReferences(now.command.text)}"`;
    case 'cwd':
    case 'user':
    case 'kind':
      return `${key}: ${before[key]} is now ${now[key]}`;
    default:
      return `${written(key)} changed`;
  }
}

/** A key as the file writes it. */
const written = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function differs(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}
