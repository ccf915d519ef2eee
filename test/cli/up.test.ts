import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { CONTROL_PROTOCOL, type UpResult } from '../../src/adapters/control/protocol.ts';
import type { SystemEvent } from '../../src/core/events.ts';
import { aDocument, anInstance, BOOT_ID, FakeSupervisor } from './fake-supervisor.ts';
import { azora } from './run.ts';

const UP: UpResult = {
  bootId: BOOT_ID,
  booted: true,
  starting: ['mint', 'aegis'],
  heldDown: [],
  plan: null,
  changed: [],
  since: 0,
};
const ready = aDocument([anInstance('mint'), anInstance('aegis', { url: 'http://127.0.0.1:4100' })]);
const plain = ['--progress', 'plain'];

/** Tells of a boot that goes well, once somebody has asked for it. */
function boot(supervisor: FakeSupervisor): void {
  supervisor.tell('organ-starting', 'mint', { attempt: 1 });
  supervisor.tell('organ-ready', 'mint', { durationMs: 240 });
  supervisor.tell('organ-assumed-ready', 'aegis', { durationMs: 200 });
  supervisor.tell('system-ready', null, { durationMs: 300 });
}

async function supervisorThatBoots(more: Partial<UpResult> = {}): Promise<FakeSupervisor> {
  const supervisor = await FakeSupervisor.start(ready, {
    up: () => {
      boot(supervisor);
      return { ...UP, ...more };
    },
  });
  return supervisor;
}

describe('azora up -d', () => {
  test('shows the boot, where things answer and what to type, and ends with 0', async () => {
    await using supervisor = await supervisorThatBoots();
    const { code, stdout, stderr } = await azora([...plain, 'up', '-d'], { cwd: supervisor.home });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(
      /mint starting\n.*mint ready \(240 ms\)\n.*aegis ready, assumed.*\n.*system ready \(300 ms\)\n/,
    );
    expect(stderr).toContain(
      'example is ready after 300 ms: Operational · 2 organs: 2 Healthy\n  aegis  http://127.0.0.1:4100\n',
    );
  });

  test('asks with what was typed and the configuration of the file', async () => {
    await using supervisor = await supervisorThatBoots();
    await azora(['--progress', 'quiet', 'up', '-d', '--no-deps', '--fresh', 'mint'], { cwd: supervisor.home });
    const up = supervisor.asked.find(({ method }) => method === 'up');
    expect(up?.params).toMatchObject({ organs: ['mint'], noDeps: true, fresh: true, config: { name: 'example' } });
  });

  test('--progress json prints the events on stdout, one a line, and nothing on stderr', async () => {
    await using supervisor = await supervisorThatBoots();
    const { code, stdout, stderr } = await azora(['up', '-d', '--progress', 'json'], { cwd: supervisor.home });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as SystemEvent);
    expect(events.map(({ type }) => type)).toEqual([
      'organ-starting',
      'organ-ready',
      'organ-assumed-ready',
      'system-ready',
    ]);
  });

  test('says which organs stay down and which have changed', async () => {
    await using supervisor = await supervisorThatBoots({ heldDown: ['sapiens'], changed: ['mint'] });
    const { stderr } = await azora([...plain, 'up', '-d'], { cwd: supervisor.home });
    expect(stderr).toContain('stopped by hand before, and still down: sapiens   (azora start sapiens)');
    expect(stderr).toContain('mint has changed in the file since the system was started');
  });

  test('an organ that failed for good is accounted for, and ends it with 1 although the system is ready', async () => {
    await using supervisor = await FakeSupervisor.start(ready, {
      up: () => {
        supervisor.tell('organ-failed', 'mint', {
          cause: 'exited with code 3',
          code: 3,
          signal: null,
          blocked: ['aegis'],
        });
        supervisor.tell('system-ready', null, { durationMs: 300 });
        return UP;
      },
    });
    const { code, stderr } = await azora(['--progress', 'quiet', 'up', '-d'], { cwd: supervisor.home });
    expect(code).toBe(1);
    expect(stderr).toContain('✖ mint failed: exited with code 3\n');
    expect(stderr).toContain('keeps from starting: aegis\n');
  });

  test('checks that failed end it with 1', async () => {
    await using supervisor = await FakeSupervisor.start(ready, {
      up: () => {
        supervisor.tell('checks-completed', null, {
          passed: false,
          checks: [{ name: 'a', passed: false, message: 'no' }],
        });
        supervisor.tell('system-ready', null, { durationMs: 300 });
        return UP;
      },
    });
    expect((await azora([...plain, 'up', '-d'], { cwd: supervisor.home })).code).toBe(1);
  });

  test('gives up after --wait-timeout with 124, naming whom it waited for, and leaves the system booting', async () => {
    await using supervisor = await FakeSupervisor.start(ready, {
      up: () => {
        supervisor.tell('organ-ready', 'mint', { durationMs: 1 });
        return UP;
      },
    });
    const { code, stderr } = await azora([...plain, 'up', '-d', '--wait-timeout', '50ms'], { cwd: supervisor.home });
    expect(code).toBe(124);
    expect(stderr).toContain('not there yet: aegis');
    expect(supervisor.asked.map(({ method }) => method)).not.toContain('down');
  });

  test('Ctrl-C leaves the system booting', async () => {
    await using supervisor = await FakeSupervisor.start(ready, { up: () => UP });
    supervisor.tell('organ-starting', 'mint', { attempt: 1 });
    const up = azora([...plain, 'up', '-d'], { cwd: supervisor.home });
    await up.said('mint starting');
    up.signal('SIGINT');
    expect(await up).toMatchObject({
      code: 130,
      stderr: expect.stringContaining('the system goes on without this command'),
    });
    expect(supervisor.asked.map(({ method }) => method)).not.toContain('down');
  });
});

