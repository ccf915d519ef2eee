import type { ChalkInstance } from 'chalk';
import { Chalk } from 'chalk';
import type { InstanceStatus } from '../../core/status.ts';
import { graphTree } from '../render/graph.ts';
import { paintHealth, paintState } from '../render/status.ts';
import { cut, pad, widthOf } from '../render/width.ts';
import type { TopState } from './state.ts';

const PLAIN = new Chalk({ level: 0 });
const HEADING = 'DEPENDENCIES, each organ above what it needs (g or escape: back to the table)';

/** The heading and so many lines: the tree of `azora graph`, and how each organ is. */
export function graphLines(state: TopState, rows: number, columns: number, style: ChalkInstance): string[] {
  const heading = style.bold(cut(HEADING, columns));
  if (state.graph === null) return [heading, cut('reading the running configuration …', columns)];
  const tree = graphTree(state.graph, PLAIN).trimEnd().split('\n');
  const byOrgan = Map.groupBy(state.document?.organs ?? [], ({ organ }) => organ);
  const shown = tree.slice(state.scrolled, state.scrolled + rows);
  const width = Math.min(Math.max(0, ...tree.map(widthOf)), Math.max(0, columns - 20));
  return [heading, ...shown.map((line) => lineOf(line, byOrgan, width, columns, style))];
}

function lineOf(
  line: string,
  byOrgan: ReadonlyMap<string, readonly InstanceStatus[]>,
  width: number,
  columns: number,
  style: ChalkInstance,
): string {
  const organ = /[a-z][a-z0-9-]*/.exec(line)?.[0] ?? '';
  const worst = worstOf(byOrgan.get(organ) ?? []);
  if (worst === null || width + 20 > columns) return cut(line, columns);
  return `${pad(line, width)}  ${paintState(style, worst.state, pad(worst.state, 9))} ${paintHealth(style, worst.health, worst.health)}`;
}

const BY_BADNESS = ['Healthy', 'Unknown', 'Degraded', 'Critical'];

/** Of several instances, the one to worry about. */
function worstOf(instances: readonly InstanceStatus[]): InstanceStatus | null {
  const sorted = instances.toSorted((a, b) => BY_BADNESS.indexOf(b.health) - BY_BADNESS.indexOf(a.health));
  return sorted[0] ?? null;
}
