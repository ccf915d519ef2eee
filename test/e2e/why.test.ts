import { createServer } from 'node:net';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { quiet } from './rig/organs.ts';
import { rig, type System } from './rig.ts';

/** `azora why` names the cause in its first line: twelve prepared failures, live and after the fact. */

const fast = { restart: { delay: '20ms', limit: 3, jitter: 0 } };
const once = { restart: 'never' };
const serves = (more: object) => rig.puppet({ ports: { http: 'auto' }, ...more }, ['--listen']);

/** The port of a stranger, for as long as the block lasts. */
async function stranger(): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

async function firstLine(system: System, organ: string): Promise<string> {
  const { stdout } = await system.expect(0, ['why', organ]);
  return stdout.split('\n')[0]!;
}

interface Prepared {
  readonly name: string;
  readonly organs: Record<string, object>;
  /** What has to happen after `up -d` has returned. */
  readonly meanwhile?: (system: System) => Promise<unknown>;
  readonly says: RegExp;
  readonly next: RegExp;
}

const failed = (system: System) => system.waitFor(({ organs }) => organs.some(({ state }) => state === 'failed'));

const PREPARED: readonly Prepared[] = [
  {
    name: 'missing binary',
    organs: { web: { command: 'no-such-program --serve' } },
    says: /^web is failed: .*no-such-program.*not found/,
    next: /azora start web/,
  },
  {
    name: 'wrong cwd',
    organs: { web: { command: 'sleep 1000', cwd: 'nowhere' } },
    says: /^web is failed: cwd .*nowhere: no such folder/,
    next: /azora start web/,
  },
  {
    name: 'never ready',
    organs: {
      web: { command: 'sleep 1000', ...once, ports: { http: 'auto' }, health: { http: '/', start_timeout: '300ms' } },
    },
    says: /^web is failed: not ready within 300 ms: connection to .* refused: nothing listens there/,
    next: /azora logs web/,
  },
  {
    name: 'wrong status',
    organs: { web: serves({ ...once, health: { http: '/healthz', start_timeout: '1s', expect: { status: 204 } } }) },
    says: /^web is failed: not ready within 1.0 s: .*status 200, expected 204/,
    next: /azora logs web/,
  },
  {
    name: 'wrong JSON',
    organs: {
      web: serves({ ...once, health: { http: '/healthz', start_timeout: '1s', expect: { json: { status: 'fine' } } } }),
    },
    says: /^web is failed: not ready within 1.0 s: .*status.*"pass".*"fine"/,
    next: /azora logs web/,
  },
  {
    name: 'SIGKILL by a stranger',
    organs: { web: rig.puppet({ ...once }) },
    meanwhile: async (system) => {
      process.kill(await system.puppet('web').connected(), 'SIGKILL');
      await failed(system);
    },
    says: /^web is failed: was killed by SIGKILL, not sent by azora/,
    next: /azora start web/,
  },
  {
    name: 'out of memory',
    organs: {
      web: {
        command: [rig.node, '-e', 'globalThis.held = Buffer.alloc(200 << 20, 1); setInterval(() => {}, 1e6)'],
        ...once,
        resources: { memory: '96Mi' },
      },
    },
    meanwhile: failed,
    // Found out by azora, or by the kernel where that holds the limit.
    says: /^web is failed: (was killed by the kernel: )?it use(s|d) .*more(?: memory)? than its 96 MiB/,
    next: /azora start web/,
  },
  {
    name: 'dependency failed',
    organs: {
      covenant: { command: 'echo "chain is broken"; exit 3', ...fast, health: { log: '^ready$' } },
      ledger: quiet({ depends_on: ['covenant'] }),
      mint: quiet({ depends_on: { ledger: { condition: 'healthy' }, covenant: { condition: 'started' } } }),
    },
    says: /^ledger is waiting ← covenant is failed: exited with code 3 before it was ready, 4 times in .*; the limit of 3 restarts within 10 min is reached$/,
    next: /azora logs covenant .* azora start covenant/,
  },
  {
    name: 'crash loop',
    organs: { web: { command: 'exit 7', restart: { delay: '20ms', max_delay: '20ms', limit: 1000 } } },
    meanwhile: (system) => system.waitFor(({ organs }) => organs[0]!.restarts >= 5),
    says: /^web is (in backoff|starting|stopping): crash loop: exited with code 7 before it was ready, \d+ times in/,
    next: /azora logs -f web/,
  },
  {
    name: 'verify failed',
    organs: {
      web: serves({
        ...once,
        health: { http: '/healthz' },
        verify: [{ name: 'mines a block', http: { path: '/mine' }, expect: { status: 201 } }],
      }),
    },
    says: /^web is failed: verify "mines a block" failed: status 200, expected 201/,
    next: /azora logs web/,
  },
  {
    name: 'stopped by user',
    organs: { web: quiet(), app: quiet({ depends_on: ['web'] }) },
    meanwhile: (system) => system.expect(0, ['stop', 'web']),
    says: /^web is stopped: stopped by a user at \d\d:\d\d:\d\d$/,
    next: /azora start web/,
  },
];

