import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/adapters/config/load.ts';
import { folderOf, load, problems } from './folder.ts';

/** `organs: { web: … }` with the organ's keys given; they begin at line 4, column 5. */
const web = (keys: string) => `organs:\n  web:\n    command: sleep 1\n${keys.replace(/^/gm, '    ')}\n`;

describe('one mistake', () => {
  it.each<[what: string, file: string, expected: string]>([
    // Structure
    ['an empty file', '', 'the file is empty'],
    ['only a comment', '# nothing\n', 'the file is empty'],
    ['a file without organs', 'version: 1\n', '1:1 there are no organs'],
    ['organs without any', 'organs:\n', '1:1 expected a map of organs, found nothing'],
    ['a list where a map belongs', 'organs: [a]\n', '1:9 expected a map of organs, found a list'],
    ['a list as the file', '- a\n', '1:1 expected a map: version, name, organs, …, found a list'],
    ['text as the file', 'hello\n', '1:1 expected a map: version, name, organs, …, found "hello"'],
    ['an unknown key at the top', 'organ: {}\norgans: { a: { command: x } }\n', '1:1 unknown key "organ"'],
    ['an unknown key of an organ', web('comand: x'), '4:5 unknown key "comand"'],
    ['an unknown key deep down', web('restart: { limt: 3 }'), '4:16 unknown key "limt"'],
    ['a duplicate key', web('cwd: a\ncwd: b'), '5:5 duplicate key "cwd"'],
    ['a duplicate organ', 'organs:\n  a: { command: x }\n  a: { command: y }\n', '3:3 duplicate key "a"'],
    ['__proto__', web('env: { __proto__: x }'), '4:12 "__proto__" cannot be a key'],
    ['a map as a key', 'organs: { ? { a: b } : { command: x } }\n', '1:13 a key has to be text'],
    ['an organ without a command', 'organs:\n  a: { cwd: x }\n', '2:3 organ a has no command'],
    ['an organ that is nothing', 'organs:\n  a:\n', '2:3 expected a map that describes an organ, found nothing'],
    [
      'a bad organ name',
      'organs:\n  Web: { command: x }\n',
      '2:3 "Web" is not a name here: a name starts with a letter a-z and goes on with at most 62 of a-z, 0-9 and -',
    ],
    [
      'a bad system name',
      `name: My System\n${web('')}`,
      '1:7 a system\'s name starts with a-z or 0-9 and goes on with at most 62 of a-z, 0-9, ".", "_" and "-"',
    ],
    ['another version', `version: 2\n${web('')}`, '1:10 expected 1, the only version there is, found 2'],
    // YAML
    ['tabs', 'organs:\n\ta: { command: x }\n', '2:1 tabs are not allowed as indentation'],
    ['a second document', `${web('')}---\na: 1\n`, '5:1 a second document starts here; the file holds one'],
    [
      'an alias without its anchor',
      web('env: *nobody'),
      '4:10 "*nobody" stands for nothing: there is no "&nobody" before it',
    ],
    ['an alias of itself', web('labels: &l { a: *l }'), '4:21 "*l" contains itself'],
    ['a merge key of text', web('<<: text'), '4:9 a merge key ("<<") takes a map, an alias of one, or a list of these'],
    ['an unknown tag', web('cwd: !path x'), '4:10 unresolved tag: !path'],
    // Values
    [
      'a bad duration',
      web('stop: { timeout: 5 parsecs }'),
      '4:22 "5 parsecs" is not a duration such as 250ms, 30s, 5m or 1h30m',
    ],
    [
      'a duration without a unit',
      web('stop: { timeout: 5 }'),
      '4:22 expected a duration such as 250ms, 30s, 5m or 1h30m, found 5',
    ],
    ['a duration beyond all timers', web('stop: { timeout: 30d }'), '4:22 longer than 24d20h31m23s647ms'],
    ['an interval of nothing', web('health: { interval: 0s }'), '4:25 must be longer than 0s'],
    ['a bad size', web('logs: { max_size: big }'), '4:23 "big" is not a size such as 512Mi, 10MB or 1GiB'],
    [
      'a bad amount of cpu',
      web('resources: { cpu: lots }'),
      '4:23 "lots" is not an amount of cpu such as 250m, 0.5 or 2',
    ],
    [
      'a bad regular expression',
      web('health: { log: "ready(" }'),
      '4:20 not a regular expression: /ready(/: Unterminated group',
    ],
    [
      'a bad schedule',
      web('kind: task\nschedule: "61 * * * *"'),
      '5:15 "61" is not a minute: write *, 0-59, a list, a range or */n',
    ],
    [
      'a bad signal',
      web('stop: { signal: SIGFOO }'),
      '4:21 "SIGFOO" is not a signal that stops a program, such as SIGTERM, SIGINT or SIGQUIT',
    ],
    [
      'a bad port',
      web('ports: { http: 99999 }'),
      '4:20 expected a port: a number from 1 to 65535, or auto, found 99999',
    ],
    [
      'a port as text',
      web('ports: { http: "99999" }'),
      '4:20 expected a port: a number from 1 to 65535, or auto, found "99999"',
    ],
    ['too much jitter', web('restart: { jitter: 25 }'), '4:24 expected a number from 0 to 1, found 25'],
    ['too small a factor', web('restart: { factor: "0.5" }'), '4:24 expected a factor from 1 to 100, found "0.5"'],
    ['no memory', web('resources: { memory: 0 }'), '4:26 must be more than 0 bytes'],
    ['an empty label', web('labels: { "": x }'), '4:15 "" is not a name here: it is empty'],
    ['port 0', web('ports: { http: 0 }'), '4:20 expected a port: a number from 1 to 65535, or auto, found 0'],
    [
      'a bad word of a few',
      web('restart: allways'),
      '4:14 expected always, on-failure, never, or a map, found "allways"',
    ],
    ['no replicas', web('replicas: 0'), '4:15 expected a whole number from 1 to 1000, found 0'],
    ['half a replica', web('replicas: 1.5'), '4:15 expected a whole number from 1 to 1000, found 1.5'],
    ['an empty path', web('cwd: "${HERE:-}"'), '4:10 expected a path, found ""'],
    ['a map as text', web('description: { a: b }'), '4:18 expected text, found a map'],
    [
      'an open quote in a command',
      'organs:\n  a: { command: "echo \'x" }\n',
      '2:17 the command has a quote without its partner',
    ],
    ['an empty command', 'organs:\n  a: { command: "" }\n', '2:17 the command is empty'],
    [
      'a bad comparison',
      web('ports: { a: 1 }\nhealth: { http: /, expect: { json: { n: ">= many" } } }'),
      '5:45 a comparison needs a number, as in ">= 11"',
    ],
    ['a bad rate', web('route: { prefix: /a, rate_limit: fast }'), '4:38 write a rate as 100/s, 100/m or 100/h'],
    ['an unknown event', `hooks: { system-redy: x }\n${web('')}`, '1:10 unknown key "system-redy"'],
    [
      'a variable with "=" in its name',
      web('env: { "A=B": x }'),
      '4:12 "A=B" is not a name here: a variable\'s name is not empty and has no "="',
    ],
    [
      'NUL in an argument',
      'organs:\n  a: { command: [x, "a\\0b"] }\n',
      '2:21 a NUL character can be part of neither an argument nor a variable',
    ],
    [
      'NUL in a variable',
      web('env: { A: "a\\0b" }'),
      '4:15 a NUL character can be part of neither an argument nor a variable',
    ],
    [
      'an argument that the kernel refuses',
      `organs:\n  a: { command: [x, ${'y'.repeat(131_072)}] }\n`,
      '2:17 an argument of organ a has 131072 bytes; the kernel takes at most 131071',
    ],
    [
      'a variable that the kernel refuses',
      web(`env: { A: ${'é'.repeat(65_536)} }`),
      '4:15 the variable A of organ web has 131074 bytes; the kernel takes at most 131071',
    ],
    // Interpolation
    ['a variable that is required', web('cwd: "${HERE:?say where}"'), '4:11 the variable HERE is required: say where'],
    ['a broken variable', web('cwd: a/${HERE'), '4:12 "${HERE" is not a variable'],
    [
      'a reference to nobody',
      web('env: { A: "${organs.wbe.url}" }'),
      '4:16 ${organs.wbe.url} names organ "wbe", which does not exist',
    ],
    [
      'a reference to an organ without ports',
      web('env: { A: "x${organs.web.url}" }'),
      '4:17 ${organs.web.url}: organ web has no ports',
    ],
    [
      'a reference to half an endpoint',
      web('env: { A: "${organs.web.prot}" }'),
      '4:16 "${organs.web.prot}" is not a reference to an organ',
    ],
    [
      'a reference in a path',
      web('ports: { a: 1 }\ncwd: "${organs.web.port}"'),
      '5:10 a reference to an organ cannot stand here',
    ],
    // Between organs
    ['an unknown dependency', web('depends_on: [wbe]'), '4:18 organ web depends on "wbe", which does not exist'],
    [
      'an unknown dependency in a map',
      web('depends_on: { wbe: { condition: started } }'),
      '4:19 organ web depends on "wbe", which does not exist',
    ],
    ['a dependency on itself', web('depends_on: [web]'), '4:18 organ web depends on itself: web -> web'],
    [
      'a cycle',
      'organs:\n  a: { command: x, depends_on: [b] }\n  b: { command: x, depends_on: [c] }\n  c: { command: x, depends_on: [a] }\n',
      '2:33 organs depend on each other: a -> b -> c -> a',
    ],
    [
      'a task that should be healthy',
      `${web('depends_on: { once: { condition: healthy } }')}  once: { command: x, kind: task }\n`,
      '4:38 organ web waits for task once to be healthy, which a task never is',
    ],
    [
      'a dependency of another profile',
      `${web('depends_on: [db]')}  db: { command: x, profiles: [dev] }\n`,
      '4:18 organ web needs db, and organ db is only part of profile dev, which is not active',
    ],
    [
      'two organs with one port',
      `${web('ports: { a: 80 }')}  db: { command: x, ports: { b: 80 } }\n`,
      '5:33 port 80 of organ db is also the port of organ web',
    ],
    [
      'an organ called as an instance of another',
      `${web('replicas: 2')}  web-2: { command: x }\n`,
      '5:3 organ web-2 has the name of an instance of web',
    ],
    [
      'an organ called as an instance of another may be, once there are more of it',
      `${web('autoscale: { min: 1, max: 3, cpu: 50 }')}  web-3: { command: x }\n`,
      '5:3 organ web-3 has the name of an instance of web',
    ],
    [
      'a port of the registry',
      `${web('ports: { a: 80 }')}registry: { port: 80 }\n`,
      '4:17 port 80 of organ web is also the port of the registry',
    ],
    [
      'two replicas with one port',
      web('replicas: 2\nports: { a: 80 }'),
      '5:17 organ web may run 2 times, and only one instance can have port 80',
    ],
    [
      'a step of nobody',
      `${web('')}boot: { steps: [{ name: one, organs: [wbe] }] }\n`,
      '5:39 step "one" names organ "wbe", which does not exist',
    ],
    [
      'an organ in two steps',
      `${web('')}boot: { steps: [{ name: one, organs: [web] }, { name: two, organs: [web] }] }\n`,
      '5:69 organ web is already part of step "one"',
    ],
    [
      'a step that waits for a later one',
      `${web('depends_on: [mid]')}  mid: { command: x, depends_on: [db] }\n  db: { command: x }\nboot: { steps: [{ name: one, organs: [web] }, { name: two, organs: [db] }] }\n`,
      '7:39 organ web of step "one" needs db, which boots only in the later step "two"',
    ],
    [
      'escalation to nobody',
      `${web('')}security: { escalate: { organ: elra, path: /d } }\n`,
      '5:32 security.escalate names organ "elra", which does not exist',
    ],
    [
      'a check of nobody',
      `${web('')}checks: [{ name: c, organ: wbe, http: / }]\n`,
      '5:28 check "c" names organ "wbe", which does not exist',
    ],
    ['two probes', web('health: { tcp: 1, exec: x }'), '4:23 a health probe is one of tcp and exec, not both'],
    ['a check without a probe', web('verify: [{ name: v }]'), '4:14 a check needs something to do: http, tcp or exec'],
    ['a check with two', web('verify: [{ tcp: 1, exec: x }]'), '4:24 a check is one of tcp and exec, not more'],
    [
      'a path without a port',
      web('health: { http: /healthz }'),
      "4:21 a path is asked for on the organ's first port, and it has no ports",
    ],
    [
      'a path without an organ',
      `${web('')}checks: [{ http: /x }]\n`,
      '5:18 a path needs an organ to ask: add `organ: NAME`, or write a whole URL',
    ],
    [
      'an expectation that no probe can meet',
      web('health: { tcp: 1, expect: { status: 200 } }'),
      '4:33 expect.status: a probe by tcp has none',
    ],
    [
      'a schedule of a service',
      web('schedule: "* * * * *"'),
      '4:5 organ web has a schedule, and only a task can have one',
    ],
    [
      'scaling the wrong way round',
      web('autoscale: { min: 3, max: 2 }'),
      '4:23 organ web has more instances at least (3) than at most (2)',
    ],
  ])('%s', async (_, file, expected) => {
    expect(await problems(file)).toEqual([expected]);
  });
});

