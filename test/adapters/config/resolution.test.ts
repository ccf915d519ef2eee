import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml, stringify } from 'yaml';
import { loadConfig } from '../../../src/adapters/config/load.ts';
import { referenceMark } from '../../../src/core/config/references.ts';
import { EVERY_KEY } from './example.ts';
import { folderOf, problems, resolved, warnings } from './folder.ts';

const organs = (...lines: string[]) => `organs:\n${lines.map((line) => `  ${line}\n`).join('')}`;

describe('finding the file', () => {
  it('takes --file, else $AZORA_FILE, else the nearest azora.yaml or azora.yml upwards', async () => {
    const files = {
      'azora.yml': 'name: top\norgans: { a: { command: x } }',
      'other.yaml': 'name: other\norgans: { a: { command: x } }',
      'sub/deep/x': '',
    };
    const cwd = join(folderOf(files), 'sub/deep');
    const nameOf = async (options: { file?: string; env?: Record<string, string> }) => {
      const result = await loadConfig({ cwd, env: {}, ...options });
      return result.ok ? result.config.name : result.problems;
    };
    expect(await nameOf({})).toBe('top');
    expect(await nameOf({ env: { AZORA_FILE: '../../other.yaml' } })).toBe('other');
    expect(await nameOf({ file: '../../azora.yml', env: { AZORA_FILE: '../../other.yaml' } })).toBe('top');
  });
});

describe('defaults', () => {
  it('of a minimal file are those of the contract', async () => {
    const cwd = folderOf({ 'My Project_1/azora.yaml': organs('web: { command: node server.js }') });
    const result = await loadConfig({ cwd: join(cwd, 'My Project_1'), env: { HOME: '/home/me' } });
    if (!result.ok) throw new Error('not valid');
    const { configHash, ...config } = result.config;
    const folder = join(cwd, 'My Project_1');
    expect(configHash).toMatch(/^[0-9a-f]{64}$/);
    expect(result.warnings).toEqual([]);
    expect(config).toEqual({
      name: 'my-project-1',
      file: join(folder, 'azora.yaml'),
      boot: { timeoutMs: 120_000, steps: [] },
      health: { intervalMs: 30_000 },
      security: { intervalMs: 60_000, checks: [], escalate: null, allow: ['observe', 'restart-organ', 'stop-organ'] },
      emergency: { on: ['critical-organ-failed'], deadlineMs: 15_000 },
      checks: [],
      hooks: {},
      registry: { host: '127.0.0.1', port: 'auto' },
      logs: { maxSize: 10_000_000, maxFiles: 5, compress: 'zstd', merge: false },
      redact: ['*_TOKEN', '*_SECRET', '*PASSWORD*', '*_KEY'],
      retention: { maxAgeMs: 30 * 86_400_000, maxBytes: 200_000_000 },
      envFiles: [],
      profiles: [],
      callerEnv: { HOME: '/home/me' },
      inactive: [],
      organs: {
        web: {
          name: 'web',
          description: null,
          category: null,
          command: { shell: false, argv: ['node', 'server.js'], text: 'node server.js' },
          cwd: folder,
          env: {},
          kind: 'service',
          schedule: null,
          dependsOn: [],
          critical: false,
          autostart: true,
          profiles: [],
          replicas: 1,
          autoscale: null,
          ports: [],
          health: {
            probe: { kind: 'none' },
            intervalMs: 30_000,
            timeoutMs: 5000,
            startTimeoutMs: 60_000,
            failures: 3,
            successes: 1,
            slowMs: null,
            expect: { status: null, json: {}, body: null, exitCode: 0 },
            restart: true,
          },
          verify: [],
          restart: {
            policy: 'always',
            delayMs: 500,
            factor: 2,
            maxDelayMs: 60_000,
            jitter: 0.25,
            resetAfterMs: 60_000,
            limit: 10,
            windowMs: 600_000,
          },
          successExitCodes: [0],
          stop: { signal: 'SIGTERM', timeoutMs: 10_000, command: null },
          resources: { cpu: null, memory: null },
          user: null,
          logs: { maxSize: 10_000_000, maxFiles: 5, compress: 'zstd', merge: false },
          watch: null,
          route: null,
          hooks: { preStart: null, postReady: null, preStop: null, postExit: null },
          labels: {},
          source: { file: 'azora.yaml', line: 2 },
        },
      },
    });
  });

  it('of the file are where every organ starts from, map by map', async () => {
    const config = await resolved(
      `defaults: { restart: { limit: 3 }, env: { A: a, B: b }, health: { http: /h, timeout: 1s }, ports: { http: auto }, command: "x y", labels: { l: 1 } }\n` +
        organs('one: { restart: on-failure, env: { B: c } }', 'two: { command: z, health: { tcp: 5 } }'),
    );
    expect(config.organs.one).toMatchObject({
      command: { argv: ['x', 'y'] },
      restart: { policy: 'on-failure', limit: 3 },
      env: { A: 'a', B: 'c' },
      health: { probe: { kind: 'http', target: '/h' }, timeoutMs: 1000 },
      labels: { l: '1' },
    });
    expect(config.organs.two).toMatchObject({
      command: { argv: ['z'] },
      health: { probe: { kind: 'tcp', target: '5' }, timeoutMs: 1000 },
    });
  });

  it('a task is not restarted; what the system says of health and logs holds for every organ', async () => {
    const config = await resolved(
      `health: { interval: 7s }\nlogs: { max_files: 9 }\nregistry: false\n${organs('t: { command: x, kind: task, logs: { merge: true } }')}`,
    );
    expect(config.registry).toBeNull();
    expect(config.organs.t).toMatchObject({
      restart: { policy: 'never' },
      health: { intervalMs: 7000 },
      logs: { maxFiles: 9, merge: true },
    });
  });
});

