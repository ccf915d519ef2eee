import { describe, expect, test } from 'vitest';
import { fromCompose } from '../../../src/core/coming-from/compose.ts';
import { readDockerfile } from '../../../src/core/coming-from/dockerfile.ts';
import type { Draft, DraftOrgan, FoundMap } from '../../../src/core/coming-from/draft.ts';
import { braced, literal, organNames, withoutDangling } from '../../../src/core/coming-from/draft.ts';
import { fromPackageJson } from '../../../src/core/coming-from/package-json.ts';
import { fromPm2 } from '../../../src/core/coming-from/pm2.ts';
import { fromProcessCompose } from '../../../src/core/coming-from/process-compose.ts';
import { fromProcfile } from '../../../src/core/coming-from/procfile.ts';
import { interpolate } from '../../../src/core/config/interpolate.ts';

function organ(draft: Draft, name: string): DraftOrgan {
  const found = draft.organs.find((each) => each.name === name);
  if (!found) throw new Error(`no ${name}: ${draft.organs.map((each) => each.name)}`);
  return found;
}

const compose = (services: FoundMap, dockerfile: string | null = null): Draft =>
  fromCompose(
    { services },
    { dockerfile: () => (dockerfile === null ? null : readDockerfile(dockerfile)), dotEnv: false },
  );

const process = (keys: FoundMap, others: FoundMap = {}): DraftOrgan =>
  organ(fromProcessCompose({ processes: { it: { command: 'x', ...keys }, ...others } }, { dotEnv: false }), 'it');

const app = (keys: FoundMap): DraftOrgan =>
  organ(
    fromPm2({ apps: [{ name: 'it', script: 'it.js', ...keys }] }, { cpus: 4, variables: { SECRET: 'hush' } }),
    'it',
  );

describe('text that another tool wrote', () => {
  test.each(['$HOME/${X:-y} costs $$5', '${', '$$$$', 'plain'])('%s is the same after azora has read it', (text) => {
    expect(interpolate(literal(text), () => 'WRONG')).toMatchObject({ text });
  });

  test.each([
    ['$NAME-$$NAME', '${NAME}-$$NAME'],
    ['${NAME:-x} $1', '${NAME:-x} $1'],
  ])('%s is interpolated as %s', (written, ours) => expect(braced(written)).toBe(ours));

  test('names become names of organs, none twice', () => {
    expect([...organNames(['API Server', 'api_server', '1st', '***', 'ok']).values()]).toEqual([
      'api-server',
      'api-server-2',
      'st',
      'organ',
      'ok',
    ]);
  });

  test('what is not started is not waited for, and that is said', () => {
    const draft = withoutDangling(
      compose({ db: { image: 'redis' }, api: { build: '.', command: 'x', depends_on: ['db'] } }),
    );
    expect(organ(draft, 'db').inactive).toBe(true);
    expect(organ(draft, 'api').keys.depends_on).toBeUndefined();
    expect(organ(draft, 'api').notes.join()).toContain('depends_on db');
  });
});

