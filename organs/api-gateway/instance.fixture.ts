/** One instance as a process of its own: `node instance.fixture.ts <port>`. */
import { Hono } from 'hono';
import { serve } from '../kit/index.ts';

const app = new Hono().get('/work', async (c) => {
  await new Promise((resolve) => setTimeout(resolve, 2)); // so that there are always some under way
  return c.json({ pid: process.pid });
});
await serve({ name: 'work', app, health: () => ({ status: 'pass' }) });
