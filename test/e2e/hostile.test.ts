import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Caller } from './rig/caller.ts';
import { rig } from './rig.ts';

/** Azora OS behind its gateway, as somebody meets it who means no good. */
const root = resolve(import.meta.dirname, '../..');
const here = { AZORA_FILE: join(root, 'azora.yaml'), AZORA_STATE_DIR: '.azora' };

const id = randomUUID();
/** Every public route that takes a body; what is between the names does not exist. */
const WRITING = [
  ...['signup', 'login', 'verify', 'password'].map((name) => ['POST', `/auth/${name}`]),
  ['PUT', '/auth/identities/nobody/roles'],
  ['PUT', '/auth/secrets/x'],
  ...['transactions', 'mine', 'chain'].map((name) => ['POST', `/covenant/${name}`]),
  ['POST', '/mint/wallets'],
  ['POST', `/mint/wallets/${id}/transfers`],
  ['POST', `/mint/wallets/${id}/passkeys`],
  ['POST', `/mint/transfers/${id}/approvals`],
  ['POST', `/mint/transfers/${id}/passkey`],
  ['POST', `/mint/reviews/${id}`],
  ...['learners', 'enrolments', 'agents'].map((name) => ['POST', `/sapiens/${name}`]),
  ['POST', `/sapiens/enrolments/${id}/assessments`],
  ['PATCH', `/sapiens/agents/${id}`],
  ...['guidance', 'decisions'].map((name) => ['POST', `/elara/${name}`]),
  ['PUT', '/system/plan'],
  ['POST', '/llm/v1/chat/completions'],
  ['POST', '/llm/search'],
  ['POST', '/agent/tasks'],
  ['POST', '/compliance/checks'],
  ['PUT', '/compliance/policies/x'],
  ['PUT', '/compliance/sanctions/x'],
  ['PATCH', '/users/me'],
  ['POST', '/monitoring/rules'],
] as [string, string][];

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
    await system.expect(0, ['up', '-d'], { timeoutMs: 120_000 });
    const gateway = (await system.instance('api-gateway')).url ?? '';
    const user = new Caller(gateway);
    const who = { username: 'naledi', password: 'correct horse battery' };
    user.token = (await user.post('/auth/signup', who)).token;
    const { id: learner } = await user.post('/sapiens/learners', { name: 'Naledi', level: 'R' });

    const wrong: string[] = [];
    const send = async (what: string, method: string, path: string, token: string | null, body?: string) => {
      const headers = {
        'content-type': 'application/json',
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      };
      const response = await fetch(`${gateway}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
      const text = await response.text();
      const { error, message } = (text.startsWith('{') ? JSON.parse(text) : {}) as { error?: string; message?: string };
      const isRefused = response.status >= 400 && response.status < 500 && Boolean(error) && Boolean(message);
      if (!isRefused) wrong.push(`${what}: ${method} ${path} → ${response.status} ${text.slice(0, 200)}`);
      return response.status;
    };

    for (const [method, path] of WRITING) {
      for (const [what, body] of Object.entries(BODIES)) await send(`a body ${what}`, method, path, user.token, body);
      if (path.startsWith('/auth')) continue; // there aegis itself looks at tokens, where it needs one
      for (const token of [null, forgedToken(), `${user.token}x`, 'x.y.z']) {
        expect(await send('a token that is none', method, path, token, '{}')).toBe(401);
      }
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
