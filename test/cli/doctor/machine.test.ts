import { describe, expect, test } from 'vitest';
import { lookAtMachine, type Machine } from '../../../src/cli/doctor/machine.ts';

const GB = 1024 ** 3;
const good: Machine = {
  nodeVersion: '24.21.0',
  read: (path) =>
    ({
      '/proc/self/limits':
        'Limit  Soft  Hard\nMax open files            1048576              1048576              files\n',
      '/proc/sys/fs/pipe-user-pages-soft': '16384\n',
    })[path] ?? null,
  disk: () => ({ bytes: 50 * GB, files: 1e6 }),
  hasFastSpawn: true,
  isRoot: false,
};
const limits = (n: number | string) => (path: string) =>
  path === '/proc/self/limits' ? `Max open files   ${n}   ${n}   files` : good.read(path);

describe('a machine', () => {
  test('in order: nothing to say', () => {
    const { findings, fine } = lookAtMachine(good, '/x', { instances: 50 });
    expect(findings).toEqual([]);
    expect(fine).toEqual(['Node.js 24.21.0', '1048576 open files a process', '50.0G free']);
  });

  const cases: readonly [string, Partial<Machine>, { instances?: number }, string[]][] = [
    ['an old Node', { nodeVersion: '22.17.1' }, {}, ['node-version']],
    ['a Node that is just new enough', { nodeVersion: '22.18.0' }, {}, []],
    ['few open files', { read: limits(256) }, { instances: 50 }, ['open-files']],
    ['few open files, but enough', { read: limits(256) }, { instances: 2 }, []],
    ['no limit of files', { read: limits('unlimited') }, { instances: 5000 }, ['pipe-pages']],
    ['root has no limit of pipes', { isRoot: true }, { instances: 5000 }, []],
    ['a full disk', { disk: () => ({ bytes: 1000, files: 1e6 }) }, {}, ['disk-full']],
    ['a disk without room for files', { disk: () => ({ bytes: 50 * GB, files: 3 }) }, {}, ['disk-full']],
    ['little room', { disk: () => ({ bytes: GB / 2, files: null }) }, {}, ['disk-low']],
    ['no fast spawn', { hasFastSpawn: false }, {}, ['no-posix-spawn']],
    ['another system than Linux', { read: () => null, disk: () => null }, {}, []],
  ];
  test.each(cases)('%s', (_, machine, { instances = 1 }, ids) => {
    expect(lookAtMachine({ ...good, ...machine }, '/x', { instances }).findings.map(({ id }) => id)).toEqual(ids);
  });
});