describe('suggestions', () => {
  it.each<[file: string, hint: string]>([
    [web('comand: x'), 'did you mean "command"?'],
    [web('restart: allways'), 'did you mean "always"?'],
    [web('depends_on: [wbe]'), 'did you mean "web"?'],
    [web('env: { A: "${organs.web.prot}" }'), 'did you mean "port"?'],
    [`hooks: { system-redy: x }\n${web('')}`, 'did you mean "system-ready"?'],
    [web('cwd: a\ncwd: b'), 'it is already on line 4'],
    [web('env_file: nope.env'), 'end the path in "?" if it may be missing'],
  ])('%j', async (file, hint) => {
    const result = await load(file);
    expect(result.ok ? [] : result.problems.map((problem) => problem.hint)).toEqual([hint]);
  });
});

describe('several mistakes', () => {
  it('are told at once, in the order of the file, those of later stages too', async () => {
    const file = [
      'registy: false',
      'organs:',
      '  a: { comand: x, command: x, depends_on: [b] }',
      '  b: { command: x, depends_on: [a, ghost], stop: { timeout: soon } }',
      '  c: [1]',
      '  d: { command: x, depends_on: [c], env: { A: "${A:?}" }, ports: { x: 1 } }',
      '  e: { command: x, ports: { x: 1 } }',
    ].join('\n');
    expect(await problems(file)).toEqual([
      '1:1 unknown key "registy"',
      '3:8 unknown key "comand"',
      '3:44 organs depend on each other: a -> b -> a',
      '4:36 organ b depends on "ghost", which does not exist',
      '4:61 "soon" is not a duration such as 250ms, 30s, 5m or 1h30m',
      '5:6 expected a map that describes an organ, found a list',
      '6:48 the variable A is required: it is not set',
      '7:32 port 1 of organ e is also the port of organ d',
    ]);
  });

  it('do not breed others: a bad command is no missing one, a bad organ no unknown one', async () => {
    const file = 'organs:\n  a: { command: {} }\n  b: { command: x, depends_on: [a, c] }\n  c: 1\n';
    expect(await problems(file)).toEqual([
      '2:17 expected a command: text, or a list of a program and its arguments, found a map',
      '4:6 expected a map that describes an organ, found 1',
    ]);
  });

  it('are told of every file, with its name', async () => {
    const result = await load({
      'azora.yaml': `include: ops/x.yaml\n${web('cwdd: x')}`,
      'ops/x.yaml': 'organs:\n  web: { evn: {} }\n',
    });
    expect(result.ok ? [] : result.problems.map(({ file, line, message }) => `${file}:${line} ${message}`)).toEqual([
      'azora.yaml:5 unknown key "cwdd"',
      'ops/x.yaml:2 unknown key "evn"',
    ]);
  });
});