describe('azora up on a terminal', () => {
  const yaml = `version: 1
name: example
boot: { steps: [{ name: Ground, organs: [aegis] }, { name: Late, organs: [mint] }] }
organs:
  aegis: { command: sleep 99 }
  mint: { command: sleep 99 }
  oracle: { command: sleep 99 }
`;
  const step = (name: string, index: number, status: string) => ({ step: name, index, total: 4, status, organs: [] });
  const document = aDocument(['aegis', 'mint', 'oracle'].map((name) => anInstance(name)));
  const up = { ...UP, starting: ['aegis', 'mint', 'oracle'] };
  const terminal = { columns: 80, rows: 24 };
  /** The picture that is left in the end: all after the last time that the screen was cleared. */
  const picture = (stderr: string): string[] =>
    stripVTControlCharacters(stderr.slice(stderr.lastIndexOf('\x1b[?2026l')))
      .split(/\r?\n/)
      .map((line) => line.replace(/^(\s*)\S+ /, '$1').trimEnd());

  test('lists the steps with their times, and the organs that are in none', async () => {
    await using supervisor = await FakeSupervisor.start(
      document,
      {
        up: () => {
          supervisor.tell('boot-step', null, step('Ground', 0, 'started'));
          supervisor.tell('organ-ready', 'aegis', { durationMs: 90 });
          supervisor.tell('boot-step', null, step('Ground', 0, 'done'));
          supervisor.tell('boot-step', null, step('Late', 1, 'started'));
          supervisor.tell('organ-ready', 'oracle', { durationMs: 300 });
          supervisor.tell('organ-ready', 'mint', { durationMs: 90 });
          supervisor.tell('boot-step', null, step('Late', 1, 'done'));
          for (const [index, name] of ['Health and security monitoring', 'Comprehensive checks'].entries()) {
            supervisor.tell('boot-step', null, step(name, index + 2, 'started'));
            supervisor.tell('boot-step', null, step(name, index + 2, 'done'));
          }
          supervisor.tell('system-ready', null, { durationMs: 900 });
          return up;
        },
      },
      yaml,
    );
    const { code, stderr } = await azora(['up', '-d'], { cwd: supervisor.home, terminal });
    expect(code).toBe(0);
    expect(picture(stderr).slice(0, 5)).toEqual([
      '[1/4] 🧩 Ground  200 ms',
      '[2/4] 🧩 Late  300 ms',
      '🧩 Other organs  1/1',
      '[3/4] 💓 Health and security monitoring  100 ms',
      '[4/4] 🔎 Comprehensive checks  100 ms',
    ]);
  });

  test('shows where a boot failed, what was left, and the account of it below', async () => {
    await using supervisor = await FakeSupervisor.start(
      document,
      {
        up: () => {
          supervisor.tell('boot-step', null, step('Ground', 0, 'started'));
          supervisor.tell('organ-failed', 'aegis', {
            cause: 'exited with code 3',
            code: 3,
            signal: null,
            blocked: ['mint'],
          });
          supervisor.tell('organ-waiting', 'mint', { on: [{ organ: 'aegis', condition: 'healthy', state: 'failed' }] });
          supervisor.tell('system-boot-failed', null, { reason: 'critical organ aegis failed', failed: ['aegis'] });
          return up;
        },
      },
      yaml,
    );
    const { code, stderr } = await azora(['up', '-d'], { cwd: supervisor.home, terminal });
    expect(code).toBe(1);
    expect(picture(stderr).slice(0, 8)).toEqual([
      '[1/4] 🧩 Ground  not finished',
      '  aegis  exited with code 3',
      '[2/4] 🧩 Late  not reached',
      '  mint  still waiting for aegis (healthy)',
      '🧩 Other organs  1/1',
      '  oracle  not begun',
      '[3/4] 💓 Health and security monitoring  not reached',
      '[4/4] 🔎 Comprehensive checks  not reached',
    ]);
    expect(stderr.indexOf('✖ aegis failed: exited with code 3')).toBeGreaterThan(
      stderr.indexOf('Comprehensive checks'),
    );
  });
});

