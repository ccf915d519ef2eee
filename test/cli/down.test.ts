import { describe, expect, test } from 'vitest';
import { aDocument, anInstance, FakeSupervisor } from './fake-supervisor.ts';
import { project } from './project.ts';
import { azora } from './run.ts';

const running = aDocument([anInstance('mint'), anInstance('aegis')]);
const plain = ['--progress', 'plain'];

describe('azora down', () => {
  test('asks with what was typed, tells who went, and ends when the supervisor has', async () => {
    await using supervisor = await FakeSupervisor.start(running, {
      down: () => {
        supervisor.tell('organ-stopping', 'mint');
        supervisor.tell('organ-stopped', 'mint');
        setImmediate(() => supervisor.end());
        return { survivors: [] };
      },
    });
    const { code, stdout, stderr } = await azora([...plain, 'down', '-t', '2', '--force'], { cwd: supervisor.home });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(supervisor.asked.at(-1)).toEqual({ method: 'down', params: { timeoutMs: 2000, force: true } });
    expect(stderr).toMatch(/mint stopping\n.*mint stopped\n/);
    expect(stderr).toMatch(/down: 2 instances stopped in/);
  });

  test('names every process that is left, and ends with 1', async () => {
    await using supervisor = await FakeSupervisor.start(running, {
      down: () => ({
        survivors: [
          { instance: 'mint', processes: [{ pid: 71, command: 'dd if=/dev/x' }] },
          {
            instance: 'aegis',
            processes: [
              { pid: 72, command: 'cp' },
              { pid: 73, command: 'cp' },
            ],
          },
        ],
      }),
    });
    const { code, stderr } = await azora([...plain, 'down'], { cwd: supervisor.home });
    expect(code).toBe(1);
    expect(stderr).toContain('left is mint: pid 71 (dd if=/dev/x); aegis: pid 72 (cp), pid 73 (cp)\n');
    expect(stderr).toContain('-p 71,72,73');
  });

  test('shows on a terminal whom it waits for, in one line', async () => {
    let finish = (): void => {};
    await using supervisor = await FakeSupervisor.start(running, {
      down: () => {
        supervisor.tell('organ-stopping', 'mint');
        return new Promise((resolve) => {
          finish = () => {
            resolve({ survivors: [] });
            setImmediate(() => supervisor.end());
          };
        });
      },
    });
    const terminal = { columns: 48, rows: 24 };
    const down = azora(['down'], { cwd: supervisor.home, terminal });
    await down.said('waiting for mint');
    finish();
    const { code, stderr } = await down;
    expect(code).toBe(0);
    for (const line of stderr.split(/[\r\n]/)) expect(line.replace(/\x1b\[K/g, '').length).toBeLessThanOrEqual(48);
  });

  test('with nothing running is done already, starts nothing and writes nothing', async () => {
    const cwd = project();
    expect(await azora(['down'], { cwd })).toEqual({ code: 0, stdout: '', stderr: 'nothing is running\n' });
  });
});

describe('start, stop and restart', () => {
  test('ask for the organs and print how each ended up', async () => {
    await using supervisor = await FakeSupervisor.start(running, {
      act: () => ({
        instances: [
          { instance: 'mint', state: 'stopped', reason: 'stopped by a user' },
          { instance: 'aegis', state: 'stopped', reason: null },
        ],
        survivors: [],
      }),
    });
    const run = await azora([...plain, 'stop', '-t', '500ms', 'mint', 'aegis'], { cwd: supervisor.home });
    expect(run).toMatchObject({ code: 0, stdout: 'mint stopped: stopped by a user\naegis stopped\n' });
    expect(supervisor.asked.at(-1)?.params).toEqual({ verb: 'stop', organs: ['mint', 'aegis'], timeoutMs: 500 });
  });

  test.each([
    ['start', 'ready', 0],
    ['start', 'completed', 0],
    ['start', 'failed', 1],
    ['start', 'waiting', 1],
    ['restart', 'ready', 0],
    ['restart', 'backoff', 1],
    ['stop', 'stopped', 0],
    ['stop', 'ready', 1],
  ])('%s that leaves it %s ends with %i', async (verb, state, code) => {
    const instances = [{ instance: 'mint', state, reason: null }];
    await using supervisor = await FakeSupervisor.start(running, { act: () => ({ instances, survivors: [] }) });
    expect((await azora([verb, 'mint'], { cwd: supervisor.home })).code).toBe(code);
  });

  test('with nothing running end with 3', async () => {
    const { code, stderr } = await azora(['restart', 'mint'], { cwd: project() });
    expect(code).toBe(3);
    expect(stderr).toContain('cannot restart mint: nothing is running');
  });
});

test('a supervisor of another protocol is refused with 4 and a way out', async () => {
  await using supervisor = await FakeSupervisor.start(running, {
    hello: () => ({ protocol: 99, version: '9.9.9', pid: 5, bootId: null, configHash: null, file: '' }),
  });
  const { code, stderr } = await azora(['status'], { cwd: supervisor.home });
  expect(code).toBe(4);
  expect(stderr).toContain('the supervisor (pid 5) is azora 9.9.9 and speaks protocol 99');
});
