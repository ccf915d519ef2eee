import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Caller } from './rig/caller.ts';
import { rig } from './rig.ts';

/** Azora OS behind its gateway, as somebody meets it who means no good. */
const root = resolve(import.meta.dirname, '../..');
const here = { AZORA_FILE: join(root, 'azora.yaml'), AZORA_STATE_DIR: '.azora' };

const id = randomUUID();

interface Route {
  readonly method: string;
  /** Behind the gateway, with a value for each parameter. */
  readonly path: string;
  readonly takesBody: boolean;
}

/** Every route of every organ that has a `route` in azora.yaml, as the organs' sources declare them. */
function publicRoutes(): Route[] {
  const { organs } = parse(readFileSync(join(root, 'azora.yaml'), 'utf8')) as {
    organs: Record<string, { route?: { prefix: string } }>;
  };
  return Object.entries(organs).flatMap(([organ, { route }]) => {
    if (!route) return [];
    const folder = join(root, 'organs', organ);
    const sources = readdirSync(folder)
      .filter((file) => file.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(file))
      .map((file) => readFileSync(join(folder, file), 'utf8'));
    return sources.flatMap((source) => {
      const declared = source.split(/(?=(?:^\s+|\bapp)\.(?:get|post|put|patch|delete)\(\s*'\/)/m);
      return declared.flatMap((text): Route[] => {
        const [, method, path] = /^(?:\s+|app)\.(\w+)\(\s*'(\/[^']*)'/.exec(text) ?? [];
        if (!method || !path) return [];
        const named = path.replace(/:\w+/g, id);
        return [
          { method: method.toUpperCase(), path: `${route.prefix}${named}`, takesBody: text.includes('readBody(') },
        ];
      });
    });
  });
}

/** What a route that takes values in its path or query may get. */
const VALUES = [
  '-1',
  '0',
  '1e308',
  'NaN',
  "x'; DROP TABLE audit; --",
  '%F0%9F%92%A9',
  '%ff',
  '__proto__',
  'x'.repeat(2000),
];

const BODIES: Record<string, string> = {
  'that is no JSON': '{"a":',
  'of the wrong type': '[1,2,3]',
  'of a number': '5',
  'of null': 'null',
  'with wrong types in it': JSON.stringify(
    Object.fromEntries(
      [
        'username',
        'password',
        'goal',
        'name',
        'level',
        'to',
        'amount',
        'question',
        'query',
        'messages',
        'findings',
        'rule',
        'miner',
        'email',
        'blocks',
        'token',
        'organs',
        'kind',
        'type',
        'reason',
        'value',
        'roles',
        'mark',
        'active',
      ].map((key) => [key, { $ne: null, length: -1 }]),
    ),
  ),
  'with a poisoned prototype': '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}',
  'that is deeply nested': `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
  'of 10 MB': JSON.stringify({ goal: 'x'.repeat(10 * 1024 * 1024) }),
};

/** What changes what all users share, or shows what others did. */
const FOR_ADMINISTRATORS: [string, string][] = [
  ['GET', '/auth/threats'],
  ['GET', '/auth/identities'],
  ['POST', '/auth/keys/rotate'],
  ['PUT', '/system/plan'],
  ['DELETE', '/system/plan'],
  ['POST', '/sapiens/agents'],
  ['POST', `/sapiens/learners/${id}/promote`],
  ['POST', `/sapiens/enrolments/${id}/assessments`],
  ['POST', '/covenant/chain'],
  ['POST', '/mint/selftest/wallet'],
  ['GET', '/mint/reviews'],
  ['POST', '/monitoring/rules'],
  ['GET', '/compliance/audit'],
  ['PUT', '/compliance/sanctions/x'],
  ['GET', '/users/'],
];

const decode = (value: string) => {
  try {
    return decodeURIComponent(value);
  } catch {
    return value; // not even that
  }
};

function forgedToken(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    sub: id,
    username: 'root',
    roles: ['admin'],
    iss: 'aegis',
    aud: 'azora-os',
    iat: now,
    exp: now + 3600,
    jti: id,
  };
  const text = `${part({ alg: 'EdDSA', kid: 'unknown' })}.${part(claims)}`;
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
}

/** Bytes as they are, which fetch would put right. */
function raw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.setTimeout(10_000, () => socket.destroy(new Error(`no answer to ${text.slice(0, 80)}`)));
    socket.on('data', (chunk) => (answer += chunk));
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
  });
}

describe('hostile input, through the gateway', () => {
  test('is answered 4xx with a reason at every route; nothing restarts, nothing is lost', {
    timeout: 180_000,
  }, async () => {
    await using system = await rig.system({ yaml: { organs: {} }, env: here });
    const password = 'correct horse battery';
    // a token that was good once, of this very aegis
    await system.expect(0, ['up', '-d', 'aegis'], { env: { AEGIS_TOKEN_SECONDS: '1' } });
    const aegis = new Caller((await system.instance('aegis')).url ?? '');
    const { token: expired } = await aegis.post('/auth/signup', { username: 'early', password });
    await system.expect(0, ['down']);

    await system.expect(0, ['up', '-d'], { timeoutMs: 120_000 });
    const gateway = (await system.instance('api-gateway')).url ?? '';
    const [user, admin] = [new Caller(gateway), new Caller(gateway)];
    const who = { username: 'naledi', password };
    user.token = (await user.post('/auth/signup', who)).token;
    const adminCode = readFileSync(join(system.state.root, 'data/aegis/first-admin-code'), 'utf8').trim();
    admin.token = (await admin.post('/auth/signup', { username: 'boss', password, adminCode })).token;
    const { id: learner } = await user.post('/sapiens/learners', { name: 'Naledi', level: 'R' });

    const wrong: string[] = [];
    const ask = async (method: string, path: string, token: string | null, body?: string) => {
      const headers = {
        'content-type': 'application/json',
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      };
      const hasBody = body !== undefined && method !== 'GET';
      const response = await fetch(`${gateway}${path}`, { method, headers, ...(hasBody ? { body } : {}) });
      const text = await response.text();
      const { error, message } = (text.startsWith('{') ? JSON.parse(text) : {}) as { error?: string; message?: string };
      const isRefused = response.status >= 400 && response.status < 500 && Boolean(error) && Boolean(message);
      return { isRefused, isOk: response.ok, status: response.status, text };
    };
    const send = async (what: string, ...request: Parameters<typeof ask>) => {
      const { isRefused, status, text } = await ask(...request);
      if (!isRefused) wrong.push(`${what}: ${request[0]} ${request[1]} → ${status} ${text.slice(0, 200)}`);
      return status;
    };
    /** Where the value may do no harm. */
    const sendOrAnswer = async (what: string, ...request: Parameters<typeof ask>) => {
      const { isRefused, isOk, status, text } = await ask(...request);
      if (!isRefused && !isOk)
        wrong.push(`${what}: ${request[0]} ${request[1].slice(0, 200)} → ${status} ${text.slice(0, 200)}`);
    };

    const routes = publicRoutes();
    expect(routes.length).toBeGreaterThan(80);
    expect(routes.filter(({ takesBody }) => takesBody).length).toBeGreaterThan(30);
    const prefixes = new Set(routes.map(({ path }) => path.split('/')[1]));
    expect(prefixes.size).toBe(13);
    const parameters = ['limit', 'from', 'to', 'points', 'topic', 'field', 'status', 'value'];
    const queryOf = (value: string) => parameters.map((name) => `${name}=${value}`).join('&');
    // who may do everything gets as far as the organ's own look at what is sent
    const attack = ({ method, path, takesBody }: Route): Promise<unknown>[] => {
      if (takesBody)
        return Object.entries(BODIES).map(([what, body]) => send(`a body ${what}`, method, path, admin.token, body));
      if (method !== 'GET')
        return ['of the wrong type', 'that is deeply nested'].map((what) =>
          sendOrAnswer(`a body ${what}`, method, path, admin.token, BODIES[what]),
        );
      return VALUES.map((value) => {
        const named = path.replaceAll(id, encodeURIComponent(decode(value)));
        return sendOrAnswer('a value', method, `${named}?${queryOf(value)}`, admin.token);
      });
    };
    for (const route of routes) {
      await Promise.all(attack(route));
      const { method, path } = route;
      if (path.startsWith('/auth')) continue; // there aegis itself looks at tokens, where it needs one
      const tokens = [null, expired, forgedToken(), `${user.token}x`, 'x.y.z'];
      const body = method === 'GET' ? undefined : '{}';
      const statuses = await Promise.all(
        tokens.map((token) => send('a token that is none', method, path, token, body)),
      );
      expect(statuses, path).toEqual(tokens.map(() => 401));
    }
    for (const [method, path] of FOR_ADMINISTRATORS) {
      expect(await send('no role', method, path, user.token, '{}'), path).toBe(403);
    }
    expect(wrong).toEqual([]);

    const from = (path: string) =>
      raw(
        gateway,
        `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${user.token}\r\nConnection: close\r\n\r\n`,
      );
    for (const path of [
      '/mint/../auth/threats',
      '/mint/%2e%2e/auth/threats',
      '/users/..%2f..%2fetc/passwd',
      '/mint/%00',
      '/mint\\..\\x',
      'http://x/mint/tvl',
    ]) {
      expect(await from(path)).toMatch(/^HTTP\/1.1 400 .*\{"error":"bad_request","message":".+"\}$/s);
    }
    expect(await from('/nowhere')).toMatch(/^HTTP\/1.1 404 /);
    expect(await from(`/mint/${'a'.repeat(20_000)}`)).toMatch(/^HTTP\/1.1 431 /);

    const { organs } = await system.status();
    expect(organs.filter(({ restarts, state }) => restarts > 0 || state !== 'ready')).toEqual([]);
    expect(await user.get(`/sapiens/learners/${learner}`)).toMatchObject({ name: 'Naledi' });
    expect(await user.get('/compliance/audit/verify')).toMatchObject({ valid: true });
    expect((await user.post('/auth/login', who)).username).toBe('naledi');
  });
});