describe('hostile files', () => {
  const bomb = [
    'x-a: &a [x, x, x, x, x, x, x, x, x]',
    ...'bcdefghij'
      .split('')
      .map((name, i) => `x-${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[i]}`).join(', ')}]`),
  ].join('\n');

  it.each<[what: string, file: string, expected: RegExp]>([
    ['a bomb of aliases', bomb, /expand to more than 500000 values/],
    [
      '101 aliases',
      `x-a: &a 1\nx-b: [${Array(101).fill('*a').join(', ')}]\norgans: { w: { command: x } }\n`,
      /^2:407 more than 100 aliases$/,
    ],
    ['lists 10,000 deep', `${'['.repeat(10_000)}${']'.repeat(10_000)}`, /^1:\d+ nested more than 32 levels deep$/],
    ['lists 10,000 deep, in blocks', '- '.repeat(10_000), /nested more than 32 levels deep/],
    ['a megabyte of opening brackets', '['.repeat(1_000_000), /nested more than 32 levels deep/],
    [
      '33 levels',
      `organs: { w: { command: x } }\nx-deep: ${'['.repeat(32)}${']'.repeat(32)}\n`,
      /^2:40 nested more than 32 levels deep$/,
    ],
    [
      'more than 1 MiB',
      `# ${'x'.repeat(1024 * 1024)}\n`,
      /^azora.yaml has 1048579 bytes; at most 1048576 \(1 MiB\) are read$/,
    ],
    ['bytes that are no text', '\u0000', /./],
  ])(
    '%s',
    async (_, file, expected) => {
      const found = await problems(file);
      expect(found.length).toBeGreaterThan(0);
      expect(found[0]).toMatch(expected);
    },
    5000,
  );

  it('mistakes by the ten thousand are counted, the first thousand told', async () => {
    const keys = Array.from({ length: 50_000 }, (_, i) => `key${i}: 1\n`).join('');
    const unknown = await problems(`${keys}${web('')}`);
    expect(unknown).toHaveLength(1001);
    expect(unknown.at(-1)).toBe('and about 49000 more problems');
    const organs = Array.from({ length: 3000 }, (_, i) => `  o${i}: { command: x, depends_on: [p${i}] }\n`).join('');
    expect((await problems(`organs:\n${organs}`)).at(-1)).toBe('and about 2000 more problems');
  }, 20_000);

  it('100 aliases and 32 levels are fine', async () => {
    const file = `x-a: &a 1\nx-b: [${Array(100).fill('*a').join(', ')}]\nx-c: ${'['.repeat(31)}${']'.repeat(31)}\norgans: { w: { command: x } }\n`;
    expect((await load(file)).ok).toBe(true);
  });

  it('a file of a gigabyte is refused before it is read', async () => {
    const folder = folderOf({ 'azora.yaml': '' });
    truncateSync(join(folder, 'azora.yaml'), 2 ** 30);
    const result = await loadConfig({ cwd: folder, env: {} });
    expect(result.ok ? [] : result.problems.map(({ message }) => message)).toEqual([
      'azora.yaml has 1073741824 bytes; at most 1048576 (1 MiB) are read',
    ]);
  });

  it('a file that is no UTF-8, a folder, and a pipe that nobody writes are refused', async () => {
    const folder = folderOf({});
    writeFileSync(join(folder, 'latin.yaml'), Buffer.from([0x61, 0xe9, 0x0a]));
    mkdirSync(join(folder, 'folder.yaml'));
    execFileSync('mkfifo', [join(folder, 'pipe.yaml')]);
    const messages: string[] = [];
    for (const file of ['latin.yaml', 'folder.yaml', 'pipe.yaml']) {
      const result = await loadConfig({ cwd: folder, env: {}, file });
      if (!result.ok) messages.push(...result.problems.map(({ message }) => message));
    }
    expect(messages).toEqual([
      'latin.yaml is not UTF-8 text',
      'folder.yaml is a folder',
      'pipe.yaml is not a regular file',
    ]);
  });
});

