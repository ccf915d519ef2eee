import { type Context, Hono } from 'hono';
import * as z from 'zod';
import {
  BadGateway,
  bearerToken,
  type Client,
  type EventBus,
  Forbidden,
  type Health,
  messageOf,
  NotFound,
  type Organ,
  Outbox,
  openDatabase,
  readBody,
  readParams,
  readQuery,
  Unauthorized,
} from '../kit/index.ts';
import { type Account, Accounts, MIGRATIONS } from './accounts.ts';
import { Page, ProfileChange, UserId } from './requests.ts';

export interface UserServiceOptions {
  readonly folder: string;
  /** Finds aegis. */
  readonly client: Client;
  readonly bus?: EventBus;
  readonly now?: () => Date;
}

const Identity = z.object({ subject: z.string(), username: z.string(), roles: z.array(z.string()) });
type Identity = z.output<typeof Identity>;

/** Accounts and profiles; who somebody is, only aegis says, and it is asked each time: a token withdrawn is no token. */
export function userService({ folder, client, bus, now = () => new Date() }: UserServiceOptions): Organ {
  const db = openDatabase(folder, 'users', MIGRATIONS);
  const accounts = new Accounts(db, now);
  const outbox = new Outbox(db, { topic: 'user-service', bus });

  const opened = (identity: Identity): Account =>
    db.transaction(() => {
      const { account, isNew } = accounts.open(identity.subject, identity.username);
      if (isNew) outbox.add('account-opened', { id: account.id }, { key: account.id });
      return account;
    })();

  const app = new Hono()
    .get('/me', async (c) => c.json(opened(await identify(c, client))))
    .patch('/me', async (c) => {
      const identity = await identify(c, client);
      const change = await readBody(c, ProfileChange);
      const account = db.transaction(() => {
        const changed = accounts.change(opened(identity), change);
        // What changed, not to what: the bus is no place for personal data.
        outbox.add('account-changed', { id: changed.id, fields: Object.keys(change) }, { key: changed.id });
        return changed;
      })();
      return c.json(account);
    })
    .delete('/me', async (c) => {
      const { subject } = await identify(c, client);
      const existed = db.transaction(() => {
        const was = accounts.delete(subject);
        if (was) outbox.add('account-deleted', { id: subject }, { key: subject });
        return was;
      })();
      if (!existed) throw new NotFound('there is no account to delete');
      return c.body(null, 204);
    })
    .get('/:id', async (c) => {
      const { id } = readParams(c, UserId);
      const identity = await identify(c, client);
      const account = accounts.find(id);
      if (account && (identity.subject === id || identity.roles.includes('admin'))) return c.json(account);
      // One that is not public and one that is not there look the same.
      if (!account?.isPublic) throw new NotFound(`there is no public account ${id}`);
      const { displayName, about } = account;
      return c.json({ id, displayName, about });
    })
    .get('/', async (c) => {
      const { roles, username } = await identify(c, client);
      if (!roles.includes('admin')) throw new Forbidden(`${username} lacks the role admin`);
      const { limit, offset } = readQuery(c, Page);
      return c.json({ total: accounts.count(), users: accounts.list(limit, offset) });
    });

  const health = async (): Promise<Health> => {
    const metrics = { accounts: accounts.count(), unpublished: outbox.waiting };
    try {
      if ((await client.condition('aegis')) === 'well') return { status: 'pass', metrics };
      return { status: 'warn', reason: 'aegis says that it is not well', metrics };
    } catch (error) {
      return { status: 'fail', reason: `aegis is gone, nobody can be identified: ${messageOf(error)}`, metrics };
    }
  };

  return {
    name: 'user-service',
    app,
    health,
    async close() {
      await outbox.close();
      client.close();
      db.close();
    },
  };
}

/** Throws Unauthorized when aegis does not know the token (any more), Unavailable when aegis cannot be asked. */
async function identify(c: Context, client: Client): Promise<Identity> {
  const token = bearerToken(c.req.header('authorization'));
  if (!token) throw new Unauthorized('a token is needed: Authorization: Bearer …');
  const forwarded = c.req.header('x-forwarded-for');
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  try {
    return await client.callJson('aegis', '/auth/verify', Identity, { method: 'POST', json: { token }, headers });
  } catch (error) {
    if (!(error instanceof BadGateway) || ![400, 401].includes(error.upstreamStatus)) throw error;
    throw new Unauthorized('the token is not valid, or not any more', { cause: error });
  }
}
