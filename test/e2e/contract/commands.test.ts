import { existsSync, readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { quiet } from '../rig/organs.ts';
import { rig, type System } from '../rig.ts';
import { booted, rest } from './shared.ts';

/** Each flag of each command, asked once with it and once without. */

const system = booted(
  {
    yaml: {
      name: 'flags',
      profiles: ['day'],
      checks: [{ name: 'fine', exec: 'true' }],
      organs: {
        talker: {
          command: 'echo first life; echo aloud; echo softly >&2; echo; touch "said.$AZORA_REPLICA"; exec sleep 1000',
          category: 'Speech',
        },
        mute: quiet({ depends_on: ['talker'] }),
        failing: rest({ kind: 'task', command: 'exit 3' }),
        'by-day': rest({ profiles: ['day'] }),
        'by-night': rest({ profiles: ['night'] }),
      },
    },
  },
  { code: 1 },
);
const out = async (code: number, ...args: string[]) => (await system().expect(code, args)).stdout;
const lines = async (...args: string[]) => (await out(0, ...args)).split('\n').slice(0, -1);
const json = async (code: number, ...args: string[]) => JSON.parse(await out(code, ...args));

describe('azora itself', () => {
  test('-f, --file, AZORA_FILE, --state-dir: which system', async () => {
    const file = system().path('azora.yaml');
    const state = system().state.root;
    await using other = await rig.system({ yaml: { name: 'elsewhere', organs: { a: rest() } } });
    const nameBy = async (args: string[], env = {}) =>
      JSON.parse((await other.expect(0, [...args, 'status', '--json'], { env })).stdout).system.name;
    expect(await nameBy(['-f', file])).toBe('flags');
    expect(await nameBy(['--file', file])).toBe('flags');
    expect(await nameBy([], { AZORA_FILE: file })).toBe('flags');
    expect(await nameBy(['--state-dir', state])).toBe('flags');
    await other.expect(3, ['status']);
    await other.expect(0, ['--state-dir', 'apart', 'up', '-d']);
    expect(existsSync(other.path('apart/azora.db'))).toBe(true);
    expect(existsSync(other.path('.azora/azora.db'))).toBe(false);
    await other.expect(0, ['--state-dir', 'apart', 'down']);
  });

  test('--no-color, NO_COLOR, FORCE_COLOR, TERM=dumb: colours where they are wanted', async () => {
    const status = async (args: string[], env: Record<string, string>) =>
      (await system().expect(0, [...args, 'status'], { env })).stdout.includes('\x1b[');
    expect(await status([], {})).toBe(false);
    expect(await status([], { FORCE_COLOR: '1' })).toBe(true);
    expect(await status(['--no-color'], { FORCE_COLOR: '1' })).toBe(false);
    expect(await status([], { NO_COLOR: '1' })).toBe(false);
  });

  test('--progress: plain, json and quiet; tty is for a terminal, and auto looks whether there is one', async () => {
    await using other = await rig.system({ yaml: { organs: { a: quiet() } } });
    const said = async (how: string, terminal = false) => {
      const args = ['--progress', how, 'up', '-d'];
      const finished = terminal
        ? await other.expect(0, ['-qec', [rig.azora, ...args].join(' '), '/dev/null'], { program: 'script' })
        : await other.expect(0, args);
      await other.expect(0, ['down']);
      return finished;
    };
    const line = /^\d\d:\d\d:\d\d\.\d{3} a ready/m;
    const plain = await said('plain');
    const events = await said('json');
    const quietly = await said('quiet');
    const auto = await said('auto');
    expect(plain.stderr).toMatch(line);
    expect(auto.stderr).toMatch(line);
    const types = events.stdout
      .split('\n')
      .filter(Boolean)
      .map((text) => JSON.parse(text).type);
    expect(types).toEqual(expect.arrayContaining(['organ-ready', 'system-ready']));
    expect(events.stderr + quietly.stderr).not.toMatch(line);
    expect(quietly.stdout + quietly.stderr).not.toMatch(/system ready|is ready/);
    const onTerminal = await said('tty', true);
    const plainThere = await said('plain', true);
    expect(onTerminal.stdout).not.toMatch(line);
    expect(onTerminal.stdout).toContain('\x1b[');
    expect(stripVTControlCharacters(plainThere.stdout)).toMatch(line);
  });

  test('a boot that is shown on a terminal leaves what goes elsewhere without colours', async () => {
    await using other = await rig.system({
      yaml: { organs: { a: { command: 'echo hello; sleep 1; exit 3', restart: 'never' } } },
    });
    const line = `${rig.azora} up --exit-code-from a > lines`;
    const env = { TERM: 'xterm-256color' };
    const shown = await other.expect(3, ['-qec', line, '/dev/null'], { program: 'script', env });
    expect(shown.stdout).toContain('\x1b[32m');
    const lines = readFileSync(other.path('lines'), 'utf8');
    expect(lines).toContain('a | hello\n');
    expect(lines).not.toContain('\x1b');
  });

  test('--version, --help', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
    expect(await out(0, '--version')).toContain(version);
    expect(await out(0, '--help')).toMatch(/azora .*<command>/);
    expect(await out(0, 'up', '--help')).toContain('--wait-timeout');
  });
});

