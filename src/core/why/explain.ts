import type { SystemEvent } from '../events.ts';
import type { Health, InstanceState } from '../status.ts';
import { type Change, changeBehind, emergencyBehind } from './behind.ts';
import { chainFrom } from './chain.ts';
import { eventsOf, type Question, type Subject, sinceWhen } from './question.ts';
import { name, story } from './story.ts';

/** Why an organ is as it is: from the symptom through its dependencies to the root, from what is and what has happened. */

/** One link of the chain from symptom to root. */
export interface Cause {
  readonly organ: string;
  readonly instance: string;
  readonly state: InstanceState;
  readonly health: Health;
  /** "covenant is failed: exited with code 3, 4 times in 9 s". */
  readonly summary: string;
  /** When it came to be so, RFC 3339; null: not known. */
  readonly since: string | null;
}

export interface Explanation {
  /** The whole story in one line, symptom first. */
  readonly headline: string;
  /** Symptom first, root last. Never empty. */
  readonly causes: readonly Cause[];
  /** The change of the file since which the root has not been well. */
  readonly changed: Change | null;
  /** What happened to the root lately, oldest first. */
  readonly events: readonly SystemEvent[];
  /** The next command to type. */
  readonly next: string;
}

/** How many of the root's latest events belong to the story. */
const LATEST = 12;

export function explain(subject: Subject, question: Question): Explanation {
  const chain = chainFrom(subject, question);
  const root = chain.at(-1)!;
  const changed = changeBehind(root, question);
  const causes = chain.map((link, index): Cause => {
    const { organ, instance, state, health } = link;
    const summary = index === chain.length - 1 ? story(link, question) : `${name(link, question)}`;
    return { organ, instance, state, health, summary, since: sinceWhen(link, question) };
  });
  const links = causes.map(({ summary }) => summary);
  if (changed) {
    const keys = changed.keys.length > 0 ? ` (${changed.keys.join(', ')})` : '';
    links.push(`since azora.yaml changed at ${question.clock(changed.at)}${keys}`);
  }
  const emergency = emergencyBehind(root, question);
  if (emergency) links.push(emergency);
  return {
    headline: links.join(' ← '),
    causes,
    changed,
    events: eventsOf(root, question).slice(-LATEST),
    next: nextStep(root, subject, question),
  };
}

function nextStep(root: Subject, subject: Subject, { running, events }: Question): string {
  if (events.some(({ type }) => type === 'emergency-shutdown')) return 'azora emergency --clear   then   azora up';
  if (!running) return root.state === 'failed' ? `azora logs ${root.organ}   then   azora up` : 'azora up';
  switch (root.state) {
    case 'failed':
      return `azora logs ${root.organ}   then, once it is mended,   azora start ${root.organ}`;
    case 'stopped':
      return `azora start ${root.instance === subject.instance ? root.instance : root.organ}`;
    case 'stuck':
      return `azora stop ${root.instance}`;
    case 'backoff':
    case 'starting':
    case 'stopping':
      return `azora logs -f ${root.organ}`;
    case 'waiting':
      return 'azora status --watch';
    case 'completed':
      return `azora logs ${root.organ}`;
    case 'ready':
      return root.health === 'Healthy' ? 'azora status' : `azora logs -f ${root.organ}`;
  }
}