describe('what the documentation shows', () => {
  it('is valid', async () => {
    const guide = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    const examples = [...guide.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text!);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(await warnings(example)).toEqual([]);
  });

  it('is valid: a file with every key, whatever its line ends', async () => {
    const unix = await resolved(EVERY_KEY);
    const windows = await resolved(EVERY_KEY.replaceAll('\n', '\r\n'));
    expect(Object.keys(unix.organs)).toEqual(['elara', 'covenant', 'aegis', 'nightly', 'mint']);
    expect(JSON.stringify(windows.organs.mint!.verify)).toBe(JSON.stringify(unix.organs.mint!.verify));
  });
});

describe('shorthands', () => {
  it('mean what the long forms mean', async () => {
    const config = await resolved(
      organs(
        'a: { command: [node, -e, 1], ports: { p: "8080" }, health: { http: "http://x/" }, stop: { signal: int, command: "kill -2 0" }, replicas: "1", autostart: "false" }',
        'b: { command: x, health: false, user: 1000, env_file: "none?", depends_on: { a: null }, verify: [{ tcp: 80 }, { http: { path: "http://x/", body: { n: 1 } } }] }',
      ),
    );
    expect(config.organs.a).toMatchObject({
      command: { shell: false, argv: ['node', '-e', '1'] },
      ports: [{ name: 'p', port: 8080 }],
      health: { probe: { kind: 'http', target: 'http://x/', method: 'GET' } },
      stop: { signal: 'SIGINT', command: { shell: true, argv: ['/bin/sh', '-c', 'kill -2 0'] } },
      autostart: false,
    });
    expect(config.organs.b).toMatchObject({
      health: { probe: { kind: 'none' } },
      user: '1000',
      dependsOn: [{ organ: 'a', condition: 'healthy', restart: false, required: true }],
      verify: [
        { name: 'tcp 80', organ: 'b', probe: { kind: 'tcp', target: '80' }, timeoutMs: 10_000 },
        {
          name: 'POST http://x/',
          probe: { kind: 'http', method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"n":1}' },
        },
      ],
    });
  });

  it('in a list, a dependency with a probe is healthy, a task completed, any other started', async () => {
    const config = await resolved(
      organs(
        'p: { command: x, health: { tcp: 1 } }',
        't: { command: x, kind: task }',
        's: { command: x }',
        'a: { command: x, depends_on: [p, t, s, s] }',
      ),
    );
    expect(config.organs.a!.dependsOn.map(({ organ, condition }) => `${organ} ${condition}`)).toEqual([
      'p healthy',
      't completed',
      's started',
    ]);
  });
});