describe('status', () => {
  test('--json, -q, --by, --exit-code, names, ps', async () => {
    expect((await json(0, 'status', '--json')).version).toBe(1);
    expect(await lines('status', '-q')).toEqual(['talker', 'mute', 'failing', 'by-day']);
    expect(await lines('status', '-q', 'mute', 'talker')).toEqual(['talker', 'mute']);
    expect(await lines('ps', '--quiet', 'mute')).toEqual(['mute']);
    expect(await out(0, 'status', '--by', 'category')).toMatch(/^Speech {2}1 organ/m);
    await system().expect(0, ['status']);
    await system().expect(1, ['status', '--exit-code']);
  });

  test('--watch: as it changes, one document a line with --json', async () => {
    const watch = system().start(['status', '--watch', '--json']);
    await watch.waitForLine(/"version":1/);
    await system().expect(0, ['restart', 'by-day']);
    await watch.waitForLine(/"instance":"by-day"[^}]*"state":"(starting|stopping)"/);
    watch.signal('SIGINT');
    const { code, signal } = await watch.finished();
    expect(code ?? signal).toSatisfy((end) => end === 130 || end === 'SIGINT');
    expect((await system().instance('by-day')).state).toBe('ready');
  });
});

describe('logs', () => {
  const said = (...args: string[]) => lines('logs', '--no-prefix', ...args);

  test('--stdout, --stderr, --grep, -n, --no-prefix, names', async () => {
    const all = ['first life', 'aloud', 'softly', ''];
    expect((await said('talker')).toSorted()).toEqual(all.toSorted());
    expect(await said('--stderr')).toEqual(['softly']);
    expect(await said('--stdout', 'talker')).toEqual(['first life', 'aloud', '']);
    expect(await said('--grep', '^a.*d$')).toEqual(['aloud']);
    expect(await said('-n', '1', '--stdout')).toHaveLength(2);
    expect(await said('--lines', '2', '--stdout', 'talker')).toEqual(['aloud', '']);
    expect(await lines('logs', '--grep', 'aloud')).toEqual([expect.stringMatching(/^talker.*aloud$/)]);
  });

  test('-t, --json, --raw', async () => {
    expect(await lines('logs', '-t', '--grep', 'aloud')).toEqual([expect.stringMatching(/\d\d:\d\d:\d\d.*aloud$/)]);
    expect(await lines('logs', '--timestamps', '--grep', 'softly')).toEqual([
      expect.stringMatching(/\d\d:\d\d:\d\d.*softly$/),
    ]);
    const [line] = await lines('logs', '--json', '--grep', 'softly');
    expect(JSON.parse(line!)).toEqual({
      ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      organ: 'talker',
      instance: 'talker',
      stream: 'stderr',
      line: 'softly',
    });
    expect(await out(0, 'logs', '--raw', '--stdout', 'talker')).toBe('first life\naloud\n\n');
  });

  test('--since, --until: from then, up to then', async () => {
    const [first] = await lines('logs', '--json', 'talker');
    const after = new Date(Date.parse(JSON.parse(first!).ts) + 60_000).toISOString();
    const before = new Date(Date.parse(JSON.parse(first!).ts) - 60_000).toISOString();
    expect(await said('--since', after)).toEqual([]);
    expect((await said('--since', '1h', 'talker')).length).toBe(4);
    expect(await said('--until', before)).toEqual([]);
    expect((await said('--until', after, 'talker')).length).toBe(4);
  });

  test('-f: what comes; --previous: the life before', async () => {
    const follow = system().start(['logs', '-f', '--no-prefix', 'talker']);
    await follow.waitForLine(/^aloud$/);
    await system().expect(0, ['restart', 'talker']);
    await expect.poll(() => follow.stdout.match(/^aloud$/gm)?.length).toBe(2);
    follow.signal('SIGINT');
    await follow.finished();
    expect((await said('--previous', 'talker')).toSorted()).toEqual(['', 'aloud', 'first life', 'softly']);
    expect(await said('talker')).toHaveLength(8);
  });
});

