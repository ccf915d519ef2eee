import { describe, expect, test } from 'vitest';
import { openStore } from '../../src/adapters/sqlite/store.ts';
import { createStateFolder, stateFolder } from '../../src/adapters/state-folder.ts';
import { rowsAs } from '../../src/cli/render/rows.ts';
import { anEvent, anInstance } from './fake-supervisor.ts';
import { project } from './project.ts';
import { azora } from './run.ts';

/** A project of which nothing runs, with a history. */
function recorded(): { cwd: string } {
  const cwd = project();
  const folder = stateFolder(`${cwd}/.azora`);
  createStateFolder(folder);
  const store = openStore(folder, { version: 'test' });
  store.saveOrgans([
    { organ: 'mint', category: null, kind: 'service', critical: false, desired: 'up', config: '{"name":"mint"}' },
  ]);
  store.saveInstances([
    anInstance('mint-1', { restarts: 3 }),
    anInstance('mint-2', { reason: 'a "quoted", long\nreason' }),
  ]);
  store.appendEvents([anEvent(1, 'organ-ready', 'mint-1', { durationMs: 1 }, 'mint-1 is ready')]);
  store.close();
  return { cwd };
}

describe('azora query', () => {
  test('a table, JSON and CSV of the same rows', async () => {
    const where = recorded();
    const sql = 'select instance, restarts, reason from instances order by instance';
    expect((await azora(['query', sql], where)).stdout).toBe(
      'instance  restarts  reason\n' + 'mint-1           3\n' + 'mint-2           0  a "quoted", long reason\n',
    );
    expect(JSON.parse((await azora(['query', '--json', sql], where)).stdout)).toEqual([
      { instance: 'mint-1', restarts: 3, reason: null },
      { instance: 'mint-2', restarts: 0, reason: 'a "quoted", long\nreason' },
    ]);
    expect((await azora(['query', '--csv', sql], where)).stdout).toBe(
      'instance,restarts,reason\nmint-1,3,\nmint-2,0,"a ""quoted"", long\nreason"\n',
    );
  });

  test.each([
    ['delete from event', /not to be changed/],
    ['insert into event (id) values (9) returning id', /not to be changed/],
    ['drop view events', /not to be changed/],
    ['pragma user_version = 9', /not to be changed/],
    ["attach '/tmp/other.db' as other", /not to be changed/],
    ['select 1; delete from event', /one statement/],
    ['selct 1', /SQLite does not take the query: near "selct"/],
    ['select x from nowhere', /no such table: nowhere/],
    ['  ', /empty/],
    ['/* nothing */', /empty/],
  ])('%s is refused with a sentence, and changes nothing', async (sql, says) => {
    const where = recorded();
    const { code, stdout, stderr } = await azora(['query', sql], where);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(says);
    expect((await azora(['query', '--csv', 'select count(*) as n from events'], where)).stdout).toBe('n\n1\n');
  });

  test('one that never ends is ended', async () => {
    const endless = 'with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c';
    const { code, stderr } = await azora(['query', '--timeout', '300ms', endless], recorded());
    expect(code).toBe(124);
    expect(stderr).toContain('not done after 300 ms');
  });

  test('Ctrl-C ends it', async () => {
    const endless = 'with recursive c(x) as (select 1 union all select x + 1 from c) select x from c';
    const running = azora(['query', '--csv', endless], recorded());
    await running.said('\n1000\n');
    running.signal('SIGINT');
    expect((await running).code).toBe(130);
  });

  test('without a history: 3', async () => {
    const { code, stderr } = await azora(['query', 'select 1'], { cwd: project() });
    expect(code).toBe(3);
    expect(stderr).toContain('there is no database');
  });
});

test('rows of any kind of value have a form', () => {
  const rows = [
    [null, 1.5, new Uint8Array([0, 255])],
    ['x', 2, null],
  ];
  const as = (format: 'table' | 'json' | 'csv', some = rows): string =>
    [...rowsAs(format, ['a', 'b', 'c'], some)].join('');
  expect(JSON.parse(as('json'))).toEqual([
    { a: null, b: 1.5, c: '00ff' },
    { a: 'x', b: 2, c: null },
  ]);
  expect(as('csv')).toBe('a,b,c\n,1.5,00ff\nx,2,\n');
  expect(as('table')).toBe('a    b  c\n   1.5  00ff\nx    2\n');
  expect([as('json', []), as('csv', []), as('table', [])]).toEqual(['[]\n', 'a,b,c\n', 'a  b  c\n(no rows)\n']);
});
