import * as z from 'zod';
import { Histogram, HistogramJson } from '../kit/histogram.ts';
import { type Client, messageOf } from '../kit/index.ts';
import type { Cell, TallyQuery } from '../kit/tally.ts';
import type { Shares } from './shares.ts';

const Cells = z.object({
  cells: z.array(
    z.object({
      start: z.number(),
      topic: z.string(),
      type: z.string(),
      field: z.string(),
      histogram: HistogramJson.transform((json) => Histogram.from(json)),
    }),
  ),
});

export interface ReplicaCells {
  readonly instance: string;
  /** Who told: this replica, the other one, or its file, when it could not be reached. */
  readonly from: 'self' | 'replica' | 'file';
  readonly cells: readonly Cell[];
  readonly reason?: string;
}

/** The cells of every replica that ever counted here: asked where it runs, else read from its file. */
export async function cellsOfAll(
  client: Client,
  shares: Shares,
  self: string,
  query: TallyQuery,
): Promise<ReplicaCells[]> {
  let whyNot = 'it is not running';
  const found = await client.discover('analytics').catch((error) => {
    whyNot = messageOf(error); // then the files have to do
    return [];
  });
  const running = new Map(found.map(({ instance, url }) => [instance, url]));
  const others = shares.others.map(async (instance): Promise<ReplicaCells> => {
    const url = running.get(instance);
    const fromFile = (reason: string): ReplicaCells => ({
      instance,
      from: 'file',
      cells: shares.read(instance, (tally) => tally.cells(query)),
      reason,
    });
    if (!url) return fromFile(whyNot);
    try {
      return { instance, from: 'replica', cells: await ask(url, query) };
    } catch (error) {
      return fromFile(messageOf(error));
    }
  });
  return [{ instance: self, from: 'self', cells: shares.tally.cells(query) }, ...(await Promise.all(others))];
}

async function ask(url: string, query: TallyQuery): Promise<readonly Cell[]> {
  const where = new URL('/cells', url);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) where.searchParams.set(name, `${value}`);
  const response = await fetch(where, { signal: AbortSignal.timeout(1500) });
  if (!response.ok) throw new Error(`it answered ${response.status}`);
  return Cells.parse(await response.json()).cells;
}