describe('events', () => {
  test('--json, --organ, --type, --since, -f', async () => {
    const told = async (...args: string[]) =>
      (await lines('events', '--json', ...args)).map(
        (line) => JSON.parse(line) as { type: string; organ: string | null; ts: string },
      );
    const all = await told();
    expect(Object.keys(all[0]!).toSorted()).toEqual([
      'bootId',
      'data',
      'id',
      'instance',
      'message',
      'organ',
      'ts',
      'type',
    ]);
    expect(new Set((await told('--organ', 'mute')).map(({ organ }) => organ))).toEqual(new Set(['mute']));
    const types = new Set((await told('--type', 'organ-ready', '--type', 'organ-failed')).map(({ type }) => type));
    expect(types).toEqual(new Set(['organ-ready', 'organ-failed']));
    expect((await told('--since', new Date(Date.now() + 60_000).toISOString())).length).toBe(0);
    expect((await told('--since', '1h')).length).toBeGreaterThanOrEqual(all.length);
    expect(await lines('events', '--type', 'system-ready')).toContainEqual(
      expect.stringMatching(/^\d\d:\d\d:\d\d\.\d{3} {2}system-ready/),
    );
    const stops = ['--json', '--organ', 'by-day', '--type', 'organ-stopped'];
    await system().expect(0, ['restart', 'by-day']);
    const before = (await lines('events', ...stops)).length;
    const follow = system().start(['events', '-f', ...stops]);
    const followed = () => follow.stdout.split('\n').length - 1;
    await expect.poll(followed, { timeout: 10_000 }).toBe(before);
    await system().expect(0, ['restart', 'by-day']);
    await expect.poll(followed, { timeout: 10_000 }).toBe(before + 1);
    follow.signal('SIGINT');
    await follow.finished();
  });
});

