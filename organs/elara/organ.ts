import { join } from 'node:path';
import { Hono } from 'hono';
import {
  type Health,
  messageOf,
  NotFound,
  type Organ,
  openDatabase,
  readBody,
  readParams,
  readQuery,
  Unavailable,
} from '../kit/index.ts';
import { AuditLog, migrations } from './audit-log.ts';
import type { Case } from './case.ts';
import { type Loaded, loadDimensions, readAll, type SelfTest, selfTest } from './dimension.ts';
import { decide, guide, type Judgement } from './judgement.ts';
import { AuditQuery, caseOfQuestion, caseOfReport, DecisionRequest, EntryId, GuidanceRequest } from './requests.ts';

/** As many facets as must pass their self-test for Elara to be whole. */
export const WHOLE = 11;

export interface ElaraOptions {
  /** Where the audit log is kept. */
  readonly folder: string;
  /** Where the facets are loaded from. */
  readonly dimensions?: string;
  /** The time, in epoch ms. */
  readonly now?: () => number;
}

/** Elara: guidance on questions and decisions on security reports, by weighed principles, each kept in the audit log. */
export async function elara({
  folder,
  dimensions = join(import.meta.dirname, 'dimensions'),
  now = Date.now,
}: ElaraOptions): Promise<Organ> {
  const db = openDatabase(folder, 'elara', migrations);
  const log = new AuditLog(db);
  const loaded = await loadDimensions(dimensions);

  const judged = (about: Case, judge: (about: Case) => Judgement) => {
    const known = { ...about, precedents: log.precedents(about, now()) };
    const judgement = judge(known);
    return { id: kept(() => log.record(known, judgement, now())), ...judgement };
  };

  const app = new Hono()
    .post('/guidance', async (c) => {
      const { about, notUnderstood } = caseOfQuestion(await readBody(c, GuidanceRequest));
      return c.json({ ...judged(about, (known) => guide(known, readAll(loaded, known))), notUnderstood });
    })
    .post('/decisions', async (c) => {
      const about = caseOfReport(await readBody(c, DecisionRequest));
      const { organ, ...rest } = judged(about, (known) => decide(known, readAll(loaded, known)));
      return c.json({ ...rest, ...(organ === null ? {} : { organ }) });
    })
    .get('/decisions', (c) => {
      const { kind, limit, before } = readQuery(c, AuditQuery);
      return c.json({ count: log.count(), decisions: log.list(kind, limit, before) });
    })
    .get('/decisions/:id', (c) => {
      const { id } = readParams(c, EntryId);
      const entry = log.find(id);
      if (!entry) throw new NotFound(`there is no decision ${id}`);
      return c.json(entry);
    })
    .get('/dimensions', (c) => c.json(survey(loaded)))
    .get('/evolution', (c) => c.json(evolution(survey(loaded), log.count())));

  return { name: 'elara', app, health: () => healthOf(survey(loaded), log.count()), close: () => void db.close() };
}

/** A judgement that cannot be kept is not given: 503 with the reason. */
function kept(record: () => number): number {
  try {
    return record();
  } catch (cause) {
    throw new Unavailable(`the judgement cannot be kept in the audit log: ${messageOf(cause)}`, { cause });
  }
}

interface Survey {
  readonly passed: number;
  readonly loaded: number;
  readonly dimensions: readonly (SelfTest & { readonly asks: string | null; readonly scale: readonly string[] })[];
}

/** Puts every facet to its trials, now. */
function survey(loaded: readonly Loaded[]): Survey {
  const dimensions = loaded.map((entry) => ({
    ...selfTest(entry),
    asks: entry.dimension?.asks ?? null,
    scale: entry.dimension?.scale ?? [],
  }));
  return { passed: dimensions.filter((test) => test.passed).length, loaded: loaded.length, dimensions };
}

/**
 * How far Elara has come: the sound share of its facets times one level, and one more for each doubling of the judgements
 * behind it. level = floor(passed / loaded × (1 + log2(1 + decisions))).
 */
export function evolution({ passed, loaded }: Pick<Survey, 'passed' | 'loaded'>, decisions: number) {
  const soundness = loaded === 0 ? 0 : passed / loaded;
  const level = Math.floor(soundness * (1 + Math.log2(1 + decisions)));
  return { level, decisions, dimensionsPassed: passed, dimensionsLoaded: loaded };
}

function healthOf(found: Survey, decisions: number): Health {
  const { level } = evolution(found, decisions);
  const metrics = { dimensions: found.passed, decisions, evolutionLevel: level };
  if (found.passed >= WHOLE) return { status: 'pass', metrics };
  const failing = found.dimensions.filter((test) => !test.passed).map((test) => test.dimension);
  const reason = `${found.passed} dimensions pass their self-test, ${WHOLE} are needed; failing: ${failing.join(', ') || 'none'}`;
  return { status: found.passed === 0 ? 'fail' : 'warn', reason, metrics };
}
