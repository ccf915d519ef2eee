import { Hono } from 'hono';
import { type EventBus, type Health, log, type Organ, Outbox, openDatabase } from '../kit/index.ts';
import { adminRoutes } from './admin-routes.ts';
import { authRoutes } from './auth-routes.ts';
import { Callers } from './callers.ts';
import { type Finding, THREAT_LEVELS } from './detectors.ts';
import { FirstAdmin } from './first-admin.ts';
import { Identities, migrations } from './identities.ts';
import { KeyStore } from './key-store.ts';
import { LoginLimit, type LoginLimits, type SharedCounts } from './login-limit.ts';
import { readPrivate } from './private-file.ts';
import { Secrets } from './secrets.ts';
import { Tokens } from './tokens.ts';
import { Vault } from './vault.ts';
import { Vigil } from './vigil.ts';

export interface AegisOptions {
  /** Where identities, keys and secrets are kept; it must be the organ's alone (0700). */
  readonly folder: string;
  /** How long a token is valid, default one hour. */
  readonly tokenLifeMs?: number;
  readonly limits?: LoginLimits;
  /** Hears of identities and keys; without one nobody does. */
  readonly bus?: EventBus;
  /** Counts failed logins beyond this process; without one they are counted here alone. */
  readonly state?: SharedCounts & { close(): Promise<void> };
  /** The time, in epoch ms. */
  readonly now?: () => number;
}

/** What the routes work with. */
export interface Parts {
  readonly identities: Identities;
  readonly tokens: Tokens;
  readonly keys: KeyStore;
  readonly callers: Callers;
  readonly secrets: Secrets;
  readonly vigil: Vigil;
  readonly loginLimit: LoginLimit;
  readonly firstAdmin: FirstAdmin;
  readonly outbox: Outbox;
  /** Runs what belongs together as one transaction. */
  readonly together: <T>(act: () => T) => T;
}

const LIMITS: LoginLimits = { perUser: 10, perAddress: 200, windowSeconds: 60 };

/** Aegis: identities and passwords, tokens and the keys that sign them, sealed secrets, and a watch for threats. */
export function aegis(options: AegisOptions): Organ {
  const { folder, tokenLifeMs = 3_600_000, limits = LIMITS, bus, state, now = Date.now } = options;
  const db = openDatabase(folder, 'aegis', migrations);
  const nothingSealed =
    db.prepare('SELECT 1 FROM secrets').get() === undefined && readPrivate(KeyStore.path(folder)) === null;
  const vault = new Vault(folder, nothingSealed);
  const identities = new Identities(db, now);
  const keys = new KeyStore(folder, vault, tokenLifeMs, now);
  const tokens = new Tokens(keys, tokenLifeMs, now);
  const vigil = new Vigil(vault.exposed.map(exposure), now);
  const callers = new Callers(tokens, identities, vigil);
  const secrets = new Secrets(db, vault, now);
  const firstAdmin = new FirstAdmin(folder);
  const parts: Parts = {
    identities,
    tokens,
    keys,
    callers,
    secrets,
    vigil,
    loginLimit: new LoginLimit(limits, state),
    firstAdmin,
    outbox: new Outbox(db, { topic: 'aegis', bus }),
    together: (act) => db.transaction(act)(),
  };

  if (identities.admins() === 0) {
    firstAdmin.offer();
    log(`there is no administrator yet: sign up with the code in ${firstAdmin.path}`);
  } else {
    firstAdmin.withdraw();
  }

  const close = async () => {
    await parts.outbox.close();
    await state?.close();
    db.close();
  };

  const app = new Hono()
    .route('/auth', authRoutes(parts))
    .route('/', authRoutes(parts)) // as the gateway passes them on: without its prefix /auth
    .route('/', adminRoutes(parts))
    .get('/.well-known/jwks.json', (c) => c.json(keys.jwks()))
    .get('/threats', async (c) => {
      // What was found names users and addresses: the system may know, from outside only an administrator.
      if (c.req.header('x-forwarded-for') !== undefined) await callers.authorize(c);
      const { threatLevel, findings } = vigil.assess();
      return c.json({ threatLevel, level: THREAT_LEVELS.indexOf(threatLevel), findings });
    });

  return { name: 'aegis', app, health: () => healthOf(parts), close };
}

function healthOf({ identities, keys, secrets, vigil }: Parts): Health {
  const { threatLevel, findings } = vigil.assess();
  const metrics = {
    identities: identities.count(),
    secrets: secrets.count(),
    threatLevel: THREAT_LEVELS.indexOf(threatLevel),
    findings: findings.length,
  };
  const failure = keys.failure();
  if (failure) return { status: 'fail', reason: `the key store cannot be read: ${failure}`, metrics };
  if (threatLevel !== 'High' && threatLevel !== 'Critical') return { status: 'pass', metrics };
  return { status: 'warn', reason: `threat level ${threatLevel}: ${findings[0]?.message ?? ''}`, metrics };
}

function exposure(path: string): Finding {
  return {
    id: `aegis:exposed:${path}`,
    severity: 'Medium',
    organ: 'aegis',
    message: 'the master key could be read by other users of this machine',
    evidence: `the permissions of ${path} were wider than 0600 when aegis started`,
    remedy: 'set every secret anew with another value, and rotate the signing keys',
  };
}