describe('looking', () => {
  test('check: --json', async () => {
    const document = await json(0, 'check', '--json');
    expect(document).toMatchObject({ version: 1, passed: true, checks: [{ name: 'fine', organ: null, passed: true }] });
    expect(await out(0, 'check')).not.toMatch(/^\{/);
  });

  test('graph: --format, --profile', async () => {
    expect(await json(0, 'graph', '--format', 'json')).toMatchObject({
      version: 1,
      organs: expect.arrayContaining([
        { organ: 'talker', level: 0, dependsOn: [] },
        {
          organ: 'mute',
          level: 1,
          dependsOn: [{ organ: 'talker', condition: 'started', restart: false, required: true }],
        },
      ]),
    });
    expect(await out(0, 'graph', '--format', 'mermaid')).toMatch(/^(graph|flowchart) /);
    expect(await out(0, 'graph', '--format', 'dot')).toMatch(/^digraph /);
    expect(await out(0, 'graph', '--format', 'tree')).toBe(await out(0, 'graph'));
    expect(await out(0, 'graph')).toContain('by-day');
    const night = await out(0, 'graph', '--profile', 'night');
    expect([night.includes('by-night'), night.includes('by-day')]).toEqual([true, false]);
  });

  test('config: --json, --check, --schema, --profile', async () => {
    expect(await out(0, 'config')).toMatch(/^version: 1$/m);
    expect(Object.keys((await json(0, 'config', '--json')).organs)).toContain('by-day');
    expect(Object.keys((await json(0, 'config', '--json', '--profile', 'night')).organs)).toContain('by-night');
    expect(await out(0, 'config', '--check')).toMatch(/is valid: 4 organs/);
    expect((await json(0, 'config', '--schema')).$schema).toContain('json-schema.org');
  });

  test('query: --json, --csv, --timeout', async () => {
    const sql = "select organ, exit_code from instances where organ in ('failing', 'mute') order by organ";
    expect(await json(0, 'query', '--json', sql)).toEqual([
      { organ: 'failing', exit_code: 3 },
      { organ: 'mute', exit_code: null },
    ]);
    expect(await lines('query', '--csv', sql)).toEqual(['organ,exit_code', 'failing,3', 'mute,']);
    expect((await lines('query', sql)).length).toBeGreaterThan(2);
    const endless = 'with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n';
    const { durationMs } = await system().expect(124, ['query', '--timeout', '300ms', endless]);
    expect(durationMs).toBeLessThan(20_000); // unasked it is 30 s
    expect((await system().run(['query', 'delete from events'])).code).not.toBe(0);
  });

  test('why: --json', async () => {
    expect(await json(0, 'why', '--json', 'failing')).toMatchObject({ version: 1 });
    expect(await out(0, 'why', 'failing')).toMatch(/^failing is failed: .*exited with code 3/);
  });

  test('doctor: --json; --fix is tested with what it fixes', async () => {
    expect(await json((await system().run(['doctor'])).code!, 'doctor', '--json')).toMatchObject({
      version: 1,
      findings: expect.any(Array),
      fine: expect.any(Array),
    });
  });
});

describe('acting', () => {
  const edit = (of: System, organs: object) => of.write('azora.yaml', JSON.stringify({ version: 1, organs }));

  test('plan, reload: --json, --dry-run, --profile', async () => {
    await using other = await rig.system({ yaml: { organs: { a: rest(), b: rest() } } });
    await other.expect(0, ['up', '-d']);
    edit(other, { a: rest(), b: { command: 'sleep 2000' }, c: rest({ profiles: ['more'] }) });
    const rows = async (...args: string[]) =>
      (JSON.parse((await other.expect(0, args)).stdout) as { organs: { organ: string; action: string }[] }).organs.map(
        ({ organ, action }) => `${organ} ${action}`,
      );
    expect(await rows('plan', '--json')).toEqual(['b restart']);
    expect(await rows('plan', '--json', '--profile', 'more')).toEqual(expect.arrayContaining(['b restart', 'c start']));
    const before = await other.status();
    expect(await rows('reload', '--dry-run', '--json')).toEqual(['b restart']);
    expect((await other.status()).organs).toMatchObject(before.organs.map(({ pid }) => ({ pid })));
    expect(await rows('reload', '--json', '--profile', 'more')).toEqual(
      expect.arrayContaining(['b restart', 'c start']),
    );
    const { organs } = await other.waitFor(
      (status) => status.organs.length === 3 && status.organs.every(({ state }) => state === 'ready'),
    );
    expect(organs[0]!.pid).toBe(before.organs[0]!.pid);
    expect(organs[1]!.pid).not.toBe(before.organs[1]!.pid);
  });

  test('up: --profile, --fresh; a stopped organ stays stopped', async () => {
    await using other = await rig.system({ yaml: { organs: { a: rest(), night: rest({ profiles: ['night'] }) } } });
    await other.expect(0, ['up', '-d', '--profile', 'night']);
    expect((await other.status()).organs.map(({ organ }) => organ)).toEqual(['a', 'night']);
    await other.expect(0, ['stop', 'a']);
    const { stderr } = await other.expect(0, ['up', '-d', '--profile', 'night']);
    expect(stderr).toMatch(/stopped by hand before, and still down: a\b/);
    expect((await other.instance('a')).state).toBe('stopped');
    await other.expect(0, ['up', '-d', '--fresh', '--profile', 'night']);
    expect((await other.instance('a')).state).toBe('ready');
  });

  test('scale: two at once, and neither is lost', async () => {
    await using other = await rig.system({ yaml: { organs: { a: rest(), b: rest(), c: rest() } } });
    await other.expect(0, ['up', '-d']);
    await Promise.all([other.expect(0, ['scale', 'a=2', 'c=3']), other.expect(0, ['scale', 'b=2'])]);
    const { organs } = await other.waitFor((status) => status.organs.every(({ state }) => state === 'ready'));
    expect(organs.map(({ instance }) => instance).toSorted()).toEqual([
      'a-1',
      'a-2',
      'b-1',
      'b-2',
      'c-1',
      'c-2',
      'c-3',
    ]);
  });

  test('run: --profile', async () => {
    const { stdout } = await system().expect(0, ['run', 'by-night', '--', 'sh', '-c', 'echo $AZORA_ORGAN']);
    expect(stdout).toBe('by-night\n');
  });

  test('stop, restart, start: -t instead of each organ’s own stop.timeout', async () => {
    const deaf = quiet({ command: "trap '' TERM; echo ready; while :; do sleep 0.05; done", stop: { timeout: '60s' } });
    await using other = await rig.system({ yaml: { organs: { deaf } } });
    await other.expect(0, ['up', '-d']);
    for (const args of [
      ['restart', '-t', '200ms', 'deaf'],
      ['stop', '--timeout', '200ms', 'deaf'],
    ]) {
      const { durationMs } = await other.expect(0, args);
      expect(durationMs).toBeLessThan(10_000);
    }
    await other.expect(0, ['start', 'deaf']);
    const { durationMs } = await other.expect(0, ['down', '-t', '200ms']);
    expect(durationMs).toBeLessThan(10_000);
  });

  test('init: --from, --force; export: -o', async () => {
    await using other = await rig.system({
      yaml: { organs: { kept: rest() } },
      files: { Procfile: 'web: sleep 1000\n', 'sub/package.json': '{"scripts":{"start":"sleep 1"}}' },
    });
    await other.expect(2, ['init', '--from', 'Procfile']);
    expect(readFileSync(other.path('azora.yaml'), 'utf8')).toContain('kept');
    await other.expect(0, ['init', '--from', 'Procfile', '--force']);
    expect(readFileSync(other.path('azora.yaml'), 'utf8')).toMatch(/^ {2}web:/m);
    await other.expect(0, ['init', '--from', 'sub/package.json']);
    expect(readFileSync(other.path('sub/azora.yaml'), 'utf8')).toContain('sleep 1');
    const onStdout = (await other.expect(0, ['export', 'systemd'])).stdout;
    expect(onStdout).toContain('[Service]');
    await other.expect(0, ['export', 'systemd', '-o', 'units']);
    expect(existsSync(other.path('units'))).toBe(true);
  });
});