describe('compose', () => {
  const cases: readonly [string, FoundMap, FoundMap][] = [
    ['command as text', { command: 'node $FILE' }, { command: 'node ${FILE}' }],
    ['entrypoint and command', { entrypoint: ['node', '-r'], command: 'x.js' }, { command: ['node', '-r', 'x.js'] }],
    ['environment as a list', { environment: ['A=1', 'B', 'C=x=$$y'] }, { env: { A: '1', B: null, C: 'x=$$y' } }],
    ['environment as a map', { environment: { A: 1, B: true, C: null } }, { env: { A: '1', B: 'true', C: null } }],
    ['env_file', { env_file: ['a', { path: 'b', required: false }] }, { env_file: ['a', 'b?'] }],
    ['depends_on as a list', { depends_on: ['other'] }, { depends_on: { other: { condition: 'started' } } }],
    [
      'depends_on with conditions',
      { depends_on: { other: { condition: 'service_healthy', restart: true, required: false } } },
      { depends_on: { other: { condition: 'healthy', restart: true, required: false } } },
    ],
    ['no restart', {}, { restart: 'never' }],
    ['restart: unless-stopped', { restart: 'unless-stopped' }, { restart: 'always' }],
    ['restart: on-failure:3', { restart: 'on-failure:3' }, { restart: { policy: 'on-failure', limit: 3 } }],
    [
      'ports',
      { ports: ['8080:3000', '127.0.0.1:9000:9000/tcp', '53:53/udp'] },
      { ports: { http: 3000, 'port-9000': 9000 } },
    ],
    ['ports in full', { ports: [{ target: 80, published: '8080' }] }, { ports: { http: 80 } }],
    ['a range of ports', { ports: ['3000-3001:4000-4001'] }, { ports: { http: 4000, 'port-4001': 4001 } }],
    ['expose', { expose: ['7000'] }, { ports: { http: 7000 } }],
    [
      'healthcheck',
      {
        healthcheck: {
          test: ['CMD', 'probe', '$X'],
          interval: '1m30s',
          timeout: '5s',
          retries: 2,
          start_period: '10s',
        },
      },
      {
        health: {
          exec: ['probe', '${X}'],
          interval: '1m30s',
          timeout: '5s',
          failures: 2,
          start_timeout: '3m10s',
          restart: false,
        },
      },
    ],
    [
      'healthcheck by a shell',
      { healthcheck: { test: 'a || b', interval: '1s' } },
      { health: { exec: 'a || b', interval: '1s', failures: 3, start_timeout: '3s', restart: false } },
    ],
    ['stop', { stop_signal: 'SIGINT', stop_grace_period: '20s' }, { stop: { signal: 'SIGINT', timeout: '20s' } }],
    [
      'replicas and limits',
      { deploy: { replicas: 3, resources: { limits: { cpus: '0.5', memory: '64m' } } } },
      { replicas: 3, resources: { cpu: 0.5, memory: '64Mi' } },
    ],
    ['profiles', { profiles: ['debug'] }, { profiles: ['debug'] }],
    ['a folder of the container', { working_dir: '/app/sub', volumes: ['./src:/app'] }, { cwd: './src/sub' }],
    [
      'watch',
      { develop: { watch: [{ path: './src', action: 'restart', ignore: ['x/'] }] } },
      { watch: { paths: ['./src'], ignore: ['x/'] } },
    ],
    [
      'a service as host',
      { environment: { URL: 'http://other:80/x', OTHER_HOST: 'other', NOTE: 'other' } },
      { env: { URL: 'http://127.0.0.1:80/x', OTHER_HOST: '127.0.0.1', NOTE: 'other' } },
    ],
  ];
  test.each(cases)('%s', (_, service, keys) => {
    const draft = compose({ it: { build: '.', command: 'run', ...service }, other: { build: '.', command: 'x' } });
    expect(organ(draft, 'it')).toMatchObject({ inactive: false, keys });
  });

  test.each([{ test: ['NONE'] }, { disable: true, test: 'x' }])('no healthcheck: %o', (healthcheck) => {
    expect(organ(compose({ it: { build: '.', command: 'x', healthcheck } }), 'it').keys).not.toHaveProperty('health');
  });

  test('a service that another awaits is a task, and is not restarted', () => {
    const draft = compose({
      migrate: { build: '.', command: 'x' },
      api: { build: '.', command: 'y', depends_on: { migrate: { condition: 'service_completed_successfully' } } },
    });
    expect(organ(draft, 'migrate').keys).toEqual({ command: 'x', kind: 'task' });
    expect(organ(draft, 'api').keys.depends_on).toEqual({ migrate: { condition: 'completed' } });
  });

  test('a build runs what its Dockerfile runs, in its folder', () => {
    const file =
      'FROM a AS b\nCMD old\nFROM node:24\nENV A="x y" B=${C}\nEXPOSE 80 81/udp\nENTRYPOINT ["node"]\nCMD ["a.js", \\\n "$V"]';
    const { keys, notes } = organ(compose({ it: { build: './it' } }, file), 'it');
    expect(keys).toMatchObject({
      command: ['node', 'a.js', '$V'],
      cwd: './it',
      env: { A: 'x y', B: '$${C}' },
      ports: { http: 80 },
    });
    expect(notes.join()).toContain('node:24');
  });

  test('of two that listen on one port the second gets what it published', () => {
    const draft = compose({
      a: { build: '.', command: 'x', ports: ['80:80'] },
      b: { build: '.', command: 'x', ports: ['81:80'] },
    });
    expect(organ(draft, 'b').keys.ports).toEqual({ http: 81 });
    expect(organ(draft, 'b').notes.join()).toContain('$PORT');
  });

  test('nothing is dropped without a word', () => {
    const service = {
      build: '.',
      command: 'x',
      privileged: true,
      networks: ['n'],
      tty: true,
      deploy: { placement: {} },
      'x-mine': 1,
      cap_add: ['A'],
      healthcheck: { test: 'x', odd: 1 },
    };
    const said = organ(compose({ it: service }), 'it').notes.join('\n');
    for (const word of ['privileged', 'networks', 'tty', 'deploy.placement', 'cap_add', 'healthcheck.odd'])
      expect(said).toContain(word);
    expect(said).not.toContain('x-mine');
  });
});

