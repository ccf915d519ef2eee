import { type Context, Hono } from 'hono';
import * as z from 'zod';
import {
  bearerToken,
  type Client,
  type EventBus,
  Forbidden,
  log,
  messageOf,
  type Organ,
  Outbox,
  openDatabase,
  type Principal,
  readBody,
  readParams,
  readQuery,
  type State,
  TokenVerifier,
  Unauthorized,
} from '../kit/index.ts';
import { AuditTrail, GENESIS } from './audit-trail.ts';
import { Guard, healthOf, type LagLimits } from './guard.ts';
import { Rule } from './policy.ts';
import { Rulebook } from './rulebook.ts';
import { MIGRATIONS } from './schema.ts';
import { Watch } from './watch.ts';

export interface ComplianceOptions {
  readonly folder: string;
  /** Finds aegis, whose keys tell who may change policies. */
  readonly client: Client;
  readonly bus: EventBus;
  /** Counts, and keeps the trail's anchor. */
  readonly state: Pick<State, 'get' | 'set' | 'increment' | 'close'>;
  readonly now?: () => number;
  /** How often the trail's head is anchored; default 10 s. */
  readonly anchorEveryMs?: number;
  /** How often what is too old is erased; default one hour. */
  readonly retainEveryMs?: number;
  readonly lagLimits?: LagLimits;
}

const DAY_MS = 86_400_000;
const address = z.string().trim().min(1).max(200).regex(/^\S+$/, 'an address is one word');
const AddressParam = z.strictObject({ address });
const Check = z.strictObject({
  type: z.string().min(1).max(200).default('transfer-proposed'),
  from: address.nullable().default(null),
  to: address.nullable().default(null),
  amount: z.int().positive().nullable().default(null),
});
const Range = z.strictObject({
  from: z.coerce.number().int().min(1).default(1),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});
const Latest = z.strictObject({ limit: z.coerce.number().int().min(1).max(1000).default(100) });
const PolicyId = z.strictObject({ id: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'a policy id: a-z, 0-9 and -') });
const Reason = z.strictObject({ reason: z.string().trim().min(1).max(500) });

/** Compliance: policies over what moves, and a trail of what happened that shows when it was tampered with. */
export function compliance(options: ComplianceOptions): Organ {
  const { folder, client, bus, state, now = Date.now, anchorEveryMs = 10_000, retainEveryMs = 3_600_000 } = options;
  const limits = options.lagLimits ?? { events: 1000, ms: 15_000 };
  const db = openDatabase(folder, 'compliance', MIGRATIONS);
  const trail = new AuditTrail(db, now);
  const rulebook = new Rulebook(db);
  const guard = new Guard(trail, state);
  const outbox = new Outbox(db, { topic: 'compliance', bus });
  const watch = new Watch(db, { trail, rulebook, counters: state, outbox, now });
  const verifier = new TokenVerifier(client);
  const subscription = bus.subscribe({ topics: ['*'], group: 'compliance' }, (events) => watch.take(events));

  const retain = () =>
    db.transaction(() => {
      const erased: Record<string, number> = {};
      for (const policy of rulebook.policies()) {
        if (policy.kind !== 'retention' || !policy.enabled) continue;
        const count = trail.erase(policy.entries, now() - policy.days * DAY_MS);
        if (count > 0) erased[policy.entries] = count;
      }
      if (Object.keys(erased).length > 0) trail.append('retention', `retention ${crypto.randomUUID()}`, { erased });
      return erased;
    })();
  const every = (ms: number, act: () => unknown) => {
    const timer = setInterval(async () => {
      try {
        await act();
      } catch (error) {
        log(`compliance: ${messageOf(error)}`);
      }
    }, ms);
    timer.unref();
    return timer;
  };
  const timers = [every(anchorEveryMs, () => guard.anchor()), every(retainEveryMs, retain)];

  const changed = (kind: 'policy' | 'sanction', { username }: Principal, data: object, change: () => void) =>
    db.transaction(() => {
      change();
      trail.append(kind, `${kind} ${crypto.randomUUID()}`, { by: username, ...data });
      outbox.add(`${kind}-changed`, { by: username, ...data });
    })();

  const app = new Hono()
    .post('/checks', async (c) => {
      const movement = await readBody(c, Check);
      return c.json(await watch.check(movement, c.req.header('x-azora-user') ?? 'an organ'), 201);
    })
    .get('/policies', (c) => c.json({ policies: rulebook.policies() }))
    .put('/policies/:id', async (c) => {
      const officer = await officerOf(c, verifier);
      const { id } = readParams(c, PolicyId);
      const rule = await readBody(c, Rule);
      changed('policy', officer, { policy: id, rule }, () => rulebook.setPolicy(id, rule));
      return c.json({ id, ...rule });
    })
    .get('/sanctions', (c) => c.json({ sanctions: rulebook.sanctions() }))
    .put('/sanctions/:address', async (c) => {
      const officer = await officerOf(c, verifier);
      const { address } = readParams(c, AddressParam);
      const { reason } = await readBody(c, Reason);
      const sanction = { address, reason, since: new Date(now()).toISOString(), by: officer.username };
      changed('sanction', officer, { address, reason }, () => rulebook.setSanction(sanction));
      return c.json(sanction);
    })
    .delete('/sanctions/:address', async (c) => {
      const officer = await officerOf(c, verifier);
      const { address } = readParams(c, AddressParam);
      changed('sanction', officer, { address, lifted: true }, () => rulebook.liftSanction(address));
      return c.body(null, 204);
    })
    .get('/violations', async (c) => {
      await officerOf(c, verifier);
      return c.json({ violations: trail.latest('violation', readQuery(c, Latest).limit) });
    })
    .get('/audit', async (c) => {
      await officerOf(c, verifier);
      const { from, limit } = readQuery(c, Range);
      return c.json({ head: trail.head(), entries: trail.entries(from, limit) });
    })
    .get('/audit/verify', async (c) => c.json(await guard.verify()))
    .get('/audit/proof', (c) => {
      const { from, limit } = readQuery(c, Range);
      const [before = GENESIS] = trail.links(from - 1, from > 1 ? 1 : 0);
      const { seq, hash } = before;
      return c.json({
        algorithm: ALGORITHM,
        before: { seq, hash },
        links: trail.links(from, limit),
        head: trail.head(),
      });
    })
    .post('/audit/anchor', async (c) => {
      await officerOf(c, verifier);
      return c.json({ anchored: await guard.anchor() });
    })
    .post('/retention', async (c) => {
      await officerOf(c, verifier);
      return c.json({ erased: retain() });
    });

  return {
    name: 'compliance',
    app,
    health: () => healthOf(guard, trail, { status: subscription.status, limits }),
    async close() {
      for (const timer of timers) clearInterval(timer);
      await subscription.stop();
      await outbox.close();
      await state.close();
      client.close();
      db.close();
    },
  };
}

/** Told with each proof, so that whoever has only that can follow it. */
const ALGORITHM =
  'hash = sha256(JSON.stringify(["azora-audit-1", seq, at, kind, dataHash, previousHash])), hex; previousHash of entry 1 is 64 zeros';

/** Who may change rules and read what people did. Throws Unauthorized, Forbidden. */
async function officerOf(c: Context, verifier: TokenVerifier): Promise<Principal> {
  const token = bearerToken(c.req.header('authorization'));
  if (!token) throw new Unauthorized('a token is needed: Authorization: Bearer …');
  const principal = await verifier.verify(token);
  if (principal.roles.some((role) => role === 'admin' || role === 'compliance')) return principal;
  throw new Forbidden(`${principal.username} lacks the role compliance or admin`);
}