describe('azora up in the foreground', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 143],
  ] as const)('%s is down, and ends with %i', async (signal, code) => {
    await using supervisor = await supervisorThatBoots();
    const up = azora([...plain, 'up'], { cwd: supervisor.home });
    await up.said('is ready after');
    up.signal(signal);
    expect((await up).code).toBe(code);
    expect(supervisor.asked.filter(({ method }) => method === 'down')).toHaveLength(1);
  });

  test('a second Ctrl-C kills; one that comes twice at once is one', async () => {
    let answer = (): void => {};
    await using supervisor = await FakeSupervisor.start(ready, {
      up: () => {
        boot(supervisor);
        return UP;
      },
      down: ({ force }) => {
        if (force) {
          answer();
          setImmediate(() => supervisor.end());
        } else supervisor.tell('organ-stopping', 'mint');
        return new Promise((resolve) => {
          const before = answer;
          answer = () => {
            before();
            resolve({ survivors: [] });
          };
          if (force) answer();
        });
      },
    });
    const up = azora([...plain, 'up'], { cwd: supervisor.home });
    await up.said('is ready after');
    up.signal('SIGINT');
    up.signal('SIGINT');
    await up.said('mint stopping');
    expect(supervisor.asked.filter(({ method }) => method === 'down')).toHaveLength(1);
    // A keypress is told from its echo by time alone.
    await new Promise((resolve) => setTimeout(resolve, 250));
    up.signal('SIGINT');
    expect((await up).code).toBe(130);
    expect(supervisor.asked.at(-1)).toMatchObject({ method: 'down', params: { force: true } });
  });

  test('ends with 0 and says so when somebody else stops the system', async () => {
    await using supervisor = await supervisorThatBoots();
    const up = azora([...plain, 'up'], { cwd: supervisor.home });
    await up.said('is ready after');
    supervisor.tell('system-stopping', null);
    supervisor.tell('system-stopped', null);
    supervisor.end();
    expect(await up).toMatchObject({ code: 0, stderr: expect.stringContaining('was stopped by another command') });
  });

  test.each([
    ['system-stopped', 1, 'the system was stopped by another command'],
    ['emergency-shutdown', 5, 'Nothing starts until: azora emergency --clear'],
  ] as const)('knows of %s before it shows the boot', async (type, code, said) => {
    const starting = Array.from({ length: 200 }, (_, i) => `mint-${i}`); // it stays out of their way for so many ms
    const supervisor: FakeSupervisor = await FakeSupervisor.start(ready, {
      up: () => {
        setTimeout(() => {
          supervisor.tell(type, null);
          supervisor.end();
        }, 50);
        return { ...UP, starting };
      },
    });
    await using _ = supervisor;
    const up = await azora([...plain, 'up', '-d'], { cwd: supervisor.home });
    expect(up).toMatchObject({ code, stderr: expect.stringContaining(said) });
  });

  test('--exit-code-from ends everything with the code of the organ', async () => {
    await using supervisor = await supervisorThatBoots();
    const up = azora([...plain, 'up', '--exit-code-from', 'mint'], { cwd: supervisor.home });
    await up.said('is ready after');
    supervisor.tell('organ-exited', 'mint', { code: 7, signal: null });
    supervisor.tell('organ-failed', 'mint', { cause: 'exited with code 7', code: 7, signal: null, blocked: [] });
    expect((await up).code).toBe(7);
    expect(supervisor.asked.at(-1)?.method).toBe('down');
  });

  test('--abort-on-failure ends everything with 1', async () => {
    await using supervisor = await supervisorThatBoots();
    const up = azora([...plain, 'up', '--abort-on-failure'], { cwd: supervisor.home });
    await up.said('is ready after');
    supervisor.tell('organ-failed', 'aegis', { cause: 'exited with code 7', code: 7, signal: null, blocked: [] });
    expect((await up).code).toBe(1);
    expect(supervisor.asked.at(-1)?.method).toBe('down');
  });

  test('a boot that failed ends with 1 and leaves what runs for inspection', async () => {
    await using supervisor = await FakeSupervisor.start(ready, {
      up: () => {
        supervisor.tell('system-boot-failed', null, { reason: 'critical organ mint failed', failed: ['mint'] });
        return UP;
      },
    });
    const { code, stderr } = await azora([...plain, 'up'], { cwd: supervisor.home });
    expect(code).toBe(1);
    expect(stderr).toContain('✖ the boot failed: critical organ mint failed');
    expect(supervisor.asked.map(({ method }) => method)).not.toContain('down');
  });
});