describe('the environment', () => {
  it("is the organ's env over its env_file over the system's env over its env_file over the caller's", async () => {
    const config = await resolved(
      {
        'azora.yaml': `env: { C: env }\nenv_file: sys.env\n${organs('a: { command: x, env: { A: organ }, env_file: [one.env, ops/two.env, gone.env?] }')}`,
        'sys.env': 'A=sysfile\nB=sysfile\nC=sysfile\nD=sysfile\n',
        'one.env': '# note\nexport A=file\nB="file one"\n',
        'ops/two.env': '\uFEFFB=file\n',
      },
      { env: { A: 'caller', B: 'caller', C: 'caller', D: 'caller', E: 'caller', GONE: undefined } },
    );
    expect(config.organs.a!.env).toEqual({ A: 'organ', B: 'file', C: 'env', D: 'sysfile' });
    expect(config.callerEnv).toEqual({ A: 'caller', B: 'caller', C: 'caller', D: 'caller', E: 'caller' });
  });

  it('keeps numbers as they are written, and passes on what has no value', async () => {
    const config = await resolved(
      `env: { P: system, Q: system }\n${organs('a: { command: x, env: { V: 1.10, C: 007, T: true, P: , Q: null, H: 0x1F } }')}`,
      { env: { P: 'caller' } },
    );
    expect(config.organs.a!.env).toEqual({ V: '1.10', C: '007', T: 'true', H: '0x1F' });
    expect(config.callerEnv).toEqual({ P: 'caller' });
  });

  it('has none of the variables that $AZORA_UNSET names', async () => {
    const config = await resolved(organs('a: { command: x }'), {
      env: { AZORA_UNSET: 'CACHE,OTHER', CACHE: '1', OTHER: '2', KEPT: '3' },
    });
    expect(config.callerEnv).toEqual({ KEPT: '3' });
  });

  it('may hold names that objects have of themselves', async () => {
    const config = await resolved(
      organs('constructor: { command: x, env: { toString: y } }', 'b: { command: x, depends_on: [constructor] }'),
    );
    expect(config.organs.constructor).toMatchObject({ env: { toString: 'y' } });
    expect(await problems(organs('b: { command: x, depends_on: [constructor] }'))).toEqual([
      '2:33 organ b depends on "constructor", which does not exist',
    ]);
  });
});

describe('interpolation', () => {
  it('happens everywhere, also where a number or a boolean is expected', async () => {
    const file = organs(
      'a: { command: "run ${WHAT:-it}", replicas: "${N}", critical: "${YES}", ports: { http: "${PORT:-auto}" }, env: { COST: "$$5", URL: "${organs.a.url}" } }',
    );
    const config = await resolved(file, { env: { N: '3', YES: 'true' } });
    expect(config.organs.a).toMatchObject({
      command: { argv: ['run', 'it'] },
      replicas: 3,
      critical: true,
      ports: [{ name: 'http', port: 'auto' }],
      env: { COST: '$5', URL: referenceMark('a', 'url') },
    });
  });

  it("reads the caller's environment first, then the main file's env_file", async () => {
    const files = {
      'azora.yaml': `env_file: .env\n${organs('a: { command: "x ${A} ${B}" }')}`,
      '.env': 'A=file\nB=file\n',
    };
    expect((await resolved(files, { env: { A: 'caller' } })).organs.a!.command.argv).toEqual(['x', 'caller', 'file']);
  });

  it('warns of what is not set, with the place', async () => {
    expect(await warnings(organs('a: { command: "x ${NONE}" }'))).toEqual([
      'azora.yaml:2: the variable NONE is not set and is read as empty; write ${NONE:-default} or ${NONE:?why}',
    ]);
  });

  it('does not reach into comments, keys, or a reference in an organ that does not run', async () => {
    await resolved(organs('a: { command: x } # ${BROKEN', 'b: { command: "x ${organs.b.url}", profiles: [dev] }'));
  });
});