/** The same, told of what is over. */
const past = (says: RegExp): RegExp =>
  new RegExp(says.source.replace(/(\w+) is (failed|waiting|stopped|\()/g, '$1 was $2'));

describe('its first line names the cause', () => {
  test.each(PREPARED)('$name', async ({ organs, meanwhile, says, next }) => {
    const { covenant } = organs;
    await using system = await rig.system({ yaml: { organs } });
    await system.run(['up', '-d', '--wait-timeout', '5s']);
    await meanwhile?.(system);
    const organ = covenant ? 'ledger' : 'web';
    // A crash loop is now in one state, now in the other.
    await expect.poll(() => firstLine(system, organ), { timeout: 5000 }).toMatch(says);
    const { stdout } = await system.expect(0, ['why', organ]);
    expect(stdout).toMatch(new RegExp(`Next: .*${next.source}`));

    await system.expect(0, ['down']);
    const after = await firstLine(system, organ);
    expect(after).toMatch(past(says));
    const { stdout: later } = await system.expect(0, ['why', organ]);
    expect(later).toMatch(/Nothing is running: .* was stopped at .* \(azora down\)/);
  });

  test('port taken, and by whom', async () => {
    await using other = await stranger();
    const organ = serves({ ports: { http: other.port }, health: { http: '/healthz' } });
    await using system = await rig.system({ yaml: { organs: { web: organ } } });
    await system.run(['up', '-d']);
    const line = await firstLine(system, 'web');
    expect(line).toContain(`web is failed: port ${other.port} is in use`);
    if (process.platform === 'linux') expect(line).toContain(`by pid ${process.pid}`);
  });

  test('profile not active, with nothing running and live', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet(), debug: quiet({ profiles: ['dev'] }) } } });
    const expected = 'debug is stopped: it belongs to profile dev, and active is none';
    expect(await firstLine(system, 'debug')).toBe(expected);
    await system.expect(0, ['up', '-d']);
    expect(await firstLine(system, 'debug')).toBe(expected);
    const { stdout } = await system.expect(0, ['why', 'debug']);
    expect(stdout).toContain('Next: azora up --profile dev debug');
  });
});

describe('the answer', () => {
  test('on a dependent that is sick through others names the root and what its probe said', async () => {
    const health = { http: '/healthz', interval: '100ms', restart: false, failures: 1 };
    await using system = await rig.system({
      yaml: {
        organs: {
          db: serves({ health }),
          api: quiet({ depends_on: ['db'] }),
          web: quiet({ depends_on: ['api'] }),
        },
      },
    });
    await system.expect(0, ['up', '-d']);
    await system.puppet('db').order({ say: 'the disk is full' });
    await system.puppet('db').order({ health: { status: 500, body: 'no space left' } });
    await system.waitFor(({ organs }) => organs.every(({ health }) => health !== 'Healthy'));
    expect(await firstLine(system, 'web')).toMatch(
      /^web is Degraded ← api is Degraded ← db is Critical: (\d checks in a row failed: )?status 500, expected 200-299: no space left$/,
    );
    const { stdout } = await system.expect(0, ['why', 'web', '--json']);
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({ version: 1, organ: 'web', running: true, next: 'azora logs -f db' });
    expect(answer.causes.map(({ instance }: { instance: string }) => instance)).toEqual(['web', 'api', 'db']);
    expect(answer.lastLines).toContain('the disk is full');
    expect(answer.events.at(-1)).toMatchObject({ type: 'health-changed', instance: 'db' });
  });

  test('names the change of the file since which it has not been well', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet(), app: quiet({ depends_on: ['web'] }) } } });
    await system.expect(0, ['up', '-d']);
    await system.expect(0, ['down']);
    const broken = { command: 'exit 3', ...fast, health: { log: '^ready$' } };
    system.write(
      'azora.yaml',
      JSON.stringify({ version: 1, organs: { web: broken, app: quiet({ depends_on: ['web'] }) } }),
    );
    await system.run(['up', '-d']);
    expect(await firstLine(system, 'app')).toMatch(
      /^app is waiting ← web is failed: exited with code 3 .* ← since azora.yaml changed at \d\d:\d\d:\d\d \(command, restart\)$/,
    );
  });

  test('of what is well says since when, and what was wrong before', async () => {
    await using system = await rig.system({ yaml: { organs: { web: rig.puppet(fast) } } });
    await system.run(['up', '-d']);
    process.kill(await system.puppet('web').connected(), 'SIGKILL');
    await system.puppet('web').connected(2);
    await system.waitFor(({ organs }) => organs[0]!.state === 'ready');
    expect(await firstLine(system, 'web')).toMatch(
      /^web is ready and Healthy: since .*; restarted once, at .*: was killed by SIGKILL, not sent by azora/,
    );
  });

  test('an organ that there is not: 2, and what was probably meant', async () => {
    await using system = await rig.system({ yaml: { organs: { covenant: quiet() } } });
    const { stderr } = await system.expect(2, ['why', 'covenan']);
    expect(stderr).toContain('covenant');
  });
});

