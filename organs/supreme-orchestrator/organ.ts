import { Hono } from 'hono';
import * as z from 'zod';
import {
  adminOnly,
  type Health,
  log,
  messageOf,
  NotFound,
  type Organ,
  openDatabase,
  readBody,
  readQuery,
  Unavailable,
} from '../kit/index.ts';
import { countByStatus, differences, rollUp, STATUSES, UNCATEGORISED } from './inventory.ts';
import { measure } from './performance.ts';
import { migrations, PlanOfRecord } from './plan.ts';
import { askRegistry } from './registry.ts';
import { View } from './view.ts';

export interface OrchestratorOptions {
  /** Where the plan of record is kept. */
  readonly folder: string;
  readonly registryUrl: string | undefined;
  /** The period of the refresh by timer, default 10 s; the view is stale after three of them. */
  readonly refreshMs?: number;
  readonly timeoutMs?: number;
  readonly now?: () => Date;
  /** Monotonic milliseconds. */
  readonly clock?: () => number;
}

const organName = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'an organ name: a-z, 0-9 and -');
const Plan = z
  .strictObject({
    organs: z
      .array(z.strictObject({ name: organName, category: z.string().trim().min(1).max(100).default(UNCATEGORISED) }))
      .min(1)
      .max(1000),
  })
  .refine(({ organs }) => new Set(organs.map(({ name }) => name)).size === organs.length, 'an organ is named twice');
const InventoryQuery = z.strictObject({ category: z.string().optional(), status: z.enum(STATUSES).optional() });
const PerformanceQuery = z.strictObject({ samples: z.coerce.number().int().min(1).max(20).default(3) });

/** The supreme orchestrator: the inventory of all organs as the registry tells it, beside the plan of record. */
export function supremeOrchestrator({
  folder,
  registryUrl,
  refreshMs = 10_000,
  timeoutMs = 1500,
  now = () => new Date(),
  clock = () => performance.now(),
}: OrchestratorOptions): Organ {
  const db = openDatabase(folder, 'supreme-orchestrator', migrations);
  const plan = new PlanOfRecord(db);
  const view = new View({
    ask: () => askRegistry(registryUrl, timeoutMs),
    onInventory: (organs) => plan.learn(organs, now().toISOString()),
    clock,
    staleAfterMs: 3 * refreshMs,
  });
  const timer = setInterval(() => {
    view.refresh().catch((error) => log(`the inventory was not refreshed: ${messageOf(error)}`));
  }, refreshMs);
  timer.unref();

  /** A fresh inventory, or 503 with the reason why there is none. */
  const refreshed = async () => {
    const condition = await view.refresh();
    if (condition.kind !== 'fresh') throw new Unavailable(condition.reason);
    return view.organs;
  };

  const app = new Hono()
    .get('/inventory', async (c) => {
      const { category, status } = readQuery(c, InventoryQuery);
      const organs = (await refreshed()).filter(
        (organ) => (!category || organ.category === category) && (!status || organ.status === status),
      );
      const categories = rollUp(plan.entries(), view.organs).filter(
        (entry) => !category || entry.category === category,
      );
      return c.json({ count: organs.length, byStatus: countByStatus(organs), categories, organs });
    })
    .get('/categories', async (c) => c.json(rollUp(plan.entries(), await refreshed())))
    .get('/plan', (c) => c.json({ organs: plan.entries(), history: plan.history() }))
    .put('/plan', adminOnly, async (c) => {
      const { organs } = await readBody(c, Plan);
      plan.declare(organs, now().toISOString());
      return c.json({ organs: plan.entries() });
    })
    .delete('/plan', adminOnly, (c) => {
      plan.undeclare();
      return c.json({ organs: plan.entries() });
    })
    .delete('/plan/history/:name', adminOnly, (c) => {
      const name = c.req.param('name');
      if (!plan.forget(name)) throw new NotFound(`${name} was never registered`);
      return c.json({ organs: plan.entries() });
    })
    .get('/differences', async (c) => c.json(differences(plan.entries(), await refreshed())))
    .post('/refresh', async (c) => {
      const organs = await refreshed();
      return c.json({ count: organs.length, byStatus: countByStatus(organs) });
    })
    .get('/performance', async (c) => {
      const { samples } = readQuery(c, PerformanceQuery);
      return c.json(await measure(await refreshed(), { samples, timeoutMs: 2000, now }));
    });

  const health = async (): Promise<Health> => {
    const condition = await view.examine();
    const { missing, unplanned } = differences(plan.entries(), view.organs);
    const metrics = {
      organs: view.organs.length,
      healthy: countByStatus(view.organs).Healthy,
      missing: missing.length,
      unplanned: unplanned.length,
      viewAgeMs: Math.round(view.ageMs ?? 0),
    };
    switch (condition.kind) {
      case 'fresh':
        return { status: 'pass', metrics };
      case 'stale':
        return { status: 'warn', reason: condition.reason, metrics };
      case 'blind':
        return { status: 'fail', reason: condition.reason, metrics };
      default:
        return condition satisfies never;
    }
  };

  return {
    name: 'supreme-orchestrator',
    app,
    health,
    close: () => {
      clearInterval(timer);
      view.close();
      db.close();
    },
  };
}
