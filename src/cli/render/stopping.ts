import type { SystemEvent } from '../../core/events.ts';
import type { InstanceStatus } from '../../core/status.ts';
import { humanDuration } from '../../core/time.ts';
import type { Output, Progress } from '../command.ts';
import { plainLine } from './boot/lines.ts';
import { chooseProgress, type EventView, jsonView } from './boot/view.ts';
import { fit, list } from './text.ts';

const REDRAW_MS = 200;
/** Where nothing can be redrawn, whom it waits for is said this often. */
const REMIND_MS = 3_000;

interface Leaving {
  /** ms since the epoch; null: its turn has not come, others have to go first. */
  readonly since: number | null;
}

/** Who is still there while a system stops. */
export class Departures {
  readonly #left = new Map<string, Leaving>();
  readonly #total: number;

  constructor(instances: readonly Pick<InstanceStatus, 'instance' | 'state' | 'pid'>[]) {
    const running = instances.filter(({ pid, state }) => pid !== null || state === 'stuck');
    for (const { instance } of running) this.#left.set(instance, { since: null });
    this.#total = running.length;
  }

  event({ type, instance, ts }: Pick<SystemEvent, 'type' | 'instance' | 'ts'>): void {
    if (instance === null) return;
    if (type === 'organ-stopping') this.#left.set(instance, { since: Date.parse(ts) });
    else if (type === 'organ-stopped' || type === 'organ-completed' || type === 'organ-failed')
      this.#left.delete(instance);
  }

  get total(): number {
    return this.#total;
  }

  /** `stopping, 3 of 7 gone; waiting for mint (3.2 s), aegis (1.0 s)`; null when nobody is left. */
  words(now: number): string | null {
    if (this.#left.size === 0) return null;
    const asked = [...this.#left].flatMap(([name, { since }]) => (since === null ? [] : [{ name, since }]));
    asked.sort((a, b) => a.since - b.since);
    const names = asked.map(({ name, since }) => `${name} (${humanDuration(Math.max(0, now - since))})`);
    const gone = Math.max(0, this.#total - this.#left.size);
    const whom = names.length === 0 ? '' : `; waiting for ${list(names, 6)}`;
    return `stopping, ${gone} of ${Math.max(this.#total, this.#left.size)} gone${whom}`;
  }
}

/** Shows a stop as it goes: on a terminal one line that changes, elsewhere a line per organ and a reminder now and then. */
export function stoppingView(
  departures: Departures,
  outputs: { readonly stdout: Output; readonly stderr: Output },
  progress: Progress,
): EventView {
  const how = chooseProgress(progress, outputs.stderr);
  switch (how) {
    case 'json':
      return jsonView(outputs);
    case 'quiet':
      return { event: () => {}, end: async () => {} };
    case 'tty':
      return liveLine(departures, outputs.stderr);
    case 'plain':
      return lines(departures, outputs.stderr);
    default:
      return how satisfies never;
  }
}

function liveLine(departures: Departures, { write, columns, style }: Output): EventView {
  const draw = (): void => {
    const words = departures.words(Date.now());
    write(`\r${words === null ? '' : style.cyan(fit(words, columns - 1))}\x1b[K`);
  };
  draw();
  const timer = setInterval(draw, REDRAW_MS);
  return {
    event(event) {
      departures.event(event);
      if (event.type === 'organ-stuck') write(`\r${plainLine(event, style)}\x1b[K\n`);
      draw();
    },
    async end() {
      clearInterval(timer);
      write('\r\x1b[K');
    },
  };
}

function lines(departures: Departures, { write, style }: Output): EventView {
  const remind = (): void => {
    const words = departures.words(Date.now());
    if (words !== null) write(`${words}\n`);
  };
  const timer = setInterval(remind, REMIND_MS);
  return {
    event(event) {
      departures.event(event);
      const line = plainLine(event, style);
      if (line !== null) write(`${line}\n`);
    },
    async end() {
      clearInterval(timer);
    },
  };
}