describe('several files', () => {
  it('merge in order: main, its includes, the override; maps merge, lists replace, paths are relative to their file', async () => {
    const config = await resolved({
      'azora.yaml': `name: main\ninclude: [ops/one.yaml, ops/two.yaml]\nenv: { A: main, B: main }\n${organs('a: { command: x, cwd: here, profiles: [p] }')}profiles: [p]\n`,
      'ops/one.yaml': `env: { A: one, C: one }\n${organs('b: { command: y, env_file: b.env }', 'c: { command: z, cwd: sub }')}`,
      'ops/two.yaml': 'env: { C: two }\norgans: { a: { profiles: [q, p] }, b: { description: from two } }\n',
      'ops/b.env': 'D=file\n',
      'azora.override.yaml': 'env: { B: override }\n',
    });
    const root = join(config.file, '..');
    expect(config.organs.b!.env).toEqual({ A: 'one', B: 'override', C: 'two', D: 'file' });
    expect(config.organs.b).toMatchObject({
      description: 'from two',
      cwd: join(root, 'ops'),
      source: { file: 'ops/one.yaml', line: 3 },
    });
    expect(config.organs.a).toMatchObject({
      profiles: ['q', 'p'],
      cwd: join(root, 'here'),
      source: { file: 'azora.yaml', line: 5 },
    });
    expect(config.organs.c!.cwd).toBe(join(root, 'ops/sub'));
  });

  it('a later probe of another kind replaces the earlier one', async () => {
    const config = await resolved({
      'azora.yaml': organs('a: { command: x, ports: { p: 1 }, health: { http: /, timeout: 1s } }'),
      'azora.override.yaml': organs('a: { health: { tcp: 1 } }'),
    });
    expect(config.organs.a!.health).toMatchObject({ probe: { kind: 'tcp' }, timeoutMs: 1000 });
  });

  it('an override belongs to its file only', async () => {
    const cwd = folderOf({
      'azora.yaml': organs('a: { command: x }'),
      'azora.override.yaml': 'name: over\n',
      'ci.yaml': `name: ci\n${organs('a: { command: x }')}`,
    });
    const result = await loadConfig({ cwd, env: {}, file: 'ci.yaml' });
    expect(result.ok && result.config.name).toBe('ci');
  });

  it('may include one file twice, but not without end', async () => {
    await resolved({
      'azora.yaml': `include: [a.yaml, b.yaml]\n${organs('o: { command: x }')}`,
      'a.yaml': 'include: c.yaml\n',
      'b.yaml': 'include: c.yaml\n',
      'c.yaml': 'env: { A: a }\n',
    });
    const doubling = Object.fromEntries(
      Array.from({ length: 10 }, (_, i) => [
        `f${i}.yaml`,
        i < 9 ? `include: [f${i + 1}.yaml, f${i + 1}.yaml]\n` : 'env: { A: a }\n',
      ]),
    );
    const found = await problems({ 'azora.yaml': `include: f0.yaml\n${organs('o: { command: x }')}`, ...doubling });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/include: more than 100 files are included$/);
  });
});

describe('YAML', () => {
  it('is 1.2, with merge keys, aliases and x- keys', async () => {
    const config = await resolved(
      [
        'x-common: &common { restart: never, env: { A: a } }',
        'x-labels: [&l { team: core }]',
        organs(
          'a: { <<: *common, command: x, labels: *l, x-note: { any: [thing] } }',
          'b: { <<: [{ category: first }, { category: second, description: no }], command: x, env: { <<: { A: m, B: m }, A: own } }',
        ),
      ].join('\n'),
    );
    expect(config.organs.a).toMatchObject({ restart: { policy: 'never' }, env: { A: 'a' }, labels: { team: 'core' } });
    expect(config.organs.b).toMatchObject({ category: 'first', description: 'no', env: { A: 'own', B: 'm' } });
  });

  it('finds mistakes inside a merged map, where they stand', async () => {
    expect(await problems(`x-c: &c { restart: nevr }\n${organs('a: { <<: *c, command: x }')}`)).toEqual([
      '1:20 expected always, on-failure, never, or a map, found "nevr"',
    ]);
  });

  it('yes and no are words', async () => {
    const config = await resolved(organs('a: { command: x, env: { NORWAY: no }, labels: { ok: yes } }'));
    expect(config.organs.a).toMatchObject({ env: { NORWAY: 'no' }, labels: { ok: 'yes' } });
  });
});

