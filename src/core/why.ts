import type { Dependency, OrganConfig } from './config/model.ts';
import type { SystemEvent } from './events.ts';
import type { Json } from './json.ts';
import { stateAfter } from './replay.ts';
import type { Health, InstanceState, InstanceStatus } from './status.ts';
import { humanDuration } from './time.ts';

/** Why an organ is as it is: from the symptom through its dependencies to the root, from what is and what has happened. */

/** What the answer is drawn from. */
export interface Question {
  /** The instances of the system, as they are or were last. */
  readonly instances: readonly Subject[];
  readonly organs: ReadonlyMap<string, Pick<OrganConfig, 'dependsOn'>>;
  /** Those of the boot that is asked about, oldest first. */
  readonly events: readonly SystemEvent[];
  /** false: nothing runs, and all this is the past. */
  readonly running: boolean;
  /** Epoch ms. */
  readonly now: number;
  /** A time of day as people read it. */
  readonly clock: (ts: string) => string;
}

export type Subject = Pick<
  InstanceStatus,
  'organ' | 'instance' | 'state' | 'health' | 'reason' | 'desired' | 'restarts' | 'exit'
>;

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
  readonly changed: { readonly at: string; readonly keys: readonly string[] } | null;
  /** What happened to the root lately, oldest first. */
  readonly events: readonly SystemEvent[];
  /** The next command to type. */
  readonly next: string;
}

/** So many ends of the same kind in a row, and not further apart on average, are a crash loop. */
const CRASH_LOOP = { times: 3, everyMs: 60_000 };
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

/** Of several instances of an organ, the one that is worst off. */
export function worstOf(subjects: readonly Subject[]): Subject {
  return subjects.toSorted((a, b) => badness(b) - badness(a))[0]!;
}

// ---------------------------------------------------------------------------------------------- the chain

function chainFrom(subject: Subject, question: Question): Subject[] {
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

const instancesOf = (organ: string, { instances }: Question): Subject[] =>
  instances.filter((instance) => instance.organ === organ);

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

// ---------------------------------------------------------------------------------------------- the root's own story

/** "covenant is failed: exited with code 3, 4 times in 9 s; the limit of 3 restarts within 10 min is reached". */
function story(subject: Subject, question: Question): string {
  const who = name(subject, question);
  const reason = ownReason(subject, question);
  return reason === null ? who : `${who}: ${reason}`;
}

/** "mint is waiting", "web was Degraded". */
function name({ instance, state, health }: Subject, { running }: Question): string {
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
function crashLoop(subject: Subject, question: Question): string | null {
  const streak = streakOf(subject, question);
  if (streak === null || streak.times < CRASH_LOOP.times) return null;
  if (streak.withinMs > streak.times * CRASH_LOOP.everyMs) return null;
  return `crash loop: ${streak.how}, ${streak.times} times in ${humanDuration(streak.withinMs)}`;
}

/** "exited with code 3, 4 times in 9 s; the limit …" */
function withStreak(reason: string, subject: Subject, question: Question): string {
  const streak = streakOf(subject, question);
  if (streak === null || streak.times < 2 || !reason.includes(streak.how)) return reason;
  return reason.replace(streak.how, `${streak.how}, ${streak.times} times in ${humanDuration(streak.withinMs)}`);
}

// ---------------------------------------------------------------------------------------------- what lies behind the root

/** A change of the file after which it has not been well: the latest one, unless it was ready since then. */
function changeBehind(root: Subject, { events }: Question): Explanation['changed'] {
  if (root.state === 'completed' || root.state === 'stopped' || (root.state === 'ready' && root.health === 'Healthy')) {
    return null;
  }
  for (const event of events.toReversed()) {
    if (event.instance === root.instance && (event.type === 'organ-ready' || event.type === 'organ-assumed-ready')) {
      return null;
    }
    if (event.type !== 'config-reloaded') continue;
    const change = asList(event.data.organs)
      .map(asObject)
      .find(({ organ }) => organ === root.organ);
    if (!change) continue;
    return {
      at: asText(event.data.modifiedAt) ?? event.ts,
      keys: asList(change.why).map((text) => String(text).replace(/: .*$/s, '')),
    };
  }
  return null;
}

/** What ended everything, when it was not asked for. */
function emergencyBehind(root: Subject, { events }: Question): string | null {
  if (root.state === 'failed') return null;
  const emergency = events.findLast(({ type }) => type === 'emergency-shutdown');
  return emergency ? emergency.message : null;
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

// ---------------------------------------------------------------------------------------------- small words

const eventsOf = ({ instance }: Subject, { events }: Question): SystemEvent[] =>
  events.filter((event) => event.instance === instance);

/** When it came into its present state, or, when it is ready and not well, into its present health. */
function sinceWhen(subject: Subject, question: Question): string | null {
  const own = eventsOf(subject, question);
  if (subject.state === 'ready' && subject.health !== 'Healthy') {
    const turned = own.findLast(({ type, data }) => type === 'health-changed' && data.to === subject.health);
    if (turned) return turned.ts;
  }
  // Of several events in a row that mean the same state, the first.
  let since: string | null = null;
  for (const event of own.toReversed()) {
    const state = stateAfter(event);
    if (state === null) continue;
    if (state !== subject.state) break;
    since = event.ts;
  }
  return since;
}

function lastData(type: SystemEvent['type'], key: string, subject: Subject, question: Question): string | null {
  return asText(eventsOf(subject, question).findLast((event) => event.type === type)?.data[key]);
}

const asText = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null);
const asList = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);
const asObject = (value: Json): { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as { [key: string]: Json }) : {};
