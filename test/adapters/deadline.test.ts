import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { deadline } from '../../src/adapters/deadline.ts';
import { openSocket } from '../../src/cli/connect.ts';

test('what arrived while this process stood still counts as arrived in time', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const story: string[] = [];
  server.once('connection', () => story.push('arrived'));
  const passed = new Promise<void>((resolve) => {
    deadline(20, () => {
      story.push('passed');
      resolve();
    });
  });
  const { connect } = await import('node:net');
  const client = connect((server.address() as { port: number }).port, '127.0.0.1');
  for (const until = performance.now() + 60; performance.now() < until; ); // stands still
  await passed;
  expect(story).toEqual(['arrived', 'passed']);
  client.destroy();
  server.close();
});

test('one that is called off never passes', async () => {
  let passed = false;
  const callOff = deadline(1, () => {
    passed = true;
  });
  callOff();
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(passed).toBe(false);
});

test('nobody listens at a path: null at once', async () => {
  expect(await openSocket('/nonexistent/azora.sock')).toBeNull();
});
