import { stripVTControlCharacters } from 'node:util';
import type { ChalkInstance } from 'chalk';
import {
  ASSUMED,
  type Health,
  type InstanceState,
  type InstanceStatus,
  type StatusDocument,
  type SystemStatus,
} from '../../core/status.ts';
import type { Column } from './table.ts';
import { table } from './table.ts';
import { age, bytes, count, oneLine } from './text.ts';

/** How `azora status` looks on a terminal of that width (Infinity: piped, nothing is cut). */
export interface StatusStyle {
  readonly style: ChalkInstance;
  readonly columns: number;
}

/** The whole answer: a line about the system, then the table. */
export function renderStatus(document: StatusDocument, how: StatusStyle, by: 'category' | null = null): string {
  const lines = [headline(document, how), ...limits(document), ...ownTrouble(document), ''];
  if (document.organs.length === 0) lines.push('No organs.');
  else if (by === 'category') lines.push(...categories(document.organs, how));
  else lines.push(...organTable(document.organs, how));
  return `${lines.join('\n')}\n`;
}

/** The processes' pids go first when the terminal is narrow. */
function headline({ system, organs }: StatusDocument, { style, columns }: StatusStyle): string {
  const parts = [
    `${style.bold(system.name)}  ${paintStatus(style, system.status)}`,
    system.phase,
    system.uptimeMs === null ? null : `up ${age(system.uptimeMs)}`,
    tally(organs),
    system.threatLevel === 'None' ? null : `threat ${system.threatLevel}`,
    system.pid === null ? null : `supervisor ${system.pid}`,
    system.keeperPid === null ? null : `keeper ${system.keeperPid}`,
  ];
  const said = parts.filter((part) => part !== null);
  while (said.length > 3 && stripVTControlCharacters(said.join(' · ')).length > columns) said.pop();
  return said.join(' · ');
}

/** No organ is to blame, so azora itself is. */
function ownTrouble({ system, organs }: StatusDocument): string[] {
  const isWell = organs.every(({ health }) => health !== 'Degraded' && health !== 'Critical');
  if (system.status !== 'Degraded' || !isWell || system.phase === 'stopping') return [];
  return ['azora itself is not well; why: azora events --type system-status-changed'];
}

/** What becomes of `resources`. */
function limits({ system }: StatusDocument): string[] {
  if (!system.limits) return [];
  const { held, watched, reason } = system.limits;
  const parts = [
    held.length === 0 ? null : `${held.join(' and ')} held by the kernel`,
    watched.length === 0 ? null : `${watched.join(' and ')} watched${reason === null ? '' : `: ${reason}`}`,
  ];
  return [`limits: ${parts.filter((part) => part !== null).join('; ')}`];
}

/** `6 organs: 5 Healthy, 1 Critical`, by instance. */
export function tally(organs: readonly InstanceStatus[]): string {
  const by = Map.groupBy(organs, (organ) => (organ.state === 'stopped' ? 'stopped' : organ.health));
  const order = ['Healthy', 'Degraded', 'Critical', 'Unknown', 'stopped'] as const;
  const parts = order.flatMap((word) => (by.has(word) ? [`${by.get(word)!.length} ${word}`] : []));
  return `${count(new Set(organs.map(({ organ }) => organ)).size, 'organ')}: ${parts.join(', ')}`;
}

function categories(organs: readonly InstanceStatus[], how: StatusStyle): string[] {
  const groups = [...Map.groupBy(organs, (organ) => organ.category ?? '(no category)')];
  return groups.flatMap(([category, members], index) => [
    ...(index === 0 ? [] : ['']),
    `${how.style.bold(category)}  ${tally(members)}`,
    ...organTable(members, how),
  ]);
}

/** One row per instance. Reasons have a column where all of them fit; on a narrower terminal they stand in full below. */
export function organTable(organs: readonly InstanceStatus[], { style, columns: width }: StatusStyle): string[] {
  const columns: Column<InstanceStatus>[] = [
    { title: 'ORGAN', cell: (row) => row.instance },
    { title: 'CATEGORY', cell: (row) => row.category ?? '', drop: 6 },
    { title: 'STATE', cell: (row) => row.state, paint: (text, row) => paintState(style, row.state, text) },
    { title: 'HEALTH', cell: (row) => row.health, paint: (text, row) => paintHealth(style, row.health, text) },
    { title: 'PID', cell: (row) => row.pid?.toString() ?? '', align: 'right' },
    { title: 'UP', cell: (row) => (row.uptimeMs === null ? '' : age(row.uptimeMs)), align: 'right' },
    { title: 'RESTARTS', cell: (row) => String(row.restarts), align: 'right', drop: 2 },
    { title: 'ERRORS', cell: (row) => String(row.errors), align: 'right', drop: 4 },
    { title: 'CPU', cell: cpu, align: 'right', drop: 3 },
    { title: 'MEMORY', cell: (row) => (row.rssBytes === null ? '' : bytes(row.rssBytes)), align: 'right', drop: 3 },
    { title: 'CHECK', cell: check, align: 'right', drop: 5 },
    { title: 'URL', cell: address, drop: 1 },
  ];
  const reasons = organs.flatMap((row) => (reasonOf(row) === '' ? [] : [`${row.instance}: ${reasonOf(row)}`]));
  const withReasons = table([...columns, { title: 'REASON', cell: reasonOf }], organs, width);
  if (withReasons !== null) return withReasons;
  const fitting =
    table(columns, organs, width) ??
    table(
      columns.filter(({ drop }) => !drop),
      organs,
      Number.POSITIVE_INFINITY,
    );
  return [...(fitting ?? []), ...(reasons.length > 0 ? ['', ...reasons] : [])];
}

const cpu = (row: InstanceStatus): string => (row.cpuPercent === null ? '' : `${row.cpuPercent.toFixed(1)}%`);

/** What the last check took, or that there is none to do. */
function check({ latencyMs, reason }: InstanceStatus): string {
  if (latencyMs !== null) return `${latencyMs.toFixed(1)}ms`;
  return reason === ASSUMED ? 'assumed' : '';
}

/** That a healthy organ has no probe is no news. */
const reasonOf = ({ reason }: InstanceStatus): string => (reason === null || reason === ASSUMED ? '' : oneLine(reason));

/** Its URL, else its ports. */
function address(row: InstanceStatus): string {
  if (row.url !== null) return row.url;
  return Object.entries(row.ports)
    .map(([name, port]) => `${name}:${port}`)
    .join(' ');
}

export function paintStatus(style: ChalkInstance, status: SystemStatus, text: string = status): string {
  switch (status) {
    case 'Operational':
      return style.green(text);
    case 'Degraded':
      return style.yellow(text);
    case 'Critical':
      return style.red(text);
    case 'Offline':
      return style.dim(text);
    default:
      return status satisfies never;
  }
}

export function paintHealth(style: ChalkInstance, health: Health, text: string = health): string {
  switch (health) {
    case 'Healthy':
      return style.green(text);
    case 'Degraded':
      return style.yellow(text);
    case 'Critical':
      return style.red(text);
    case 'Unknown':
      return style.dim(text);
    default:
      return health satisfies never;
  }
}

export function paintState(style: ChalkInstance, state: InstanceState, text: string = state): string {
  switch (state) {
    case 'ready':
    case 'completed':
      return style.green(text);
    case 'waiting':
    case 'starting':
    case 'stopping':
      return style.cyan(text);
    case 'backoff':
      return style.yellow(text);
    case 'failed':
    case 'stuck':
      return style.red(text);
    case 'stopped':
      return style.dim(text);
    default:
      return state satisfies never;
  }
}
