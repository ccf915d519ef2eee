import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { connectState } from '../kit/index.ts';
import { type RunningOrgan, startOrgan, temporaryFolder } from '../kit/testing.ts';
import { state as sharedState } from '../state/organ.ts';
import { type AegisOptions, aegis } from './organ.ts';

const PASSWORD = 'correct horse battery';

async function start(options: Partial<AegisOptions> = {}) {
  const folder = options.folder ?? temporaryFolder();
  return { folder, organ: await startOrgan(aegis({ ...options, folder })) };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

async function signUp(organ: RunningOrgan, username: string, adminCode?: string): Promise<string> {
  const { status, body } = await organ.post('/auth/signup', { username, password: PASSWORD, adminCode });
  expect(status, body.message).toBe(201);
  return body.token;
}

const signUpAdmin = ({ organ, folder }: { organ: RunningOrgan; folder: string }) =>
  signUp(organ, 'root', readFileSync(join(folder, 'first-admin-code'), 'utf8').trim());

describe('identities', () => {
  test('sign up, log in with any case of the name, and are who their token says', async () => {
    const { organ, folder } = await start();
    await signUp(organ, 'Thandi');
    const login = await organ.post('/auth/login', { username: 'THANDI', password: PASSWORD });
    expect(login.status).toBe(200);
    const { body } = await organ.post('/auth/verify', { token: login.body.token });
    expect(body).toMatchObject({ valid: true, username: 'thandi', roles: ['user'], subject: login.body.id });
    expect((await organ.post('/auth/verify', {}, bearer(login.body.token))).body.username).toBe('thandi');

    const db = new Database(join(folder, 'aegis.db'), { readonly: true });
    const { password_hash: hash } = db.prepare('SELECT password_hash FROM identities').get() as {
      password_hash: string;
    };
    db.close();
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  test('who is unknown and who mistypes get the same answer', async () => {
    const { organ } = await start();
    await signUp(organ, 'thandi');
    const wrong = await organ.post('/auth/login', { username: 'thandi', password: 'wrong horse' });
    const unknown = await organ.post('/auth/login', { username: 'nobody', password: 'wrong horse' });
    expect(wrong).toEqual({
      status: 401,
      body: { error: 'unauthorized', message: 'the user name or the password is wrong' },
    });
    expect(unknown).toEqual(wrong);
  });

  test.each<[unknown, number, RegExp]>([
    [{ username: 'thandi', password: PASSWORD }, 409, /is taken/],
    [{ username: 'sipho', password: 'short' }, 400, /at least 8/],
    [{ username: 'sipho567', password: 'Sipho567' }, 400, /is the user name/],
    [{ username: 'si pho', password: PASSWORD }, 400, /a user name/],
    [{ username: 'sipho', password: PASSWORD, roles: ['admin'] }, 400, /roles/],
    [{ username: 'sipho', password: PASSWORD, adminCode: 'guessed' }, 403, /code/],
    [{ username: 'sipho' }, 400, /password/],
  ])('sign-up with %o → %i', async (json, expected, message) => {
    const { organ } = await start();
    await signUp(organ, 'thandi');
    const { status, body } = await organ.post('/auth/signup', json);
    expect([status, body.message]).toEqual([expected, expect.stringMatching(message)]);
  });

  test('a new password withdraws the tokens of before', async () => {
    let now = 1_000_000;
    const { organ } = await start({ now: () => now });
    const before = await signUp(organ, 'thandi');
    now += 1000;
    const change = { password: PASSWORD, newPassword: 'another horse entirely' };
    const wrong = await organ.post('/auth/password', { ...change, password: 'wrong horse' }, bearer(before));
    expect(wrong.status).toBe(401);
    const changed = await organ.post('/auth/password', change, bearer(before));
    expect(changed.status).toBe(200);
    expect((await organ.post('/auth/verify', { token: before })).body.message).toBe('the token was withdrawn');
    expect((await organ.post('/auth/verify', { token: changed.body.token })).status).toBe(200);
    expect((await organ.post('/auth/login', { username: 'thandi', password: PASSWORD })).status).toBe(401);
  });
});

describe('tokens', () => {
  test('are verified by anyone with the published keys, before and after a rotation', async () => {
    const started = await start();
    const { organ } = started;
    const old = await signUpAdmin(started);
    const rotated = await organ.post('/keys/rotate', {}, bearer(old));
    expect(rotated.body.keys).toBe(2);
    const { body: fresh } = await organ.post('/auth/refresh', {}, bearer(old));
    expect(decodeProtectedHeader(fresh.token).kid).toBe(rotated.body.kid);

    const jwks = createRemoteJWKSet(new URL('/.well-known/jwks.json', organ.url));
    for (const token of [old, fresh.token]) {
      const { payload } = await jwtVerify(token, jwks, { issuer: 'aegis', audience: 'azora-os' });
      expect(payload).toMatchObject({ username: 'root', roles: ['user', 'admin'] });
    }
    expect(JSON.stringify((await organ.get('/.well-known/jwks.json')).body)).not.toContain('"d"');
  });

  test('expire', async () => {
    let now = 1_000_000;
    const { organ } = await start({ now: () => now, tokenLifeMs: 60_000 });
    const token = await signUp(organ, 'thandi');
    now += 59_000;
    expect((await organ.post('/auth/verify', { token })).status).toBe(200);
    now += 1000;
    const expired = await organ.post('/auth/verify', { token });
    expect([expired.status, expired.body.message]).toEqual([401, 'the token has expired']);
  });

  test('that are forged are refused, and seen', async () => {
    const { organ } = await start();
    const good = await signUp(organ, 'thandi');
    const [head = '', payload = '', signature = ''] = good.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const raised = Buffer.from(JSON.stringify({ ...claims, roles: ['admin'] })).toString('base64url');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const hmac = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode('x'.repeat(32)));
    const forged = [`${head}.${raised}.${signature}`, `${none}.${payload}.`, hmac, 'not a token', `${good}x`];
    for (const token of forged) {
      const { status, body } = await organ.post('/auth/verify', { token });
      expect([status, body.error]).toEqual([401, 'unauthorized']);
    }
    const { body } = await organ.get('/threats');
    expect(body).toMatchObject({
      threatLevel: 'Medium',
      level: 2,
      findings: [{ id: 'aegis:forging:127.0.0.1', organ: 'aegis' }],
    });
  });
});

describe('administrators', () => {
  test('the code makes the first one, once', async () => {
    const started = await start();
    const { organ, folder } = started;
    const path = join(folder, 'first-admin-code');
    const code = readFileSync(path, 'utf8').trim();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await signUpAdmin(started);
    expect(existsSync(path)).toBe(false);
    const again = await organ.post('/auth/signup', { username: 'second', password: PASSWORD, adminCode: code });
    expect(again.status).toBe(403);
    await organ.stop();
    await start({ folder });
    expect(existsSync(path)).toBe(false);
  });

  test('give and take roles, effective at once, but never the last administrator’s', async () => {
    const started = await start();
    const { organ } = started;
    const [root, thandi] = [await signUpAdmin(started), await signUp(organ, 'thandi')];
    const setRoles = (username: string, roles: string[]) =>
      organ.request(`/identities/${username}/roles`, {
        method: 'PUT',
        headers: bearer(root),
        body: JSON.stringify({ roles }),
      });
    expect((await organ.post('/keys/rotate', {}, bearer(thandi))).status).toBe(403);
    expect((await setRoles('thandi', ['user', 'admin'])).status).toBe(200);
    expect((await organ.post('/keys/rotate', {}, bearer(thandi))).status).toBe(200);
    expect((await setRoles('thandi', ['user'])).status).toBe(200);
    expect((await setRoles('root', ['user'])).body.message).toBe('root is the last administrator');
    expect((await setRoles('nobody', ['user'])).status).toBe(404);
  });

  test.each([
    ['GET', '/identities'],
    ['PUT', '/identities/thandi/roles'],
    ['POST', '/keys/rotate'],
    ['GET', '/secrets'],
    ['PUT', '/secrets/db'],
    ['DELETE', '/secrets/db'],
  ])('alone may %s %s', async (method, path) => {
    const { organ } = await start();
    const token = await signUp(organ, 'thandi');
    expect((await organ.request(path, { method })).status).toBe(401);
    expect((await organ.request(path, { method, headers: bearer(token) })).status).toBe(403);
  });
});

describe('secrets', () => {
  test('are kept sealed, and read by administrators and the roles they name', async () => {
    const started = await start();
    const { organ, folder } = started;
    const [root, thandi] = [await signUpAdmin(started), await signUp(organ, 'thandi')];
    const put = (name: string, json: unknown) =>
      organ.request(`/secrets/${name}`, { method: 'PUT', headers: bearer(root), body: JSON.stringify(json) });
    expect((await put('db', { value: 'hunter2-hunter2' })).body).toMatchObject({ version: 1, updatedBy: 'root' });
    await put('shared', { value: 'for users', readers: ['user'] });

    const get = (name: string, token: string) => organ.get(`/secrets/${name}`, bearer(token));
    expect((await get('db', root)).body.value).toBe('hunter2-hunter2');
    expect((await get('shared', thandi)).body.value).toBe('for users');
    expect((await get('db', thandi)).status).toBe(403);
    expect((await get('missing', thandi)).status).toBe(403);
    expect((await get('missing', root)).status).toBe(404);
    expect((await put('db', { value: 'another' })).body.version).toBe(2);

    const listed = JSON.stringify((await organ.get('/secrets', bearer(root))).body);
    expect(listed).not.toContain('another');
    const db = new Database(join(folder, 'aegis.db'));
    expect(JSON.stringify(db.prepare('SELECT * FROM secrets').all())).not.toContain('another');
    db.exec(`UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'shared') WHERE name = 'db'`);
    db.close();
    const swapped = await get('db', root);
    expect([swapped.status, swapped.body.error]).toEqual([503, 'unavailable']);

    expect((await organ.request('/secrets/db', { method: 'DELETE', headers: bearer(root) })).status).toBe(204);
    expect((await get('db', root)).status).toBe(404);
  });
});

describe('under attack', () => {
  const limits = { perUser: 10, perAddress: 30, windowSeconds: 60 };
  const fail = (organ: RunningOrgan, username: string, address: string) =>
    organ.post('/auth/login', { username, password: 'wrong horse' }, { 'x-forwarded-for': address });

  test('a guessed password is limited, seen, and degrades health; the user gets in from elsewhere', async () => {
    const { organ } = await start({ limits });
    await signUp(organ, 'thandi');
    const statuses = await Promise.all(Array.from({ length: 15 }, () => fail(organ, 'thandi', '10.0.0.1')));
    expect(statuses.map(({ status }) => status).sort()).toEqual([...Array(10).fill(401), ...Array(5).fill(429)]);

    const { body: threats } = await organ.get('/threats');
    expect(threats).toMatchObject({
      threatLevel: 'High',
      level: 3,
      findings: [{ id: 'aegis:guessing:thandi', severity: 'High' }],
    });
    expect(threats.findings[0].evidence).toContain('15 failed logins in 5 minutes, from 10.0.0.1');
    expect((await organ.get('/healthz')).body).toMatchObject({ status: 'warn', metrics: { threatLevel: 3 } });

    const right = { username: 'thandi', password: PASSWORD };
    expect((await organ.post('/auth/login', right, { 'x-forwarded-for': '10.0.0.1' })).status).toBe(429);
    expect((await organ.post('/auth/login', right, { 'x-forwarded-for': '10.0.0.2' })).status).toBe(200);
    const limited = await fetch(new URL('/auth/login', organ.url), {
      method: 'POST',
      headers: { 'x-forwarded-for': '10.0.0.1' },
      body: JSON.stringify(right),
    });
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('an address that tries many users is limited for all of them', async () => {
    const { organ } = await start({ limits: { ...limits, perAddress: 12 } });
    for (let user = 0; user < 12; user++) expect((await fail(organ, `user${user}`, '10.0.0.1')).status).toBe(401);
    expect((await fail(organ, 'user99', '10.0.0.1')).status).toBe(429);
    expect((await fail(organ, 'user99', '10.0.0.2')).status).toBe(401);
  });

  test('a login that succeeds forgives the failures before it', async () => {
    const { organ } = await start({ limits: { ...limits, perUser: 3 } });
    await signUp(organ, 'thandi');
    const right = { username: 'thandi', password: PASSWORD };
    for (const _ of [1, 2]) {
      for (const __ of [1, 2]) expect((await fail(organ, 'thandi', '127.0.0.1')).status).toBe(401);
      expect((await organ.post('/auth/login', right)).status).toBe(200);
    }
  });

  test('a restart forgives nothing, and without the shared state it counts by itself', async () => {
    const shared = await startOrgan(sharedState({ folder: temporaryFolder() }));
    const connect = () => connectState({ env: { STATE_URL: shared.url }, timeoutMs: 500 });
    const few = { ...limits, perUser: 3 };
    const { organ, folder } = await start({ limits: few, state: connect() });
    await signUp(organ, 'thandi');
    const right = { username: 'thandi', password: PASSWORD };
    const logIn = (at: RunningOrgan) => at.post('/auth/login', right, { 'x-forwarded-for': '10.0.0.1' });
    for (let i = 0; i < 3; i++) expect((await fail(organ, 'thandi', '10.0.0.1')).status).toBe(401);
    await organ.stop();

    const { organ: again } = await start({ folder, limits: few, state: connect() });
    expect((await logIn(again)).status).toBe(429);
    expect((await again.post('/auth/login', right, { 'x-forwarded-for': '10.0.0.2' })).status).toBe(200);
    const { keys } = (await shared.get('/keys?prefix=aegis')).body;
    expect(keys.length).toBeGreaterThan(0);
    expect(JSON.stringify(keys)).not.toMatch(/thandi|10\.0\.0\.1/);

    await shared.stop(0);
    expect((await again.post('/auth/login', right, { 'x-forwarded-for': '10.0.0.2' })).status).toBe(200);
    for (let i = 0; i < 3; i++) expect((await fail(again, 'thandi', '10.0.0.3')).status).toBe(401);
    expect((await fail(again, 'thandi', '10.0.0.3')).status).toBe(429);
  });

  test('logins that succeed are never limited, many at once neither', async () => {
    const { organ } = await start({ limits: { ...limits, perUser: 2, perAddress: 2 } });
    await signUp(organ, 'thandi');
    const right = { username: 'thandi', password: PASSWORD };
    const answers = await Promise.all(Array.from({ length: 8 }, () => organ.post('/auth/login', right)));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
  });
});

describe('a key store that cannot be read', () => {
  test.each<[string, (folder: string) => void, RegExp]>([
    ['is damaged', (folder) => writeFileSync(join(folder, 'signing-keys.json'), '{'), /is not a key store/],
    ['is gone', (folder) => rmSync(join(folder, 'signing-keys.json')), /is missing/],
  ])('fails the health check when it %s, and recovers', async (_, spoil, reason) => {
    const { organ, folder } = await start();
    const path = join(folder, 'signing-keys.json');
    const kept = readFileSync(path);
    expect((await organ.get('/healthz')).body.status).toBe('pass');
    spoil(folder);
    const { status, body } = await organ.get('/healthz');
    expect([status, body.status]).toEqual([503, 'fail']);
    expect(body.reason).toMatch(reason);
    expect((await organ.post('/auth/signup', { username: 'thandi', password: PASSWORD })).status).toBe(503);
    writeFileSync(path, kept);
    expect((await organ.get('/healthz')).body.status).toBe('pass');
    await signUp(organ, 'thandi');
  });

  test('is not made anew when the master key is lost', async () => {
    const { organ, folder } = await start();
    await organ.stop();
    rmSync(join(folder, 'master.key'));
    const { organ: again } = await start({ folder });
    expect((await again.get('/healthz')).body).toMatchObject({
      status: 'fail',
      reason: expect.stringContaining('is missing'),
    });
    expect(existsSync(join(folder, 'master.key'))).toBe(false);
  });
});
