import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { freePort } from '../e2e/rig/free-port.ts';
import { quiet } from '../e2e/rig/organs.ts';
import { rig, type System } from '../e2e/rig.ts';
import { account, daemonPid, kill, outputOf, pause, pidsOf, query, random } from './support.ts';

const KILLS = rig.full ? 200 : 20;

const writer = { command: [rig.node, rig.program('writes-numbers.mjs'), '40', '5'], stop: { timeout: '20s' } };
const roomy = { logs: { max_size: '1GB', max_files: 2, compress: 'none' } };
const patient = { policy: 'always', delay: '200ms', factor: 1, jitter: 0, limit: 100_000, window: '10h' };

interface Entry {
  readonly pid: number;
  readonly code: number;
}

/** What `exits-by-count.sh` wrote down of each of its lives. */
function ledgerOf(system: System): Entry[] {
  const lines = readFileSync(system.path('ledger'), 'utf8').trim().split('\n');
  return lines.map((line) => {
    const [, pid, code] = line.split(' ').map(Number);
    return { pid: pid!, code: code! };
  });
}

describe('a supervisor that is killed', () => {
  test(`${KILLS} times at random moments under load: no line lost, every pid and exit code known, one start per generation`, {
    timeout: 600_000,
  }, async () => {
    const seed = Number(process.env.AZORA_SEED ?? Date.now() % 1_000_000);
    const next = random(seed);
    await using system = await rig.system({
      yaml: {
        ...roomy,
        organs: {
          first: writer,
          second: { ...writer, depends_on: ['first'] },
          third: writer,
          mortal: { command: [rig.program('exits-by-count.sh'), 'ledger', '0.3'], restart: patient },
        },
      },
      files: { ledger: '' },
    });
    await system.expect(0, ['up', '-d']);
    const writers = ['first', 'second', 'third'];
    const before = pidsOf(await system.status());
    const boot = (await system.status()).system.bootId;
    let unseen = 0;
    for (let n = 0; n < KILLS; n++) {
      await pause(next() * 350);
      if ((await kill(system, 'supervisor')) === null) unseen++; // between two supervisors: a moment as good as any
      const { organs, system: whole } = await system.status();
      expect(whole.bootId, `seed ${seed}`).toBe(boot);
      for (const name of writers) {
        expect(organs.find(({ instance }) => instance === name)?.pid, `seed ${seed}, kill ${n}`).toBe(before[name]);
      }
    }
    await system.expect(0, ['stop', 'mortal']);
    const ledger = ledgerOf(system);
    const starts = query<{ n: number }>(system, "select count(*) n from events where type = 'organ-adopted'")[0]!.n;
    await system.expect(0, ['down']);
    await system.expectNothingLeft();

    const accounts = writers.map((name) => account(outputOf(system, name)));
    const exits = query<{ code: number | null; signal: string | null }>(
      system,
      "select code, signal from exits where instance = 'mortal' order by at",
    );
    const lines = accounts.reduce((sum, { lines }) => sum + lines, 0);
    console.info(
      `seed ${seed}: ${KILLS - unseen} supervisors killed (${unseen} while there was none); ${lines} lines written, ` +
        `${sum(accounts, 'lost')} lost, ${sum(accounts, 'doubled')} doubled, ${sum(accounts, 'torn')} torn; ` +
        `${ledger.length} lives of the mortal organ, ${exits.length} exits known; ${starts} adoptions, 0 pids changed`,
    );
    for (const each of accounts) expect(each).toMatchObject({ lives: 1, lost: 0, doubled: 0, torn: 0 });
    // The last life was stopped by its user. Each of the others is known by its code, once, in its order.
    expect(exits.slice(0, ledger.length - 1).map(({ code }) => code)).toEqual(
      ledger.slice(0, -1).map(({ code }) => code),
    );
    expect(exits).toHaveLength(ledger.length);
    expect(new Set(ledger.map(({ pid }) => pid)).size).toBe(ledger.length);
  });

  test('is replaced at once by the keeper, and by any command that needs one', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const { pid } = await system.instance('web');
    const first = await kill(system, 'supervisor');
    await expect.poll(() => daemonPid(system, 'supervisor'), { timeout: 5000 }).not.toBeNull();
    expect(daemonPid(system, 'supervisor')).not.toBe(first);
    await system.waitFor(({ organs }) => organs[0]?.state === 'ready');
    await kill(system, 'supervisor');
    expect(await system.instance('web')).toMatchObject({ state: 'ready', pid });
  });

  test('five times within a minute: the keeper tries no more and status says so, having started another', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const { pid } = await system.instance('web');
    for (let n = 0; n < 5; n++) {
      await expect.poll(() => daemonPid(system, 'supervisor'), { timeout: 20_000 }).not.toBeNull();
      await kill(system, 'supervisor');
    }
    await expect.poll(() => system.daemonLogs()).toContain('5 supervisors died within a minute');
    expect(daemonPid(system, 'supervisor')).toBeNull();
    const { stdout, stderr } = await system.expect(0, ['status', '--json']);
    expect(stderr).toContain('5 died within a minute');
    expect((JSON.parse(stdout) as { organs: { pid: number }[] }).organs[0]!.pid).toBe(pid);
  });

  test('five times, and then the last organ ends: the keeper does not stay for nobody', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const { pid } = await system.instance('web');
    for (let n = 0; n < 5; n++) {
      await expect.poll(() => daemonPid(system, 'supervisor'), { timeout: 20_000 }).not.toBeNull();
      await kill(system, 'supervisor');
    }
    await expect.poll(() => system.daemonLogs()).toContain('5 supervisors died within a minute');
    expect(daemonPid(system, 'keeper')).not.toBeNull();
    process.kill(pid!, 'SIGKILL');
    await expect.poll(() => system.processes(), { timeout: 10_000 }).toEqual([]);
    // What it was is not forgotten: whoever asks brings both back, and the organ by its policy.
    await system.expect(0, ['status']);
    await system.waitFor(({ organs }) => organs[0]?.state === 'ready');
    expect((await system.instance('web')).restarts).toBe(1);
  });

  test('an exit that nobody supervised is known afterwards, with its code', async () => {
    await using system = await rig.system({
      yaml: { organs: { web: rig.puppet({ restart: 'never' }), task: quiet() } },
    });
    await system.expect(0, ['up', '-d']);
    const { system: whole } = await system.status();
    process.kill(whole.pid!, 'SIGSTOP'); // neither hears of the exit nor lets another one hear of it
    await system.puppet('web').order({ exit: 7 });
    process.kill(whole.pid!, 'SIGKILL');
    const status = await system.waitFor(({ organs }) => organs[0]?.state === 'failed');
    expect(status.organs[0]).toMatchObject({ exit: { code: 7, signal: null }, restarts: 0 });
    expect(system.puppet('web').lives).toBe(1);
  });

  test('what was stopped stays stopped, what runs keeps its ports and its token for the registry', async () => {
    const organ = rig.puppet({ ports: { http: 'auto' }, health: { http: '/healthz' } }, ['--listen']);
    // Not `auto`: for a moment nobody has the port, and another system that boots just then would take it.
    await using system = await rig.system({
      yaml: { registry: { port: await freePort() }, organs: { web: organ, idle: quiet() } },
    });
    await system.expect(0, ['up', '-d']);
    await system.expect(0, ['restart', 'web']); // a second life: its token is not the boot's first
    await system.expect(0, ['stop', 'idle']);
    const before = await system.status();
    const { env } = await system.puppet('web').order({ env: true });
    for (let n = 0; n < 2; n++) {
      await kill(system, 'supervisor');
      // One that dies before it has written down that `idle` is stopped leaves saying so to the next.
      const after = await system.waitFor(({ organs }) => organs.every(({ state }) => state !== 'stopping'));
      expect(after.organs.map(({ ports }) => ports)).toEqual(before.organs.map(({ ports }) => ports));
      expect(after.organs.map(({ state, desired }) => [state, desired])).toEqual([
        ['ready', 'up'],
        ['stopped', 'down'],
      ]);
      expect(after.system.registryUrl).toBe(before.system.registryUrl);
    }
    const register = (token: string): Promise<Response> =>
      fetch(`${env!.AZORA_REGISTRY_URL}/register`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'web-extra', url: 'http://127.0.0.1:1' }),
      });
    await expect
      .poll(() =>
        register(env!.AZORA_TOKEN!).then(
          ({ ok }) => ok,
          () => false,
        ),
      )
      .toBe(true);
    expect((await register(`${env!.AZORA_TOKEN!}x`)).status).toBe(401);
  });

  test('in the middle of a boot: the next one goes on, and up hears of it', async () => {
    const slow = { command: 'sleep 1; echo ready; exec sleep 1000', health: { log: '^ready$' } };
    await using system = await rig.system({
      yaml: {
        boot: { timeout: '30s', steps: [{ name: 'one', organs: ['a'] }] },
        organs: { a: slow, b: { ...quiet(), depends_on: ['a'] } },
      },
    });
    const up = system.start(['up', '-d']);
    await system.waitFor(({ organs }) => organs[0]?.state === 'starting');
    const { pid } = await system.instance('a');
    await kill(system, 'supervisor');
    const { code, stderr } = await up.finished();
    expect(code).toBe(0);
    expect(stderr).toMatch(/the supervisor \(pid \d+\) ended; organs run on/);
    const status = await system.status();
    expect(status.system.phase).toBe('ready');
    expect(status.organs[0]!.pid).toBe(pid);
    expect(system.events.filter(({ type }) => type === 'system-ready')).toHaveLength(1);
  });

  test('in the middle of a down: the next one goes on with it', async () => {
    const deaf = { command: [rig.program('ignores-sigterm.sh')], health: { log: '^deaf$' }, stop: { timeout: '1s' } };
    await using system = await rig.system({ yaml: { organs: { a: deaf, b: { ...deaf, depends_on: ['a'] } } } });
    await system.expect(0, ['up', '-d']);
    const down = system.start(['down']);
    await system.waitFor(({ organs }) => organs.some(({ state }) => state === 'stopping'));
    await kill(system, 'supervisor');
    expect((await down.finished()).code).toBe(0);
    await system.expectNothingLeft();
  });

  test('in a foreground up: it says so, and Ctrl-C still takes the system down', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    const up = system.start(['up']);
    await system.waitForEvent(({ type }) => type === 'system-ready');
    await kill(system, 'supervisor');
    await up.waitForLine(/the supervisor \(pid \d+\) ended; organs run on, and pid \d+ has taken over/);
    up.signal('SIGINT');
    expect((await up.finished()).code).toBe(130);
    await system.expectNothingLeft();
  });

  test('in an emergency: everything goes down all the same, and stays down', async () => {
    const deaf = { command: [rig.program('ignores-sigterm.sh')], health: { log: '^deaf$' }, stop: { timeout: '2s' } };
    await using system = await rig.system({ yaml: { organs: { a: deaf, b: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const emergency = system.start(['emergency', 'a', 'fire']);
    await system.waitFor(({ organs }) => organs[0]?.state === 'stopping');
    await kill(system, 'supervisor');
    await emergency.finished();
    await expect.poll(() => system.processes().length, { timeout: 15_000 }).toBe(0);
    await system.expect(5, ['up', '-d']);
    await system.expect(0, ['emergency', '--clear']);
    await system.expect(0, ['up', '-d']);
  });
});

const sum = <K extends string>(rows: readonly Record<K, number>[], key: K): number =>
  rows.reduce((total, row) => total + row[key], 0);
