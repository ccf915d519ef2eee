import type { SystemEvent } from '../../../core/events.ts';
import { humanDuration } from '../../../core/time.ts';
import { asNumber, asText, oneLine } from '../text.ts';
import { waitingFor } from './lines.ts';

/** How a step or an instance stands. */
interface Standing {
  readonly text: string;
  /** null while it goes on; `left`: it still went on when nobody looked any more. */
  readonly outcome: 'done' | 'failed' | 'left' | null;
}

/** A standing that changes, and whoever wants to know when. */
export class Line {
  readonly listeners = new Set<() => void>();
  #standing: Standing = { text: '', outcome: null };

  get text(): string {
    return this.#standing.text;
  }

  get outcome(): Standing['outcome'] {
    return this.#standing.outcome;
  }

  set(standing: Standing): void {
    this.#standing = standing;
    for (const listener of [...this.listeners]) listener();
  }
}

/** What the events of a boot have said so far: one line per instance, one per step. */
export class Board {
  readonly #instances = new Map<string, Line>();
  readonly #steps = new Map<string, Line>();
  readonly #stepStartedAt = new Map<string, number>();

  instance(name: string): Line {
    return lineOf(this.#instances, name);
  }

  step(name: string): Line {
    return lineOf(this.#steps, name);
  }

  event(event: SystemEvent): void {
    if (event.type === 'boot-step') {
      this.#onStep(event);
    } else if (event.instance !== null) {
      const standing = standingAfter(event);
      if (standing) this.instance(event.instance).set(standing);
    }
  }

  /** Whatever goes on now will not end on this board. */
  end(): void {
    for (const line of this.#instances.values()) {
      if (line.outcome === null) line.set({ text: line.text ? `still ${line.text}` : 'not begun', outcome: 'left' });
    }
    for (const [name, line] of this.#steps) {
      const text = this.#stepStartedAt.has(name) ? 'not finished' : 'not reached';
      if (line.outcome === null) line.set({ text, outcome: 'left' });
    }
  }

  #onStep({ data, ts }: SystemEvent): void {
    const name = asText(data.step) ?? '';
    const at = Date.parse(ts);
    if (data.status === 'started') {
      this.#stepStartedAt.set(name, at);
      this.step(name).set({ text: '', outcome: null });
    } else {
      const text = humanDuration(at - (this.#stepStartedAt.get(name) ?? at));
      this.step(name).set({ text, outcome: data.status === 'done' ? 'done' : 'failed' });
    }
  }
}

/** What an event says about its instance, or null when that changes nothing here. */
function standingAfter({ type, data, message }: SystemEvent): Standing | null {
  const lasted = humanDuration(asNumber(data.durationMs) ?? 0);
  switch (type) {
    case 'organ-waiting':
      return { text: `waiting for ${waitingFor(data)}`, outcome: null };
    case 'organ-starting': {
      const attempt = asNumber(data.attempt) ?? 1;
      return { text: attempt > 1 ? `starting, attempt ${attempt}` : 'starting', outcome: null };
    }
    case 'organ-ready':
      return { text: lasted, outcome: 'done' };
    case 'organ-assumed-ready':
      return { text: `${lasted}, assumed`, outcome: 'done' };
    case 'organ-completed':
      return { text: 'completed', outcome: 'done' };
    case 'organ-restarting':
      return { text: `restarts in ${humanDuration(asNumber(data.delayMs) ?? 0)}`, outcome: null };
    case 'organ-failed':
      return { text: oneLine(asText(data.cause) ?? message), outcome: 'failed' };
    default:
      return null;
  }
}

function lineOf(lines: Map<string, Line>, name: string): Line {
  const line = lines.get(name) ?? new Line();
  lines.set(name, line);
  return line;
}
