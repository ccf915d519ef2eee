import type { Dependency } from '../config/model.ts';
import type { InstanceState } from '../status.ts';
import { instancesOf, type Question, type Subject } from './question.ts';

/** From the symptom through its dependencies to the root. */

/** Symptom first, root last. */
export function chainFrom(subject: Subject, question: Question): Subject[] {
  const chain = [subject];
  for (let next = behind(subject, question); next; next = behind(next, question)) {
    // What depends on each other cannot be; what restarts each other can.
    if (chain.some(({ instance }) => instance === next!.instance)) break;
    chain.push(next);
  }
  return chain;
}

/** The instance that is to blame for the state of this one; null: the reason lies with itself. */
function behind(subject: Subject, question: Question): Subject | null {
  const { dependsOn = [] } = question.organs.get(subject.organ) ?? {};
  if (subject.state === 'waiting') {
    const unmet = dependsOn.flatMap((dependency) => {
      const missing = instancesOf(dependency.organ, question).filter((needed) => !meets(needed, dependency));
      const worst = missing.length > 0 ? worstOf(missing) : null;
      return worst && (dependency.required || !isHopeless(worst)) ? [worst] : [];
    });
    return unmet.find(isHopeless) ?? unmet.find(({ state }) => state === 'waiting') ?? unmet[0] ?? null;
  }
  const reason = subject.reason ?? '';
  if (subject.state === 'ready' && subject.health !== 'Healthy' && reason.startsWith('depends on ')) {
    const needed = dependsOn.flatMap(({ organ }) => instancesOf(organ, question));
    return needed.find(({ instance }) => reason.startsWith(`depends on ${instance},`)) ?? null;
  }
  const restarted = /^(\S+) restarts, and it restarts with it/.exec(reason)?.[1];
  return question.instances.find(({ instance }) => instance === restarted) ?? null;
}

function meets({ state, health, exit }: Subject, { condition }: Dependency): boolean {
  switch (condition) {
    case 'started':
      return state === 'starting' || state === 'ready' || state === 'completed';
    case 'healthy':
      return (state === 'ready' && health !== 'Critical') || state === 'completed';
    case 'completed':
      return state === 'completed';
    case 'exited':
      return state === 'completed' || (state === 'failed' && exit !== null);
  }
}

/** It will not come by itself. */
const isHopeless = ({ state }: Subject): boolean => state === 'failed' || state === 'stuck' || state === 'stopped';

const BADNESS: Readonly<Record<InstanceState, number>> = {
  failed: 9,
  stuck: 8,
  backoff: 7,
  stopping: 6,
  starting: 5,
  waiting: 4,
  stopped: 3,
  ready: 1,
  completed: 0,
};

const badness = ({ state, health }: Subject): number =>
  BADNESS[state] + (state === 'ready' && (health === 'Critical' || health === 'Degraded') ? 6 : 0);

/** Of several instances of an organ, the one that is worst off. */
export function worstOf(subjects: readonly Subject[]): Subject {
  return subjects.toSorted((a, b) => badness(b) - badness(a))[0]!;
}
