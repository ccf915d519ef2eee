import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { History } from '../e2e/rig/history.ts';
import { quiet } from '../e2e/rig/organs.ts';
import { rig, type System } from '../e2e/rig.ts';

/** Serves HTTP, and is asked for its health every 100 ms. */
const web = (health: object = {}) =>
  rig.puppet({ ports: { http: 'auto' }, health: { http: '/healthz', interval: '100ms', ...health } }, ['--listen']);

test('an organ that is ill now and well then: Degraded and Healthy in turns, never restarted', async () => {
  await using system = await rig.system({ yaml: { organs: { web: web({ failures: 3 }) } } });
  await system.expect(0, ['up', '-d']);
  const { pid } = await system.instance('web');
  for (let n = 0; n < 5; n++) {
    await system.puppet('web').order({ health: { status: 500, times: 1 } });
    await system.waitForEvent(() => levels(system).filter((level) => level === 'Degraded').length > n);
    await system.waitForEvent(() => levels(system).filter((level) => level === 'Healthy').length > n + 1);
  }
  expect(await system.instance('web')).toMatchObject({ state: 'ready', pid, restarts: 0 });
  expect(levels(system)).toEqual(['Healthy', ...Array.from({ length: 5 }, () => ['Degraded', 'Healthy']).flat()]);
});

const levels = (system: System): unknown[] =>
  new History(system.events).of('web').flatMap(({ type, data }) => (type === 'health-changed' ? [data.to] : []));

describe.skipIf(process.platform !== 'linux')('a stranger on an organ’s port', () => {
  const listen = (port: number): Promise<Server & AsyncDisposable> =>
    new Promise((resolve, reject) => {
      const server = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve(server as Server & AsyncDisposable));
    });

  test('who answers in its place is found out, with its pid', async () => {
    await using system = await rig.system({
      yaml: { security: { interval: '300ms' }, organs: { web: quiet({ ports: { http: 'auto' } }) } },
    });
    await system.expect(0, ['up', '-d']);
    const { ports } = await system.instance('web');
    await using _stranger = await listen(ports.http!);
    const { message } = await system.waitForEvent(
      ({ type, message }) => type === 'security-alert' && message.includes('somebody else answers'),
    );
    expect(message).toContain(`on port ${ports.http} of web somebody else answers (pid ${process.pid}`);
  });

  test('who takes it between two lives is named, and not taken for the organ', async () => {
    const organ = quiet({ ports: { http: 'auto' }, health: { http: '/' } });
    await using system = await rig.system({ yaml: { organs: { web: { ...organ, ...web() } } } });
    await system.expect(0, ['up', '-d']);
    const { ports } = await system.instance('web');
    await system.expect(0, ['stop', 'web']);
    const stranger = await listen(ports.http!);
    const start = await system.run(['start', 'web']);
    expect(start.code).toBe(1);
    expect(await system.instance('web')).toMatchObject({
      state: 'failed',
      pid: null,
      reason: expect.stringContaining(`port ${ports.http} is in use by pid ${process.pid}`),
    });
    await stranger[Symbol.asyncDispose]();
    await system.expect(0, ['start', 'web']);
    expect(await system.instance('web')).toMatchObject({ state: 'ready', ports });
  });
});

describe('a name server that never answers', () => {
  /** A network of its own with a deaf name server; null where it cannot be had. Ends with the process that is answered. */
  async function deafNetwork(system: System): Promise<ChildProcess | null> {
    system.write('resolv.conf', 'nameserver 127.0.0.1\n');
    const script = `ip link set lo up && mount --bind "$0" /etc/resolv.conf && exec "$1" "$2"`;
    const holder = spawn(
      'unshare',
      [
        ...['--user', '--map-root-user', '--mount', '--net', 'sh', '-c', script],
        ...[system.path('resolv.conf'), rig.node, rig.program('deaf-name-server.mjs')],
      ],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const [first] = await Promise.race([once(holder.stdout!, 'data'), once(holder, 'exit'), once(holder, 'error')]);
    return Buffer.isBuffer(first) ? holder : null;
  }

  test('keeps nobody waiting: not the commands, not the other organs, not the end, not the next boot', async (context) => {
    const lost = quiet({
      health: { http: 'http://nobody-knows.example/', interval: '200ms', timeout: '300ms', start_timeout: '1s' },
      restart: 'never',
    });
    await using system = await rig.system({ yaml: { organs: { lost, second: lost, web: quiet() } } });
    const holder = await deafNetwork(system);
    if (holder === null) return context.skip('no network of its own can be had here');
    try {
      const enter = [
        'nsenter',
        '-t',
        String(holder.pid),
        '--user',
        '--preserve-credentials',
        '--mount',
        '--net',
        `--wd=${system.folder}`,
        '--',
      ];
      const azora = join(import.meta.dirname, '../../bin/azora');
      system.write('azora-there', `#!/bin/sh\nexec ${[...enter, azora].join(' ')} "$@"\n`);
      const program = system.path('azora-there');
      for (let boot = 0; boot < 2; boot++) {
        await system.expect(1, ['up', '-d'], { program });
        const { organs } = await system.status();
        expect(organs[0]).toMatchObject({
          state: 'failed',
          reason: expect.stringMatching(/not ready within 1.0 s: timed out .*while connecting/),
        });
        expect(organs[2]).toMatchObject({ state: 'ready' });
        await system.expect(0, ['down'], { program });
        await system.expectNothingLeft();
      }
    } finally {
      holder.kill('SIGKILL');
    }
  });
});
