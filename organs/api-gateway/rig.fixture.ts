/** What the gateway's tests run against: a registry that says what it is told, instances, tokens, raw sockets. */
import { connect } from 'node:net';
import { Hono } from 'hono';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Client, type Organ, type Service, TokenVerifier } from '../kit/index.ts';
import { type RunningOrgan, startOrgan } from '../kit/testing.ts';
import { apiGateway, type GatewayOptions } from './organ.ts';

interface Declared {
  readonly name: string;
  readonly instances: readonly { readonly url: string; readonly health?: string }[];
  readonly route?: { prefix: string; rateLimit?: string | null; auth?: string } | null;
}

export class FakeRegistry {
  readonly organ: RunningOrgan;
  #services: Declared[] = [];

  static async start(...services: Declared[]): Promise<FakeRegistry> {
    let registry: FakeRegistry | undefined;
    const app = new Hono().get('/services', (c) => c.json(registry?.list() ?? []));
    const organ = await startOrgan({ name: 'registry', app, health: () => ({ status: 'pass' }) });
    registry = new FakeRegistry(organ);
    registry.declare(...services);
    return registry;
  }

  private constructor(organ: RunningOrgan) {
    this.organ = organ;
  }

  declare(...services: Declared[]): void {
    this.#services = [...this.#services.filter(({ name }) => !services.some((s) => s.name === name)), ...services];
  }

  /** As the real one: a service without instances is not there. */
  list(): Service[] {
    return this.#services
      .filter(({ instances }) => instances.length > 0)
      .map(({ name, instances, route }) => ({
        name,
        url: instances[0]?.url ?? '',
        category: null,
        health: 'Healthy',
        instances: instances.map(({ url, health = 'Healthy' }, i) => ({ instance: `${name}-${i + 1}`, url, health })),
        metadata: route ? { route } : {},
      }));
  }
}

/** Aegis, as far as a gateway needs it: keys, published and changed. */
export async function keyServer(onVerify: (address: string) => void = () => {}) {
  const makeKey = async (kid: string) => {
    const { publicKey, privateKey } = await generateKeyPair('EdDSA');
    return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'EdDSA', use: 'sig' } };
  };
  let key = await makeKey('k1');
  let fetched = 0;
  const app = new Hono().get('/.well-known/jwks.json', (c) => {
    fetched += 1;
    return c.json({ keys: [key.jwk] });
  });
  app.post('/auth/verify', (c) => {
    onVerify(c.req.header('x-forwarded-for') ?? '');
    return c.json({ error: 'unauthorized', message: 'forged' }, 401);
  });
  const organ = await startOrgan({ name: 'aegis', app, health: () => ({ status: 'pass' }) });
  const token = (claims: { sub?: string; iss?: string; aud?: string; exp?: string; with?: typeof key } = {}) => {
    const { sub = 'rosa', iss = 'aegis', aud = 'azora-os', exp = '1m', with: { kid, privateKey } = key } = claims;
    return new SignJWT({ username: sub, roles: ['user'] })
      .setProtectedHeader({ alg: 'EdDSA', kid })
      .setSubject(sub)
      .setIssuer(iss)
      .setAudience(aud)
      .setExpirationTime(exp)
      .sign(privateKey);
  };
  return {
    organ,
    token,
    makeKey,
    fetched: () => fetched,
    rotate: async () => {
      key = await makeKey('k2');
    },
  };
}

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** An instance that tells what it was asked, and remembers it. */
export async function instance(name: string, more: Partial<Organ> = {}) {
  const seen: Seen[] = [];
  const app = (more.app ?? new Hono()).all('/*', async (c) => {
    const { pathname, search } = new URL(c.req.url);
    const asked = { method: c.req.method, path: pathname + search, headers: c.req.header(), body: await c.req.text() };
    seen.push(asked);
    return c.json({ name, ...asked });
  });
  return { ...(await startOrgan({ name, health: () => ({ status: 'pass' }), ...more, app })), seen };
}

export interface Line {
  readonly [key: string]: unknown;
}

export async function gateway(registry: FakeRegistry, options: Partial<GatewayOptions> = {}) {
  let log = '';
  const client = new Client({ env: { AZORA_REGISTRY_URL: registry.organ.url }, cacheMs: 0 });
  const running = await startOrgan(
    apiGateway({
      client,
      verifier: new TokenVerifier(client, { cooldownMs: 0 }),
      refreshMs: 50,
      resetMs: 100,
      write: (text) => {
        log += text;
      },
      ...options,
    }),
  );
  const lines = (): Line[] =>
    log
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  return { ...running, lines };
}

/** Sends bytes as they are; the answer is all that comes until the other side ends, or `until` is in it. */
export function raw(url: string, text: string, until?: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.setEncoding('latin1');
    socket.setTimeout(5000, () => socket.destroy(new Error(`no end within 5 s, only: ${answer}`)));
    socket.on('data', (chunk) => {
      answer += chunk;
      if (until !== undefined && answer.includes(until)) socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
  });
}
