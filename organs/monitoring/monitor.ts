import { type Client, type EventBus, messageOf, type State } from '../kit/index.ts';
import type { History, Scraped } from './history.ts';
import { evaluate, type Reading, type Rule } from './rules.ts';
import { findTargets, type Scrape, scrape } from './scrape.ts';

export interface MonitorOptions {
  readonly history: History;
  readonly client: Client;
  readonly events: EventBus;
  readonly state: State;
  readonly registryUrl: string | undefined;
  /** The rules that are in force. */
  readonly rules: () => readonly Rule[];
  readonly retentionMs: number;
  readonly now: () => number;
}

const SCRAPE_TIMEOUT_MS = 2000;

/** One round: scrape all, keep it, judge it, tell it. */
export class Monitor {
  readonly #options: MonitorOptions;
  #previous = new Map<string, { at: number; value: number }>();
  scrapes: readonly Scrape[] = [];
  /** When the last round ended, milliseconds since 1970; undefined before the first. */
  lastRoundAt: number | undefined;
  /** Why the registry could not be asked, and for how many rounds in a row. */
  registryFailure: { readonly reason: string; readonly rounds: number } | undefined;
  /** Why the summary could not be shared, or the alerts not be published. */
  sharingFailure: string | undefined;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  async round(): Promise<void> {
    const { client, registryUrl, history, rules, retentionMs, now } = this.#options;
    let targets: Awaited<ReturnType<typeof findTargets>>;
    try {
      targets = await findTargets(client, registryUrl);
    } catch (error) {
      this.registryFailure = { reason: messageOf(error), rounds: (this.registryFailure?.rounds ?? 0) + 1 };
      return;
    }
    this.registryFailure = undefined;
    this.scrapes = await Promise.all(targets.map((target) => scrape(target, SCRAPE_TIMEOUT_MS)));
    const at = now();
    const samples = this.scrapes.flatMap((one) => one.samples);
    history.write(at, samples);
    history.forget(at - retentionMs);
    const readings = this.#readings(samples, at);
    const silent = new Set(this.failed.map(({ target }) => target.instance));
    const { alerts, changes } = evaluate(rules(), readings, history.alerts(), silent, at);
    history.replaceAlerts(alerts, changes);
    this.lastRoundAt = at;
    await this.#share();
  }

  get failed(): readonly Scrape[] {
    return this.scrapes.filter(({ failure }) => failure !== undefined);
  }

  /** Publishes what waits, and puts a summary into the shared state, for whoever does not want to ask. */
  async #share(): Promise<void> {
    const { history, events, state } = this.#options;
    try {
      for (let waiting = history.unpublished(); waiting.length > 0; waiting = history.unpublished()) {
        const told = waiting.map(({ seq, change: { type, alert } }) => {
          return { type, key: alert.id, id: `${alert.id}-${alert.since}-${seq}-${type}`, data: alert };
        });
        await events.publish('alerts', told, { deadlineMs: 2000 });
        history.published(waiting.at(-1)!.seq);
      }
      const firing = history.alerts().filter((alert) => alert.state === 'firing').length;
      const [targets, up] = [this.scrapes.length, this.scrapes.length - this.failed.length];
      const summary = { at: new Date(this.lastRoundAt!).toISOString(), targets, up, firing };
      await state.hashSet(
        'monitoring:summary',
        Object.fromEntries(Object.entries(summary).map(([k, v]) => [k, `${v}`])),
      );
      this.sharingFailure = undefined;
    } catch (error) {
      this.sharingFailure = messageOf(error); // what was not published waits for the next round
    }
  }

  /** With the growth since the round before; a counter that is lower than then has begun anew, at 0. */
  #readings(samples: readonly Scraped[], at: number): Reading[] {
    const previous = this.#previous;
    this.#previous = new Map();
    return samples.map((sample) => {
      const { instance, metric, labels, value } = sample;
      const name = JSON.stringify([instance, metric, labels]);
      const before = previous.get(name);
      this.#previous.set(name, { at, value });
      if (!before || at <= before.at) return { ...sample, perSecond: undefined };
      const growth = value >= before.value ? value - before.value : value;
      return { ...sample, perSecond: growth / ((at - before.at) / 1000) };
    });
  }
}
