import type { EventType, SystemEvent } from '../../../src/core/events.ts';

/** The story that events tell, to ask what came before what. */
export class History {
  readonly #events: readonly SystemEvent[];

  constructor(events: readonly SystemEvent[]) {
    this.#events = events;
  }

  /** The first event of these types about an organ or instance; fails when there is none. */
  first(name: string, ...types: readonly EventType[]): SystemEvent {
    const found = this.of(name).find(({ type }) => types.includes(type));
    if (found) return found;
    throw new Error(
      `${name} has no ${types.join(' or ')}, only: ${this.of(name)
        .map(({ type }) => type)
        .join(', ')}`,
    );
  }

  of(name: string): SystemEvent[] {
    return this.#events.filter(({ organ, instance }) => organ === name || instance === name);
  }

  ready(name: string): SystemEvent {
    return this.first(name, 'organ-ready', 'organ-assumed-ready');
  }

  /** Milliseconds from one event to another. */
  static between(from: SystemEvent, to: SystemEvent): number {
    return Date.parse(to.ts) - Date.parse(from.ts);
  }
}
