import { describe, expect, test } from 'vitest';
import { aegis } from '../aegis/organ.ts';
import { Client } from '../kit/index.ts';
import { startOrgan, temporaryFolder } from '../kit/testing.ts';
import { userService } from './organ.ts';

async function system() {
  const clock = { ahead: 0 };
  const guard = await startOrgan(aegis({ folder: temporaryFolder(), now: () => Date.now() + clock.ahead }));
  const client = new Client({ env: { AEGIS_URL: guard.url } });
  const users = await startOrgan(userService({ folder: temporaryFolder(), client }));
  const signUp = async (username: string) => {
    const { body } = await guard.post('/auth/signup', { username, password: 'a long password' });
    return { id: body.id as string, headers: { authorization: `Bearer ${body.token}` }, token: body.token as string };
  };
  const patch = (json: unknown, headers: Record<string, string>) =>
    users.request('/me', {
      method: 'PATCH',
      body: JSON.stringify(json),
      headers: { 'content-type': 'application/json', ...headers },
    });
  return { clock, guard, users, signUp, patch };
}

describe('an account', () => {
  test('is opened with the first visit of an identity, changed, and deleted', async () => {
    const { users, signUp, patch } = await system();
    const { id, headers } = await signUp('rosa');
    const { body: first } = await users.get('/me', headers);
    expect(first).toMatchObject({ id, username: 'rosa', displayName: 'rosa', email: null, isPublic: false });
    const change = {
      displayName: 'Rosa P.',
      email: 'rosa@example.org',
      locale: 'en-ZA',
      preferences: { theme: 'dark' },
    };
    expect((await patch(change, headers)).body).toMatchObject({ id, about: '', ...change });
    expect((await patch({ email: null }, headers)).body).toMatchObject({ displayName: 'Rosa P.', email: null });
    expect((await users.request('/me', { method: 'DELETE', headers })).status).toBe(204);
    expect((await users.request('/me', { method: 'DELETE', headers })).status).toBe(404);
    expect((await users.get('/me', headers)).body.displayName).toBe('rosa');
  });

  test('is seen by others as far as its owner says', async () => {
    const { users, signUp, patch } = await system();
    const [ann, ben] = [await signUp('ann'), await signUp('ben')];
    await users.get('/me', ann.headers);
    expect((await users.get(`/${ann.id}`, ben.headers)).status).toBe(404);
    await patch({ isPublic: true, about: 'hello', email: 'ann@example.org' }, ann.headers);
    expect((await users.get(`/${ann.id}`, ben.headers)).body).toEqual({
      id: ann.id,
      displayName: 'ann',
      about: 'hello',
    });
    expect((await users.get('/', ben.headers)).status).toBe(403);
    expect(await patch({ email: 'ANN@example.org' }, ben.headers)).toMatchObject({ status: 409 });
  });

  test.each([
    [{ displayName: '' }, /displayName/],
    [{ displayName: 'a\u202eb' }, /control characters/],
    [{ email: 'nobody' }, /email/],
    [{ locale: 'no language' }, /language tag/],
    [{ isPublic: 'yes' }, /isPublic/],
    [{ username: 'root' }, /username/],
    [{ preferences: { 'a b': 'x' } }, /preferences/],
    [{}, /nothing to change/],
    [[], /object/],
  ])('takes no %j', async (change, message) => {
    const { signUp, patch } = await system();
    expect(await patch(change, (await signUp('rosa')).headers)).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(message) },
    });
  });
});

describe('without a good token', () => {
  test('there is no account: missing, forged or withdrawn is 401', async () => {
    const { clock, guard, users, signUp } = await system();
    expect((await users.get('/me')).status).toBe(401);
    expect((await users.get('/me', { authorization: 'Bearer forged' })).status).toBe(401);
    const { headers } = await signUp('rosa');
    clock.ahead = 2000; // a token of an earlier second than the change
    const changed = await guard.post(
      '/auth/password',
      { password: 'a long password', newPassword: 'another password' },
      headers,
    );
    expect(changed.status).toBe(200);
    expect((await users.get('/me', headers)).status).toBe(401);
  });

  test('and without aegis nobody is known: 503, and health fails', async () => {
    const { guard, users, signUp } = await system();
    const { headers } = await signUp('rosa');
    expect((await users.get('/healthz')).body).toMatchObject({ status: 'pass', metrics: { accounts: 0 } });
    await guard.stop(0);
    expect((await users.get('/me', headers)).status).toBe(503);
    expect(await users.get('/healthz')).toMatchObject({
      status: 503,
      body: { status: 'fail', reason: expect.stringMatching(/aegis is gone/) },
    });
  });
});
