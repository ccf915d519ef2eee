import { monotonic } from '../clock.ts';

/**
 * Time as an organ is to be judged by it. While azora itself stands still (stopped by a signal, the machine paused, its
 * event loop busy), an answer may long have arrived that nobody has read; such a time must neither count as the organ's
 * latency nor let its deadline pass. So running probes share a tick, and no more than `MAX_STEP_MS` is counted between two
 * looks at the clock.
 */

const TICK_MS = 100;
const MAX_STEP_MS = 2 * TICK_MS;

let counted = 0;
let lastLook = 0;
let running = 0;
let ticker: NodeJS.Timeout | undefined;

/** Milliseconds that have passed while azora was awake, since some moment. Only meaningful while a stopwatch runs. */
function look(): number {
  const now = monotonic();
  counted += Math.min(now - lastLook, MAX_STEP_MS);
  lastLook = now;
  return counted;
}

export class Stopwatch implements Disposable {
  readonly #startedAt: number;
  #timer: NodeJS.Timeout | undefined;
  #running = true;

  /** Calls `onDeadline` once, after `timeoutMs` of waking time, unless it is disposed of before. */
  constructor(timeoutMs: number, onDeadline: () => void) {
    if (running++ === 0) {
      lastLook = monotonic();
      ticker = setInterval(look, TICK_MS);
    }
    this.#startedAt = look();
    const arm = (ms: number) => {
      this.#timer = setTimeout(() => {
        const left = timeoutMs - this.elapsedMs();
        if (left > 1) arm(left);
        else onDeadline();
      }, ms);
    };
    arm(timeoutMs);
  }

  elapsedMs(): number {
    return look() - this.#startedAt;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    if (!this.#running) return;
    this.#running = false;
    if (--running === 0) clearInterval(ticker);
  }
}