describe('process-compose', () => {
  const cases: readonly [string, FoundMap, FoundMap][] = [
    [
      'namespace, folder, environment',
      { namespace: 'n', working_dir: 'w', environment: ['A=$B'] },
      { category: 'n', cwd: 'w', env: { A: '${B}' } },
    ],
    ['a command is left to the shell', { command: 'a $X ${Y} $$Z' }, { command: 'a $X $${Y} $Z' }],
    ['disabled', { disabled: true }, { autostart: false }],
    ['no availability', {}, { restart: 'never' }],
    ['restart: always', { availability: { restart: 'always' } }, { restart: 'always' }],
    [
      'backoff',
      { availability: { restart: 'on_failure', backoff_seconds: 2, max_restarts: 3 } },
      { restart: { policy: 'on-failure', delay: '2s', factor: 1, limit: 3 } },
    ],
    ['exit_on_failure', { availability: { restart: 'exit_on_failure' } }, { critical: true, restart: 'never' }],
    [
      'shutdown',
      { shutdown: { signal: 2, timeout_seconds: 3, command: 'bye' } },
      { stop: { signal: 'SIGINT', timeout: '3s', command: 'bye' } },
    ],
    [
      'readiness by a command',
      { readiness_probe: { exec: { command: 'ok' }, period_seconds: 5, failure_threshold: 2 } },
      { health: { exec: 'ok', interval: '5s', failures: 2, restart: false } },
    ],
    [
      'liveness',
      { liveness_probe: { http_get: { host: 'example.org', scheme: 'https', port: 444, path: '/x' } } },
      { health: { http: 'https://example.org:444/x' } },
    ],
    ['a line of output', { ready_log_line: 'up (ok)' }, { health: { log: 'up \\(ok\\)' } }],
    ['a schedule', { schedule: { cron: '0 * * * *' } }, { kind: 'task', schedule: '0 * * * *' }],
  ];
  test.each(cases)('%s', (_, keys, ours) => expect(process(keys).keys).toMatchObject(ours));

  test.each([
    ['process_started', 'started'],
    ['process_healthy', 'healthy'],
    ['process_log_ready', 'healthy'],
    ['process_completed', 'exited'],
    ['process_completed_successfully', 'completed'],
  ])('depends_on %s', (condition, ours) => {
    expect(process({ depends_on: { other: { condition } } }, { other: { command: 'y' } }).keys.depends_on).toEqual({
      other: { condition: ours },
    });
  });
});

