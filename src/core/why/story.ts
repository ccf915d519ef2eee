import type { SystemEvent } from '../events.ts';
import { humanDuration } from '../time.ts';
import { asText, eventsOf, type Question, type Subject, sinceWhen } from './question.ts';
import { crashLoop, withStreak } from './streak.ts';

/** One instance's own story, in half a sentence. */

/** "covenant is failed: exited with code 3, 4 times in 9 s; the limit of 3 restarts within 10 min is reached". */
export function story(subject: Subject, question: Question): string {
  const who = name(subject, question);
  const reason = ownReason(subject, question);
  return reason === null ? who : `${who}: ${reason}`;
}

/** "mint is waiting", "web was Degraded". */
export function name({ instance, state, health }: Subject, { running }: Question): string {
  const verb = running ? 'is' : 'was';
  if (state !== 'ready') return `${instance} ${verb} ${state === 'backoff' ? 'in backoff' : state}`;
  if (health === 'Healthy') return `${instance} ${verb} ready and Healthy`;
  return `${instance} ${verb} ${health === 'Unknown' ? 'ready' : health}`;
}

function ownReason(subject: Subject, question: Question): string | null {
  const { state, reason } = subject;
  const since = sinceWhen(subject, question);
  const at = since === null ? '' : ` at ${question.clock(since)}`;
  switch (state) {
    case 'failed':
      return withStreak(reason ?? 'no reason is known', subject, question);
    case 'backoff':
      return crashLoop(subject, question) ?? withStreak(reason ?? 'no reason is known', subject, question);
    case 'stopped':
      return `${reason ?? (since === null ? 'nobody has started it' : 'no reason is known')}${at}`;
    case 'stopping':
      return crashLoop(subject, question) ?? lastData('organ-stopping', 'cause', subject, question) ?? reason;
    case 'starting':
      return crashLoop(subject, question) ?? `${reason ?? 'not ready yet'}${lasted(since, question, ', for ')}`;
    case 'waiting':
    case 'stuck':
      return reason;
    case 'completed':
      return `${exitWords(subject)}${at}`;
    case 'ready':
      if (subject.health === 'Healthy' || subject.health === 'Unknown') return healthyStory(subject, question);
      return reason;
  }
}

/** Nothing is wrong; what was wrong with it before is worth a word. */
function healthyStory(subject: Subject, question: Question): string | null {
  const since = sinceWhen(subject, question);
  const parts = since === null ? [] : [`since ${question.clock(since)}`];
  if (subject.reason) parts.push(subject.reason);
  const restart = eventsOf(subject, question).findLast(({ type }) => type === 'organ-restarting');
  if (restart) {
    const times = subject.restarts > 1 ? `${subject.restarts} times, the last time` : 'once,';
    parts.push(`restarted ${times} at ${question.clock(restart.ts)}: ${asText(restart.data.cause) ?? restart.message}`);
  }
  return parts.length === 0 ? null : parts.join('; ');
}

function exitWords({ exit }: Subject): string {
  if (exit === null) return 'it is done';
  return exit.signal === null ? `it exited with code ${exit.code ?? '?'}` : `it was ended by ${exit.signal}`;
}

function lasted(since: string | null, { now, running }: Question, lead: string): string {
  return since === null || !running ? '' : `${lead}${humanDuration(Math.max(0, now - Date.parse(since)))}`;
}

function lastData(type: SystemEvent['type'], key: string, subject: Subject, question: Question): string | null {
  return asText(eventsOf(subject, question).findLast((event) => event.type === type)?.data[key]);
}
