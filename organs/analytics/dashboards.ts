import { Histogram } from '../kit/histogram.ts';
import { type Cell, STEPS, type StepName } from '../kit/tally.ts';

/** The numbers of dashboards, from cells of one or more replicas. Pure. */

/** Adds up the cells that tell of the same window, topic, type and field. */
export function merge(cells: readonly Cell[]): Cell[] {
  const merged = new Map<string, Cell>();
  for (const { histogram, ...key } of cells) {
    const name = JSON.stringify([key.start, key.topic, key.type, key.field]);
    const known = merged.get(name);
    if (known) known.histogram.merge(histogram);
    else merged.set(name, { ...key, histogram: new Histogram().merge(histogram) });
  }
  return [...merged.values()].sort((a, b) => a.start - b.start);
}

/** Counts, rates and percentiles of a span of time, by topic and type, the busiest first. */
export function overview(cells: readonly Cell[], seconds: number) {
  const figures = (own: readonly Cell[]) => {
    const events = count(own);
    return { events, perSecond: events / seconds };
  };
  const topics = [...Map.groupBy(cells, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
    topic,
    ...figures(ofTopic),
    types: [...Map.groupBy(ofTopic, ({ type }) => type)]
      .map(([type, ofType]) => ({ type, ...figures(ofType), fields: fieldsOf(ofType) }))
      .sort(byEvents),
  }));
  return { ...figures(cells), topics: topics.sort(byEvents) };
}

/** One entry for each window of [from, to), those without events included. */
export function series(cells: readonly Cell[], step: StepName, from: number, to: number) {
  const { ms } = STEPS[step];
  const byStart = Map.groupBy(cells, ({ start }) => start);
  const first = Math.ceil(from / ms) * ms;
  return Array.from({ length: Math.max(0, Math.ceil((to - first) / ms)) }, (_, i) => {
    const start = first + i * ms;
    const own = byStart.get(start) ?? [];
    const events = count(own);
    return { start: new Date(start).toISOString(), events, perSecond: events / (ms / 1000), fields: fieldsOf(own) };
  });
}

export function count(cells: readonly Cell[]): number {
  return cells.reduce((sum, { field, histogram }) => (field === '' ? sum + histogram.count : sum), 0);
}

function fieldsOf(cells: readonly Cell[]) {
  const byField = Map.groupBy(
    cells.filter(({ field }) => field !== ''),
    ({ field }) => field,
  );
  const summaries = [...byField].map(([field, own]) => {
    const total = own.reduce((sum, { histogram }) => sum.merge(histogram), new Histogram());
    return [field, total.summary()] as const;
  });
  return Object.fromEntries(summaries);
}

function byEvents(a: { readonly events: number }, b: { readonly events: number }): number {
  return b.events - a.events;
}
