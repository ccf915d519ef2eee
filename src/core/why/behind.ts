import { asList, asObject, asText, type Question, type Subject } from './question.ts';

/** What lies behind the root: a change of the file, an emergency. */

/** A change of the file since which an instance has not been well. */
export interface Change {
  /** RFC 3339. */
  readonly at: string;
  readonly keys: readonly string[];
}

/** A change of the file after which it has not been well: the latest one, unless it was ready since then. */
export function changeBehind(root: Subject, { events }: Question): Change | null {
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
export function emergencyBehind(root: Subject, { events }: Question): string | null {
  if (root.state === 'failed') return null;
  const emergency = events.findLast(({ type }) => type === 'emergency-shutdown');
  return emergency ? emergency.message : null;
}
