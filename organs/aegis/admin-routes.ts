import { Hono } from 'hono';
import { readBody, readParams } from '../kit/index.ts';
import type { Parts } from './organ.ts';
import { RolesChange, SecretParam, SecretValue, UsernameParam } from './requests.ts';

/** What administrators do; a secret may be read by the roles that it names too. */
export function adminRoutes({ identities, keys, callers, secrets }: Parts): Hono {
  return new Hono()
    .get('/identities', async (c) => {
      await callers.authorize(c);
      return c.json(identities.all());
    })
    .put('/identities/:username/roles', async (c) => {
      await callers.authorize(c);
      const { username } = readParams(c, UsernameParam);
      const { roles } = await readBody(c, RolesChange);
      return c.json(identities.setRoles(username, roles));
    })
    .post('/keys/rotate', async (c) => {
      await callers.authorize(c);
      return c.json({ kid: keys.rotate(), keys: keys.jwks().keys.length });
    })
    .get('/secrets', async (c) => {
      await callers.authorize(c);
      return c.json(secrets.list());
    })
    .get('/secrets/:name', async (c) => {
      const { name } = readParams(c, SecretParam);
      // A stranger learns nothing of which secrets exist: without one, nobody but an administrator may read it.
      const readers = secrets.list().find((secret) => secret.name === name)?.readers ?? [];
      await callers.authorize(c, ...readers);
      return c.json({ ...secrets.info(name), value: secrets.read(name) });
    })
    .put('/secrets/:name', async (c) => {
      const { username } = await callers.authorize(c);
      const { name } = readParams(c, SecretParam);
      const { value, readers } = await readBody(c, SecretValue);
      return c.json(secrets.write(name, value, readers, username));
    })
    .delete('/secrets/:name', async (c) => {
      await callers.authorize(c);
      secrets.remove(readParams(c, SecretParam).name);
      return c.body(null, 204);
    });
}
