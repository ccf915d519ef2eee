import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { isFree } from '../../src/supervisor/endpoints.ts';

test('a port is taken when somebody listens there, and not when it only cannot be tried', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  expect(await isFree(port)).toBe(false);
  // 192.0.2.0/24 is for documentation: no machine has an address of it.
  expect(await isFree(port, '192.0.2.1')).toBe(true);
  server.close();
  await once(server, 'close');
  expect(await isFree(port)).toBe(true);
});
