import { describe, expect, test } from 'vitest';
import { type CgroupView, survey } from '../../src/adapters/cgroup.ts';

/** A machine as its files show it: of each cgroup its controllers, those of its children, its processes, who may write. */
interface Group {
  readonly controllers?: string;
  readonly children?: string;
  readonly procs?: string;
  readonly writable?: boolean;
  readonly delegated?: boolean;
  readonly isRoot?: boolean;
}

function machine(own: string, groups: Readonly<Record<string, Group>>, mountRoot = '/'): CgroupView {
  const at = (path: string): [Group | undefined, string] => {
    const [, group = '', file = ''] = /^\/sys\/fs\/cgroup(\/.*?)?\/?((?:cgroup\.\w+)?)$/.exec(path) ?? [];
    return [groups[group || '/'], file];
  };
  return {
    read: (path) => {
      if (path === '/proc/self/cgroup') return `4:memory:/x\n0::${own}\n`;
      if (path === '/proc/self/mountinfo')
        return `30 23 0:26 ${mountRoot} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n`;
      const [group, file] = at(path);
      if (!group) return null;
      if (file === 'cgroup.type') return group.isRoot ? null : 'domain\n';
      if (file === 'cgroup.procs') return group.procs ?? '';
      return { 'cgroup.controllers': group.controllers, 'cgroup.subtree_control': group.children }[file] ?? '';
    },
    isWritable: (path) => at(path)[0]?.writable ?? false,
    isDelegated: (path) => at(path)[0]?.delegated ?? false,
  };
}

const ALL = 'cpuset cpu io memory pids';

describe('where cgroups of ours may be made', () => {
  test.each<[string, CgroupView, object]>([
    [
      'root in a session: the slice above, whose children have controllers, without moving anybody',
      machine('/user.slice/session-1.scope', {
        '/': { controllers: ALL, children: ALL, writable: true, isRoot: true, procs: '1\n' },
        '/user.slice': { controllers: ALL, children: 'cpu memory pids', writable: true },
        '/user.slice/session-1.scope': { controllers: 'cpu memory pids', procs: '10\n', writable: true },
      }),
      { place: { path: '/sys/fs/cgroup/user.slice', controllers: ['cpu', 'memory'], toEnable: [], toVacate: false } },
    ],
    [
      'a delegated service: its own cgroup, once its processes are out of the way',
      machine('/system.slice/azora.service', {
        '/': { controllers: ALL, children: ALL, isRoot: true },
        '/system.slice': { controllers: ALL, children: ALL },
        '/system.slice/azora.service': { controllers: 'cpu memory', procs: '10\n', writable: true, delegated: true },
      }),
      {
        place: {
          path: '/sys/fs/cgroup/system.slice/azora.service',
          controllers: ['cpu', 'memory'],
          toEnable: ['cpu', 'memory'],
          toVacate: true,
        },
        lack: null,
      },
    ],
    [
      'the same, after that: the cgroup above the one into which azora has moved',
      machine('/azora.service/azora-others', {
        '/': { controllers: ALL, children: ALL, isRoot: true },
        '/azora.service': { controllers: 'cpu memory', children: 'cpu memory', writable: true, delegated: true },
        '/azora.service/azora-others': { controllers: 'cpu memory', procs: '10\n', writable: true },
      }),
      { place: { path: '/sys/fs/cgroup/azora.service', toEnable: [], toVacate: false }, lack: null },
    ],
    [
      'a container: the top of what it sees is all its own',
      machine('/', { '/': { controllers: ALL, procs: '1\n7\n', writable: true } }),
      { place: { path: '/sys/fs/cgroup', toEnable: ['cpu', 'memory'], toVacate: true }, lack: null },
    ],
    [
      'the root of the hierarchy: it may hold processes and children with controllers',
      machine('/', { '/': { controllers: ALL, procs: '1\n7\n', writable: true, isRoot: true } }),
      { place: { path: '/sys/fs/cgroup', toEnable: ['cpu', 'memory'], toVacate: false }, lack: null },
    ],
    [
      'a cgroup of somebody else, with processes: nobody is moved out of it',
      machine('/user', {
        '/': { controllers: ALL, isRoot: true },
        '/user': { controllers: 'cpu memory', procs: '1\n', writable: true },
      }),
      {
        place: { path: '/sys/fs/cgroup/user', controllers: [], toVacate: false },
        lack: { why: /cpu and memory not dele/ },
      },
    ],
    [
      'systemd hands on memory only: that is held, the processor is not',
      machine('/user.service/app.scope', {
        '/': { controllers: ALL, children: ALL, isRoot: true },
        '/user.service': { controllers: 'memory pids', children: 'memory pids', writable: true },
        '/user.service/app.scope': { controllers: 'memory pids', procs: '9\n', writable: true },
      }),
      {
        place: { path: '/sys/fs/cgroup/user.service', controllers: ['memory'] },
        lack: { why: /^cpu not delegated to .*user\.service$/, remedy: /Delegate=cpu memory/ },
      },
    ],
    [
      'the controllers are in version 1: a cgroup for its tree all the same, without limits',
      machine('/', { '/': { controllers: 'hugetlb', procs: '1\n', writable: true, isRoot: true } }),
      { place: { controllers: [] }, lack: { why: /no controller for cpu and memory/, remedy: /unified/ } },
    ],
    [
      'a user whom nothing belongs to',
      machine('/user', { '/': { controllers: ALL, children: ALL, isRoot: true }, '/user': { controllers: ALL } }),
      { place: null, own: '/sys/fs/cgroup/user', lack: { why: /upwards may be written/, remedy: /systemd-run/ } },
    ],
    [
      'a mount that shows only a part: paths are relative to it',
      machine('/docker/abc', { '/': { controllers: ALL, procs: '1\n', writable: true } }, '/docker/abc'),
      { own: '/sys/fs/cgroup', place: { path: '/sys/fs/cgroup' } },
    ],
    [
      'a process outside of what is mounted',
      machine('/elsewhere', { '/': { controllers: ALL, writable: true } }, '/docker/abc'),
      { place: null, lack: { why: /own cgroup \(\/elsewhere\) is not below/ } },
    ],
    [
      'no cgroup v2, or no Linux',
      { read: () => null, isWritable: () => true, isDelegated: () => true },
      { place: null, lack: { why: 'this machine has no cgroup v2' } },
    ],
  ])('%s', (_, view, expected) => {
    expect(survey(view)).toMatchObject(matching(expected) as object);
  });
});

/** Regular expressions in what is expected stand for texts that match them. */
function matching(value: unknown): unknown {
  if (value instanceof RegExp) return expect.stringMatching(value);
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, matching(item)]));
}
