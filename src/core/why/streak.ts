import { humanDuration } from '../time.ts';
import { asText, eventsOf, type Question, type Subject } from './question.ts';

/** How often in a row an instance ended in the same way. */

/** So many ends of the same kind in a row, and not further apart on average, are a crash loop. */
const CRASH_LOOP = { times: 3, everyMs: 60_000 };
interface Streak {
  readonly how: string;
  readonly times: number;
  readonly withinMs: number;
}

const LIMIT_WORDS = /; the limit of .*$/;

/** How often in a row its lives ended in the same way, up to now. */
function streakOf(subject: Subject, question: Question): Streak | null {
  let how: string | null = null;
  let times = 0;
  let last = 0;
  let first = 0;
  for (const event of eventsOf(subject, question).toReversed()) {
    if (event.type === 'organ-stopped') break; // somebody began anew
    if (event.type !== 'organ-restarting' && event.type !== 'organ-failed') continue;
    const cause = asText(event.data.cause)?.replace(LIMIT_WORDS, '');
    if (cause === undefined || (how !== null && cause !== how)) break;
    how ??= cause;
    first = Date.parse(event.ts);
    if (times === 0) last = first;
    times++;
  }
  return how === null ? null : { how, times, withinMs: last - first };
}

/** "crash loop: exited with code 3, 4 times in 9 s", while it goes on; null: it is none. */
export function crashLoop(subject: Subject, question: Question): string | null {
  const streak = streakOf(subject, question);
  if (streak === null || streak.times < CRASH_LOOP.times) return null;
  if (streak.withinMs > streak.times * CRASH_LOOP.everyMs) return null;
  return `crash loop: ${streak.how}, ${streak.times} times in ${humanDuration(streak.withinMs)}`;
}

/** "exited with code 3, 4 times in 9 s; the limit …" */
export function withStreak(reason: string, subject: Subject, question: Question): string {
  const streak = streakOf(subject, question);
  if (streak === null || streak.times < 2 || !reason.includes(streak.how)) return reason;
  return reason.replace(streak.how, `${streak.how}, ${streak.times} times in ${humanDuration(streak.withinMs)}`);
}