describe('azora up on a running system', () => {
  test('says that it runs and ends with 0', async () => {
    await using supervisor = await FakeSupervisor.start(ready, { up: () => ({ ...UP, booted: false, starting: [] }) });
    const { code, stderr } = await azora([...plain, 'up'], { cwd: supervisor.home });
    expect(code).toBe(0);
    expect(stderr).toContain('example runs (supervisor 4242): Operational');
  });

  test('waits for what it had started', async () => {
    const events = { since: 0, booted: false, starting: ['mint'] };
    await using supervisor = await FakeSupervisor.start(ready, { up: () => ({ ...UP, ...events }) });
    const up = azora([...plain, 'up', 'mint'], { cwd: supervisor.home });
    supervisor.tell('organ-starting', 'mint', { attempt: 1 });
    await up.said('mint starting');
    supervisor.tell('organ-ready', 'mint', { durationMs: 5 });
    expect((await up).code).toBe(0);
  });

  test('joins a boot that is under way from its beginning, and ends with it', async () => {
    const booting = aDocument([anInstance('mint', { state: 'starting' })], { phase: 'booting' });
    await using supervisor = await FakeSupervisor.start(booting, {
      up: () => ({ ...UP, booted: false, starting: [], since: 1 }),
    });
    supervisor.tell('organ-starting', 'mint', { attempt: 1 });
    const up = azora([...plain, 'up'], { cwd: supervisor.home });
    await up.said('mint starting');
    supervisor.tell('organ-ready', 'mint', { durationMs: 5 });
    supervisor.tell('system-ready', null, { durationMs: 6 });
    expect((await up).code).toBe(0);
  });

  test('after a boot that failed waits for the boot that it began, not for the one before', async () => {
    const booting = aDocument([anInstance('mint', { state: 'starting' })], { phase: 'booting' });
    await using supervisor = await FakeSupervisor.start(booting, {
      up: () => ({ ...UP, booted: false, starting: ['mint'], since: 2 }),
    });
    supervisor.tell('organ-failed', 'mint', { cause: 'exited with code 3', code: 3, signal: null, blocked: [] });
    supervisor.tell('system-boot-failed', null, { reason: 'critical organ mint failed', failed: ['mint'] });
    const up = azora([...plain, 'up', '-d'], { cwd: supervisor.home });
    supervisor.tell('organ-starting', 'mint', { attempt: 1 });
    await up.said('mint starting');
    supervisor.tell('organ-ready', 'mint', { durationMs: 5 });
    supervisor.tell('system-ready', null, { durationMs: 6 });
    const { code, stderr } = await up;
    expect(code).toBe(0);
    expect(stderr).not.toContain('boot failed');
  });

  test('of another file in the same state folder is refused with 4', async () => {
    await using supervisor = await FakeSupervisor.start(ready, {
      hello: () => ({
        protocol: CONTROL_PROTOCOL,
        version: 'x',
        pid: 4242,
        bootId: BOOT_ID,
        configHash: 'h',
        file: '/other/azora.yaml',
      }),
    });
    const { code, stderr } = await azora(['up'], { cwd: supervisor.home });
    expect(code).toBe(4);
    expect(stderr).toContain('the system of /other/azora.yaml runs in this state folder (supervisor pid 4242)');
  });

  test('an organ that the file does not have is refused with 2 and a suggestion', async () => {
    await using supervisor = await supervisorThatBoots();
    const { code, stderr } = await azora(['up', 'mnit'], { cwd: supervisor.home });
    expect(code).toBe(2);
    expect(stderr).toContain('there is no organ "mnit"\n  Did you mean mint?\n');
    expect(supervisor.asked.map(({ method }) => method)).not.toContain('up');
  });

  test('a file with errors is refused with 2, all of them named', async () => {
    const yaml = 'version: 1\norgans:\n  a: { comand: x }\n  b: { command: x, depends_on: [nobody] }\n';
    await using supervisor = await FakeSupervisor.start(ready, {}, yaml);
    const { code, stdout, stderr } = await azora(['up'], { cwd: supervisor.home });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('comand');
    expect(stderr).toContain('nobody');
    expect(supervisor.asked.map(({ method }) => method)).not.toContain('up');
  });
});