describe('profiles', () => {
  const file = `profiles: [dev]\nboot: { steps: [{ name: s, organs: [d, p] }] }\nchecks: [{ name: c, organ: p, http: / }]\n${organs(
    'a: { command: x, depends_on: { p: { required: false } } }',
    'd: { command: x, profiles: [dev] }',
    'p: { command: x, profiles: [prod], env_file: not-there.env, ports: { http: auto } }',
  )}`;

  it('leave out organs that none of the active ones selects, and what is about them', async () => {
    const config = await resolved(file);
    expect(Object.keys(config.organs)).toEqual(['a', 'd']);
    expect(config).toMatchObject({
      inactive: ['p'],
      profiles: ['dev'],
      checks: [],
      boot: { steps: [{ name: 's', organs: ['d'] }] },
    });
    expect(config.organs.a!.dependsOn).toEqual([]);
    expect(await warnings(file)).toEqual([
      'azora.yaml: check "c" is left out: organ p is only part of profile prod, which is not active',
    ]);
  });

  it('named by the caller replace those of the file', async () => {
    const [message, ...more] = await problems(file, { profiles: ['prod'] });
    expect(more).toEqual([]);
    expect(message).toMatch(/env_file .*not-there.env does not exist/);
    const config = await resolved(file.replace(', env_file: not-there.env', ''), { profiles: ['prod'] });
    expect(Object.keys(config.organs)).toEqual(['a', 'p']);
  });
});

describe('warnings', () => {
  it('tell of waiting for the end of what never ends', async () => {
    const file = organs('a: { command: x }', 'b: { command: x, depends_on: { a: { condition: completed } } }');
    expect(await warnings(file)).toEqual([
      'azora.yaml: organ b waits for a to complete, and a is restarted whenever it exits (restart: always)',
    ]);
  });
});

describe('the hash', () => {
  const file = organs('a: { command: "x ${V:-v}", env: { A: "1" }, ports: { p: auto, q: auto } }', 'b: { command: y }');
  const hashOf = async (text: string, env: Record<string, string> = {}) => {
    const result = await loadConfig({ cwd, file: name(text), env });
    return result.ok ? result.config.configHash : 'not valid';
  };
  // One folder for all, since paths are part of what a file means.
  let cwd = '';
  const texts: string[] = [];
  const name = (text: string) => `${texts.indexOf(text)}.yaml`;
  const inOneFolder = (...all: string[]) => {
    texts.push(...all);
    cwd = folderOf(Object.fromEntries(all.map((text) => [name(text), text])));
  };

  it('does not change with the order of keys, on whatever level', async () => {
    const twoOfEach = `${EVERY_KEY}
  more:
    command: x
    ports: { http: auto }
    labels: { b: 1, a: 2 }
    verify: [{ http: { path: /, headers: { B: 1, A: 2 } }, expect: { json: { b: 1, a: 2 } } }]
`;
    const turned = stringify(inReverse(parseYaml(twoOfEach)));
    inOneFolder(twoOfEach, turned);
    expect(await hashOf(twoOfEach)).toMatch(/^[0-9a-f]{64}$/);
    expect(await hashOf(turned)).toBe(await hashOf(twoOfEach));
  });

  it('changes with the meaning, and with nothing else', async () => {
    const reordered = `# comment\n\n${organs("b: { command: 'y' }", 'a: { ports: { p: auto, q: auto }, env: { A: "1" }, command: "x   v" }')}`;
    const ports = file.replace('p: auto, q: auto', 'q: auto, p: auto');
    inOneFolder(file, reordered, ports);
    const original = await hashOf(file);
    expect(original).toMatch(/^[0-9a-f]{64}$/);
    expect(await hashOf(reordered)).toBe(original);
    expect(await hashOf(file, { OTHER: 'x' })).toBe(original);
    expect(await hashOf(file, { A: 'hidden by the file' })).toBe(original);
    expect(await hashOf(file, { V: 'w' })).not.toBe(original);
    expect(await hashOf(ports)).not.toBe(original);
  });
});

/** Each map with its keys the other way round; of ports and dependencies the order counts. */
function inReverse(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inReverse);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, isInOrder(key) ? each : inReverse(each)]);
  return Object.fromEntries(entries.reverse());
}

const isInOrder = (key: string): boolean => key === 'ports' || key === 'depends_on';
