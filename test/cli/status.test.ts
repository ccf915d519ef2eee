import { Chalk } from 'chalk';
import { afterEach, describe, expect, test } from 'vitest';
import { renderStatus } from '../../src/cli/render/status.ts';
import { table } from '../../src/cli/render/table.ts';
import { ASSUMED } from '../../src/core/status.ts';
import { aDocument, anInstance, FakeSupervisor } from './fake-supervisor.ts';
import { project } from './project.ts';
import { azora } from './run.ts';

const style = new Chalk({ level: 0 });
const sick = {
  state: 'backoff',
  health: 'Degraded',
  reason: 'exited with code 3 after 1.2 s, and again',
  restarts: 2,
  errors: 2,
} as const;
const system = aDocument(
  [
    anInstance('aegis', {
      category: 'Security-Compliance',
      ports: { http: 41001 },
      url: 'http://127.0.0.1:41001',
      cpuPercent: 0.4,
      rssBytes: 48_000_000,
      latencyMs: 2.13,
    }),
    anInstance('mint-1', { category: 'Financial-Services', pid: null, uptimeMs: null, ...sick }),
    anInstance('mint-2', { category: 'Financial-Services', replica: 2, pid: 4302 }),
  ],
  { status: 'Degraded' },
);

const rendered = (columns: number, by: 'category' | null = null): string[] =>
  renderStatus(system, { style, columns }, by).split('\n');

describe('the table', () => {
  test('keeps everything when it is piped', () => {
    expect(rendered(Number.POSITIVE_INFINITY)).toEqual([
      'example  Degraded · ready · up 1m01s · 2 organs: 2 Healthy, 1 Degraded · supervisor 4242 · keeper 4243',
      '',
      'ORGAN   CATEGORY             STATE    HEALTH     PID     UP  RESTARTS  ERRORS   CPU  MEMORY  CHECK  URL                     REASON',
      'aegis   Security-Compliance  ready    Healthy   4300  1m00s         0       0  0.4%   45.8M  2.1ms  http://127.0.0.1:41001',
      'mint-1  Financial-Services   backoff  Degraded                      2       2                                               exited with code 3 after 1.2 s, and again',
      'mint-2  Financial-Services   ready    Healthy   4302  1m00s         0       0',
      '',
    ]);
  });

  test('gives up the columns that matter least, and reasons stand below, whole', () => {
    expect(rendered(80)).toEqual([
      'example  Degraded · ready · up 1m01s · 2 organs: 2 Healthy, 1 Degraded',
      '',
      'ORGAN   STATE    HEALTH     PID     UP  RESTARTS  MEMORY  URL',
      'aegis   ready    Healthy   4300  1m00s         0   45.8M  http://127.0.0.1:41001',
      'mint-1  backoff  Degraded                      2',
      'mint-2  ready    Healthy   4302  1m00s         0',
      '',
      'mint-1: exited with code 3 after 1.2 s, and again',
      '',
    ]);
  });

  test('has reasons in the row where they fit', () => {
    expect(rendered(120).slice(2)).toEqual([
      'ORGAN   STATE    HEALTH     PID     UP  RESTARTS  URL                     REASON',
      'aegis   ready    Healthy   4300  1m00s         0  http://127.0.0.1:41001',
      'mint-1  backoff  Degraded                      2                          exited with code 3 after 1.2 s, and again',
      'mint-2  ready    Healthy   4302  1m00s         0',
      '',
    ]);
  });

  test.each([60, 70, 80, 100, 120, 160])('is never wider than a terminal of %i columns', (columns) => {
    for (const line of rendered(columns)) expect(line.length).toBeLessThanOrEqual(columns);
  });

  test('grouped by category tallies each', () => {
    expect(rendered(60, 'category').slice(2)).toEqual([
      'Security-Compliance  1 organ: 1 Healthy',
      'ORGAN  STATE  HEALTH    PID     UP  URL',
      'aegis  ready  Healthy  4300  1m00s  http://127.0.0.1:41001',
      '',
      'Financial-Services  1 organ: 1 Healthy, 1 Degraded',
      'ORGAN   STATE    HEALTH     PID     UP  RESTARTS  ERRORS',
      'mint-1  backoff  Degraded                      2       2',
      'mint-2  ready    Healthy   4302  1m00s         0       0',
      '',
      'mint-1: exited with code 3 after 1.2 s, and again',
      '',
    ]);
  });

  test('that an organ has no probe stands beside its checks, and is no reason', () => {
    const document = aDocument([anInstance('mint', { reason: ASSUMED, latencyMs: null })]);
    const [titles, row, ...more] = renderStatus(document, { style, columns: 200 }).split('\n').slice(2);
    expect(titles).toMatch(/CHECK/);
    expect(row).toMatch(/ assumed( |$)/);
    expect(row).not.toContain('no probe');
    expect(more.join('')).toBe('');
  });

  test('lets no escape sequence of an organ through', () => {
    const document = aDocument([anInstance('mint', { reason: '\x1b[31mred\x1b[0m\x07\ndead' })]);
    expect(renderStatus(document, { style, columns: 80 })).toContain('red dead');
    expect(renderStatus(document, { style, columns: 80 })).not.toMatch(/[\x07\x1b]/);
  });

  test('a table of nothing is its titles', () => {
    expect(table([{ title: 'A', cell: String }], [], 80)).toEqual(['A']);
  });
});

describe('azora status', () => {
  let supervisor: FakeSupervisor;
  afterEach(() => supervisor[Symbol.asyncDispose]());
  const started = async (document = system) => {
    supervisor = await FakeSupervisor.start(document);
    return { cwd: supervisor.home };
  };

  test('--json prints the document and nothing else', async () => {
    const { code, stdout, stderr } = await azora(['status', '--json'], await started());
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(system);
  });

  test('shows only the organs and instances that are named', async () => {
    const where = await started();
    expect((await azora(['ps', '-q', 'mint'], where)).stdout).toBe('mint-1\nmint-2\n');
    expect((await azora(['status', '-q', 'mint-2', 'aegis'], where)).stdout).toBe('aegis\nmint-2\n');
  });

  test('an organ that there is not ends with 2 and a suggestion', async () => {
    const { code, stdout, stderr } = await azora(['status', 'agis'], await started());
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe('azora: there is no organ "agis"\n  Did you mean aegis?\n');
  });

  test.each([
    ['Operational', 0],
    ['Degraded', 1],
    ['Critical', 1],
  ] as const)('--exit-code when %s is %i', async (status, code) => {
    const where = await started(aDocument([anInstance('mint')], { status }));
    expect((await azora(['status', '--exit-code'], where)).code).toBe(code);
    expect((await azora(['status'], where)).code).toBe(0);
  });

  test('--watch shows it again when something happens, until the system is down', async () => {
    const watch = azora(['status', '--watch', '--json'], await started());
    await watch.said('"status":"Degraded"');
    supervisor.document = aDocument([], { status: 'Operational' });
    supervisor.tell('system-status-changed', null);
    await watch.said('"status":"Operational"');
    supervisor.end();
    const { code, stderr } = await watch;
    expect(code).toBe(3);
    expect(stderr).toContain('nothing is running any more');
  });

  test('in another folder than the state folder: --state-dir alone is enough', async () => {
    await started();
    const { code } = await azora(['status', '--state-dir', supervisor.folder.root], { cwd: '/' });
    expect(code).toBe(0);
  });
});

test('azora status with nothing running starts nothing, says so and ends with 3', async () => {
  const { code, stdout, stderr } = await azora(['status'], { cwd: project() });
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
  expect(stderr).toContain('nothing is running');
  expect(stderr).toContain('azora up');
});
