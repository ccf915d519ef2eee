import type { ControlMethods } from '../adapters/control/protocol.ts';
import { type Outcome, outcomeOf } from '../core/goal.ts';
import { instancesOf } from '../core/machine/relations.ts';
import type { SystemState } from '../core/machine/state.ts';
import type { Supervisor } from './supervisor.ts';

/**
 * Answers as soon as every named instance has got there, or one of them never will, or the time is over: by the changes of
 * state themselves, nobody looks at intervals. Without names, those that this boot is to start, by organ.
 */
export async function awaitGoal(
  supervisor: Supervisor,
  names: readonly string[],
  { goal, timeoutMs }: ControlMethods['wait']['params'],
): Promise<ControlMethods['wait']['result']> {
  const look = (state: SystemState): Outcome[] => {
    const wanted = names.length > 0 ? names : instancesToStart(state);
    return wanted.flatMap((name) => {
      const instance = state.instances.get(name);
      return instance ? [outcomeOf(state, instance, goal)] : [];
    });
  };
  const decided = (state: SystemState): boolean => {
    const outcomes = look(state);
    return (
      outcomes.some(({ standing }) => standing === 'never') || outcomes.every(({ standing }) => standing === 'there')
    );
  };
  const inTime = await supervisor.until(decided, timeoutMs);
  return { outcomes: look(supervisor.state), timedOut: !inTime };
}

const instancesToStart = (state: SystemState): string[] =>
  [...state.boot.wanted].flatMap((organ) => instancesOf(state, organ).map(({ name }) => name));
