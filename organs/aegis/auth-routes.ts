import { Hono } from 'hono';
import { Conflict, Forbidden, readBody, TooManyRequests, Unauthorized } from '../kit/index.ts';
import { addressOf, bearerOf } from './callers.ts';
import { ADMIN, type Identity } from './identities.ts';
import { TooManyLogins } from './login-limit.ts';
import type { Parts } from './organ.ts';
import { hashPassword, isPassword } from './passwords.ts';
import { LoginRequest, PasswordChange, SignupRequest, VerifyRequest } from './requests.ts';

/** Signing up, logging in, and what a token is worth. */
export function authRoutes(parts: Parts): Hono {
  const { identities, keys, tokens, callers, vigil, loginLimit, firstAdmin, outbox, together } = parts;

  const granted = async ({ id, username, roles }: Identity) => {
    return { ...(await tokens.issue({ id, username, roles })), id, username, roles };
  };

  /** The identity when the password is right, else null; the vigil is told either way. */
  const logIn = async (username: string, password: string, address: string): Promise<Identity | null> => {
    const correct = await isPassword(password, identities.passwordHash(username));
    const identity = correct ? identities.find(username) : null;
    const admin = identity?.roles.includes(ADMIN) ?? false;
    vigil.record({ kind: identity ? 'login' : 'login-failed', username, address, admin });
    return identity;
  };

  /** As `logIn`, within the limit of failures. Throws Unauthorized, TooManyLogins. */
  const limitedLogIn = async (username: string, password: string, address: string): Promise<Identity> => {
    try {
      const identity = await loginLimit.run(username, address, () => logIn(username, password, address));
      if (!identity) throw new Unauthorized('the user name or the password is wrong');
      return identity;
    } catch (error) {
      if (error instanceof TooManyRequests) vigil.record({ kind: 'login-refused', username, address, admin: false });
      throw error;
    }
  };

  const app = new Hono();
  for (const path of ['/signup', '/login', '/verify', '/refresh', '/password']) {
    app.use(path, async (_, next) => {
      vigil.countRequest();
      await next();
    });
  }

  app.post('/signup', async (c) => {
    const { username, password, adminCode } = await readBody(c, SignupRequest);
    const address = addressOf(c);
    if (adminCode !== undefined && !firstAdmin.isCode(adminCode)) {
      vigil.record({ kind: 'access-denied', username, address, admin: false });
      throw new Forbidden('the code for the first administrator is wrong or was used');
    }
    if (identities.find(username)) throw new Conflict(`the user name ${username} is taken`);
    keys.signing(); // without a key there would be an identity, but no token to answer with
    const hash = await hashPassword(password);
    // Asked once more: another may have used the code while the password was hashed.
    const becomesAdmin = adminCode !== undefined && firstAdmin.isCode(adminCode);
    const identity = together(() => {
      const added = identities.add(username, hash, becomesAdmin ? ['user', ADMIN] : ['user']);
      outbox.add('identity-created', { id: added.id, roles: added.roles }, { key: added.id });
      return added;
    });
    if (becomesAdmin) firstAdmin.withdraw();
    vigil.record({ kind: 'signup', username, address, admin: becomesAdmin });
    return c.json(await granted(identity), 201);
  });

  app.post('/login', async (c) => {
    const { username, password } = await readBody(c, LoginRequest);
    try {
      return c.json(await granted(await limitedLogIn(username, password, addressOf(c))));
    } catch (error) {
      if (!(error instanceof TooManyLogins)) throw error;
      const { code, message, retryAfterSeconds } = error;
      return c.json({ error: code, message }, 429, { 'retry-after': String(retryAfterSeconds) });
    }
  });

  app.post('/verify', async (c) => {
    const { token = bearerOf(c) } = await readBody(c, VerifyRequest);
    if (!token) throw new Unauthorized('a token is needed, in the body or as Authorization: Bearer …');
    const { identity, expires } = await callers.behind(token, addressOf(c));
    const { id, username, roles } = identity;
    return c.json({ valid: true, subject: id, username, roles, expiresAt: new Date(expires * 1000).toISOString() });
  });

  app.post('/refresh', async (c) => c.json(await granted((await callers.authenticate(c)).identity)));

  app.post('/password', async (c) => {
    const { identity } = await callers.authenticate(c);
    const { password, newPassword } = await readBody(c, PasswordChange);
    await limitedLogIn(identity.username, password, addressOf(c));
    const hash = await hashPassword(newPassword);
    together(() => {
      identities.setPassword(identity.username, hash);
      outbox.add('password-changed', { id: identity.id }, { key: identity.id });
    });
    return c.json(await granted(identity));
  });

  return app;
}
