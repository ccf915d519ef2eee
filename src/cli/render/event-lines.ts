import type { ChalkInstance } from 'chalk';
import { EVENT_TYPES, type EventType, type SystemEvent } from '../../core/events.ts';
import { clock, oneLine } from './text.ts';

/** How `azora events` looks: a line for each event, a heading for each day. */

const TYPE_WIDTH = Math.max(...EVENT_TYPES.map((type) => type.length));

export class EventLines {
  readonly #style: ChalkInstance;
  #day = '';

  constructor(style: ChalkInstance) {
    this.#style = style;
  }

  /** With its newline; a day's first event has the day above it. */
  render({ ts, type, message }: SystemEvent): string {
    const day = new Date(ts).toLocaleDateString('sv');
    const heading = day === this.#day ? '' : `${this.#style.dim(`— ${day} —`)}\n`;
    this.#day = day;
    const word = paint(this.#style, type, type.padEnd(TYPE_WIDTH));
    return `${heading}${this.#style.dim(clock(ts))}  ${word}  ${oneLine(message)}\n`;
  }
}

/** One line of `events --json`, its newline included, its keys in the order of the contract. */
export function eventJson({ id, ts, bootId, type, organ, instance, message, data }: SystemEvent): string {
  return `${JSON.stringify({ id, ts, bootId, type, organ, instance, message, data })}\n`;
}

function paint(style: ChalkInstance, type: EventType, text: string): string {
  switch (type) {
    case 'organ-failed':
    case 'organ-stuck':
    case 'system-boot-failed':
    case 'emergency-shutdown':
      return style.red(text);
    case 'organ-restarting':
    case 'organ-exited':
    case 'security-alert':
    case 'warning':
      return style.yellow(text);
    case 'organ-ready':
    case 'organ-assumed-ready':
    case 'organ-completed':
    case 'system-ready':
      return style.green(text);
    default:
      return style.cyan(text);
  }
}