test('with a record that cannot be read it answers from the supervisor and the file, and says so', async () => {
  const covenant = { command: 'exit 3', ...fast, health: { log: '^ready$' } };
  await using system = await rig.system({ yaml: { organs: { covenant, mint: quiet({ depends_on: ['covenant'] }) } } });
  await system.run(['up', '-d']);
  const database = new Database(system.state.database);
  database.pragma('user_version = 99'); // as a newer azora would leave it
  database.close();
  const { stdout, stderr } = await system.expect(0, ['why', 'mint']);
  expect(stdout.split('\n')[0]).toMatch(/^mint is waiting ← covenant is failed: exited with code 3 .*4 times in/);
  expect(stderr).toMatch(/written by .*azora/);
});

test('after an emergency it names what led to it, and the way out', async () => {
  await using system = await rig.system({
    yaml: {
      organs: { vault: rig.puppet({ critical: true, restart: 'never' }), web: quiet({ depends_on: ['vault'] }) },
    },
  });
  await system.expect(0, ['up', '-d']);
  await system.waitForEvent(({ type }) => type === 'system-ready'); // listens from here on: what follows takes some milliseconds
  await system.puppet('vault').order({ exit: 9 });
  await system.waitForEvent(({ type }) => type === 'system-stopped');
  await expect
    .poll(() => firstLine(system, 'web'))
    .toMatch(/^web was .* ← emergency shutdown of .*: critical organ vault failed: exited with code 9/);
  expect(await firstLine(system, 'vault')).toBe('vault was failed: exited with code 9');
  const { stdout } = await system.expect(0, ['why', 'web']);
  expect(stdout).toMatch(/was shut down in an emergency at/);
  expect(stdout).toMatch(/Next: azora emergency --clear/);
});

test('after an emergency, of what waited before it: for whom, and why that never came', async () => {
  const db = { command: 'echo no licence; exit 3', ...once, health: { log: '^ready$' } };
  const slow = { command: 'sleep 1000', health: { log: '^never$' } };
  await using system = await rig.system({
    yaml: {
      organs: { db, slow, web: quiet({ depends_on: ['db'] }), app: quiet({ depends_on: ['slow'] }), well: quiet() },
    },
  });
  await system.run(['up', '-d', '--wait-timeout', '1s']);
  expect(await firstLine(system, 'web')).toMatch(/^web is waiting ← db is failed: exited with code 3/);
  await system.expect(0, ['emergency', 'a', 'fire']);
  expect(await firstLine(system, 'web')).toMatch(/^web was waiting ← db was failed: exited with code 3/);
  expect(await firstLine(system, 'app')).toMatch(
    /^app was waiting ← slow was starting: not ready yet.* ← emergency shutdown of .*: a fire$/,
  );
  expect(await firstLine(system, 'well')).toMatch(
    /^well was ready and Healthy: since .* ← emergency shutdown of .*: a fire$/,
  );
  const { stdout } = await system.expect(0, ['why', 'app']);
  expect(stdout).toMatch(/^Nothing is running: .* was shut down in an emergency at .* \(a fire\)$/m);
  expect(stdout).toContain('Next: azora emergency --clear   then   azora up');
});
