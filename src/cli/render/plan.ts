import { isEmptyPlan, type Plan, type PlanAction } from '../../core/plan.ts';
import type { Output } from '../command.ts';

/** A plan as people read it, a line for each organ; without a newline at its end. */

const MARKS: Readonly<Record<PlanAction, string>> = { start: '+', stop: '-', restart: '~', update: '·', scale: '±' };

export function renderPlan(plan: Plan, { style }: Pick<Output, 'style'>): string {
  if (isEmptyPlan(plan)) return 'nothing to do: what runs is what the file says';
  const colours: Readonly<Record<PlanAction, (text: string) => string>> = {
    start: style.green,
    stop: style.red,
    restart: style.yellow,
    update: style.cyan,
    scale: style.cyan,
  };
  const width = Math.max(0, ...plan.organs.map(({ organ }) => organ.length));
  const rows = plan.organs.map(
    ({ organ, action, why }) =>
      `  ${colours[action](`${MARKS[action]} ${action.padEnd(7)}`)} ${organ.padEnd(width)}  ${style.dim(why.join('; '))}`,
  );
  const system = plan.system.map((change) => `  ${style.cyan('· update ')} ${style.dim(`the system: ${change}`)}`);
  const rest = plan.unchanged === 1 ? '1 organ stays as it is' : `${plan.unchanged} organs stay as they are`;
  return [...rows, ...system, `  ${style.dim(rest)}`].join('\n');
}
