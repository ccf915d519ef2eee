import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { expect, test } from 'vitest';
import type { SystemEvent } from '../../src/core/events.ts';
import { quiet } from './rig/organs.ts';
import { rig, type System } from './rig.ts';

const json = (system: System, name: string) => JSON.parse(readFileSync(system.path(name), 'utf8')) as SystemEvent;

/** Answers each request with the next of these, the last of them for ever. */
async function receiver(statuses: number[]): Promise<{ url: string; bodies: string[]; server: Server }> {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      bodies.push(body);
      response.writeHead(statuses.length > 1 ? statuses.shift()! : statuses[0]!).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}/hook?key=1234567`, bodies, server };
}

test('a command gets the event on stdin and its type in $AZORA_EVENT; a webhook gets it as JSON, and is tried again', async () => {
  const { url, bodies, server } = await receiver([500, 200]);
  await using system = await rig.system({
    yaml: {
      registry: false,
      hooks: {
        'system-ready': ['cat > ready.json; echo "$AZORA_EVENT" > type.txt', url],
        'system-stopped': 'cat > stopped.json',
      },
      organs: { web: quiet() },
    },
  });
  await system.expect(0, ['up', '-d']);
  await expect.poll(() => existsSync(system.path('type.txt'))).toBe(true);
  expect(json(system, 'ready.json')).toMatchObject({ type: 'system-ready', organ: null });
  await expect.poll(() => readFileSync(system.path('type.txt'), 'utf8')).toBe('system-ready\n');
  await expect.poll(() => bodies.length, { timeout: 5000 }).toBe(2);
  expect(JSON.parse(bodies[1]!)).toEqual(json(system, 'ready.json'));
  // The last event of all has its hook too, and `down` waits for it.
  await system.expect(0, ['down']);
  expect(json(system, 'stopped.json').type).toBe('system-stopped');
  const { stdout } = await system.expect(0, ['events', '--type', 'warning']);
  expect(stdout).toBe('');
  server.close();
});

test('a hook that fails, hangs or cannot be reached is a warning, and holds nobody up', async () => {
  const { url, server } = await receiver([503]);
  await using system = await rig.system({
    yaml: {
      hooks: {
        'system-ready': ['echo no such channel >&2; exit 4', url],
        warning: 'exit 1',
        'organ-ready': 'sleep 1000',
      },
      organs: { web: quiet() },
    },
  });
  const { durationMs } = await system.expect(0, ['up', '-d']);
  expect(durationMs).toBeLessThan(8_000);
  const failed = await system.waitForEvent(
    ({ type, message }) => type === 'warning' && message.includes('exited with code 4'),
  );
  expect(failed.message).toMatch(
    /^the hook echo no such channel .* failed: exited with code 4: no such channel \(tried 3 times\)$/,
  );
  const hooked = await system.waitForEvent(({ type, message }) => type === 'warning' && message.includes('503'));
  expect(hooked.message).not.toContain('1234567');
  // The warnings' own hook fails as well, which is no news for itself.
  expect(system.events.filter(({ type }) => type === 'warning').length).toBeLessThanOrEqual(4);
  await system.expect(0, ['down']);
  await system.expectNothingLeft();
  server.close();
});

test("an organ's own: pre_start before it, post_ready after, pre_stop before the signal, post_exit at the end", async () => {
  const note = (word: string) => `echo ${word} >> story.txt`;
  const organ = {
    command: `trap 'echo signalled >> story.txt; exit 0' TERM; ${note('runs')}; echo ready; while :; do sleep 0.05; done`,
    health: { log: '^ready$' },
    hooks: {
      pre_start: note('pre_start'),
      post_ready: note('post_ready'),
      pre_stop: `sleep 0.2; ${note('pre_stop')}`,
      post_exit: note('post_exit'),
    },
  };
  await using system = await rig.system({ yaml: { organs: { web: organ } } });
  const story = () =>
    existsSync(system.path('story.txt')) ? readFileSync(system.path('story.txt'), 'utf8').trim().split('\n') : [];
  await system.expect(0, ['up', '-d']);
  await expect.poll(story).toEqual(['pre_start', 'runs', 'post_ready']);
  await system.expect(0, ['down']);
  expect(story()).toEqual(['pre_start', 'runs', 'post_ready', 'pre_stop', 'signalled', 'post_exit']);
});

test('a pre_start that fails is a failed start, by the restart policy; the organ never runs', async () => {
  const organ = {
    command: 'touch ran; sleep 1000',
    hooks: { pre_start: 'echo no migration possible >&2; exit 9' },
    restart: { delay: '10ms', limit: 2 },
  };
  await using system = await rig.system({ yaml: { organs: { web: organ } } });
  await system.expect(1, ['up', '-d']);
  const web = await system.instance('web');
  expect(web).toMatchObject({ state: 'failed', restarts: 2 });
  expect(web.reason).toContain('pre_start exited with code 9: no migration possible');
  expect(existsSync(system.path('ran'))).toBe(false);
  const { stdout } = await system.expect(0, ['why', 'web']);
  expect(stdout.split('\n')[0]).toMatch(
    /^web is failed: pre_start exited with code 9: no migration possible, 3 times in/,
  );
});

test('a pre_start that hangs ends with the start, or with the wish for it; a pre_stop that hangs, with stop.timeout', async () => {
  await using system = await rig.system({
    yaml: {
      organs: {
        slow: {
          command: 'sleep 1000',
          hooks: { pre_start: 'sleep 1000' },
          health: { start_timeout: '300ms', log: 'x' },
          restart: 'never',
        },
        other: { command: 'sleep 1000', hooks: { pre_start: 'sleep 1000' } },
        web: quiet({ hooks: { pre_stop: 'sleep 1000' }, stop: { timeout: '300ms' } }),
      },
    },
  });
  await system.run(['up', '-d', '--wait-timeout', '2s']);
  const { organs } = await system.waitFor((status) => status.organs[0]!.state === 'failed');
  expect(organs[0]!.reason).toMatch(/pre_start timed out after 300 ms|not ready within 300 ms|did not answer in time/);
  const { durationMs } = await system.expect(0, ['down']);
  expect(durationMs).toBeLessThan(5_000);
  await system.expectNothingLeft();
});