describe('files that are not there', () => {
  it('says where it looked, and what to write', async () => {
    const cwd = folderOf({});
    const result = await loadConfig({ cwd, env: {} });
    expect(result).toMatchObject({ ok: false, file: null });
    const [problem] = result.ok ? [] : result.problems;
    expect(problem!.message).toBe(`no azora.yaml or azora.yml in ${cwd} or any folder above it`);
    expect(problem!.hint).toContain('command: node server.js');
  });

  it('the example that it gives is a valid file', async () => {
    const result = await loadConfig({ cwd: folderOf({}), env: {} });
    const hint = result.ok ? '' : result.problems[0]!.hint!;
    expect((await load(hint.slice(hint.indexOf('organs:')))).ok).toBe(true);
  });

  it('names a file that was asked for, an included one, an env_file', async () => {
    expect(await problems({}, { file: 'other.yaml' })).toEqual(['other.yaml does not exist']);
    expect(await problems(`include: [gone.yaml]\n${web('')}`)).toEqual(['1:11 include: gone.yaml does not exist']);
    const [message] = await problems(web('env_file: [gone.env]'));
    expect(message).toMatch(/^4:16 env_file \/.*\/gone.env does not exist$/);
  });

  it('a cycle of includes is told as its whole path', async () => {
    const files = {
      'azora.yaml': `include: a.yaml\n${web('')}`,
      'a.yaml': 'include: b.yaml\n',
      'b.yaml': 'include: azora.yaml\n',
    };
    expect(await problems(files)).toEqual([
      '1:10 include: files include each other: azora.yaml -> a.yaml -> b.yaml -> azora.yaml',
    ]);
  });

  it('a broken link is a file that does not exist', async () => {
    const cwd = folderOf({});
    symlinkSync('nowhere', join(cwd, 'x.yaml'));
    const result = await loadConfig({ cwd, env: {}, file: 'x.yaml' });
    expect(result.ok ? [] : result.problems.map(({ message }) => message)).toEqual(['x.yaml does not exist']);
  });
});