describe('pm2', () => {
  const cases: readonly [string, FoundMap, FoundMap][] = [
    ['script and args', { args: 'a b', node_args: '--x' }, { command: 'node --x it.js a b' }],
    ['args with blanks', { args: ['a b'] }, { command: ['node', 'it.js', 'a b'] }],
    ['an interpreter', { script: 'it.py' }, { command: 'python3 it.py' }],
    ['no interpreter', { script: './it', interpreter: 'none' }, { command: './it' }],
    [
      'a secret of the caller stays a variable',
      { env: { A: 'hush', B: '${x}' } },
      { env: { A: '${SECRET}', B: '$${x}' } },
    ],
    ['instances: max', { instances: 'max' }, { replicas: 4 }],
    ['instances: -1', { instances: -1 }, { replicas: 3 }],
    ['a port', { env: { PORT: 3000, A: 1 } }, { ports: { http: 3000 }, env: { A: '1' } }],
    ['a port of several', { env: { PORT: 3000 }, instances: 2 }, { ports: { http: 'auto' } }],
    ['autorestart: false', { autorestart: false }, { restart: 'never' }],
    [
      'delays',
      { restart_delay: 1000, max_restarts: 3, min_uptime: '5s' },
      { restart: { delay: '1s', factor: 1, limit: 3, reset_after: '5s' } },
    ],
    ['backoff', { exp_backoff_restart_delay: 100 }, { restart: { delay: '100ms', factor: 1.5, max_delay: '15s' } }],
    [
      'codes that stop it',
      { stop_exit_codes: [0, 3] },
      { restart: { policy: 'on-failure' }, success_exit_codes: [0, 3] },
    ],
    ['how it is stopped', { kill_timeout: 3000 }, { stop: { signal: 'SIGINT', timeout: '3s' } }],
    ['memory', { max_memory_restart: '300M' }, { resources: { memory: '300Mi' } }],
    ['ready by message', { wait_ready: true, listen_timeout: 8000 }, { health: { ipc: 'ready', start_timeout: '8s' } }],
    ['watch', { cwd: 'w', watch: true, ignore_watch: ['x'] }, { watch: { paths: ['w'], ignore: ['x'] } }],
  ];
  test.each(cases)('%s', (_, keys, ours) => expect(app(keys).keys).toMatchObject(ours));

  test('what is not carried over is told', () => {
    const said = app({
      cron_restart: '* * * * *',
      env_production: { A: 1, B_TOKEN: 'hush' },
      out_file: 'x',
      strange: 1,
    }).notes.join('\n');
    for (const word of ['cron_restart', 'A=1', 'out_file', 'strange']) expect(said).toContain(word);
    expect(said).not.toContain('hush');
  });
});

test('a Procfile: its lines, a port for who asks, a release as a task, and what is no line of one', () => {
  const draft = fromProcfile('web: run $PORT\r\n# no\nWorker_1: x ${Y}\nrelease: y\n  what is this', { dotEnv: true });
  expect(draft.system).toEqual({ env_file: ['.env'] });
  expect(draft.organs.map(({ name, keys }) => [name, keys])).toEqual([
    ['web', { command: 'run $PORT', ports: { http: 'auto' } }],
    ['worker-1', { command: 'x $${Y}' }],
    ['release', { kind: 'task', command: 'y' }],
  ]);
  expect(draft.notes.join()).toContain('what is this');
});

describe('package.json', () => {
  test.each([
    [{ dev: 'vite', start: 'node .', build: 'b' }, ['dev']],
    [{ start: 'node .', test: 't' }, ['start']],
    [{ dev: 'concurrently "npm:dev:*"', 'dev:a': 'x', 'dev:b': 'y' }, ['a', 'b']],
    [{ dev: 'vite', 'dev:debug': 'x' }, ['dev']],
    [{ start: 'node .', worker: 'node w', 'queue:mail': 'q', lint: 'l' }, ['start', 'worker', 'queue-mail']],
    [{ build: 'b' }, []],
  ] as const)('%o', (scripts, names) => {
    const draft = fromPackageJson({ scripts }, 'pnpm');
    expect(draft.organs.map(({ name }) => name)).toEqual(names);
    for (const { keys, notes } of draft.organs) {
      expect(keys.command).toMatch(/^pnpm run /);
      expect(notes.join()).toContain('is an organ');
    }
  });
});
