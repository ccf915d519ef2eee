import type { OrganConfig } from '../config/model.ts';
import type { SystemEvent } from '../events.ts';
import type { Json } from '../json.ts';
import { stateAfter } from '../replay.ts';
import type { InstanceStatus } from '../status.ts';

/** What `why` is asked about, and how what is known is looked up. */

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

/** What happened to an instance, oldest first. */
export const eventsOf = ({ instance }: Subject, { events }: Question): SystemEvent[] =>
  events.filter((event) => event.instance === instance);

/** When it came into its present state, or, when it is ready and not well, into its present health. */
export function sinceWhen(subject: Subject, question: Question): string | null {
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

export const instancesOf = (organ: string, { instances }: Question): Subject[] =>
  instances.filter((instance) => instance.organ === organ);

export const asText = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null);
export const asList = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);
export const asObject = (value: Json): { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as { [key: string]: Json }) : {};
