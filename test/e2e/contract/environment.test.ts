import { realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rig, type System } from '../rig.ts';
import { booted, rest, written } from './shared.ts';

/** What an organ is started with, and where the file's parts come from. */

const FIXED = 18_741;
/** Writes down its environment and where it is, and stays. */
const tells =
  'env > "$AZORA_INSTANCE.env.part"; pwd -P > "$AZORA_INSTANCE.cwd"; mv "$AZORA_INSTANCE.env.part" "$AZORA_INSTANCE.env"; exec sleep 1000';

const system = booted({
  env: { HELLO: 'from outside', SHADOW: 'caller', ONLY_OUTSIDE: 'caller' },
  yaml: `
version: 1
name: shop
include: [ops/extra.yaml, ops/more.yaml]
env: { FROM_SYSTEM: system, SHADOW: system, LEVEL: system, GREETING: "\${HELLO:-hi} \${NOBODY:-default} $$1" }
env_file: [system.env, "absent.env?"]
defaults: { category: Defaults, env: { FROM_DEFAULTS: "yes" }, stop: { timeout: 12s } }
profiles: [dev]
registry: { host: 127.0.0.2, port: 18742 }
x-common: &common { stop: { signal: SIGINT } }
organs:
  base: { command: '${tells}', ports: { http: ${FIXED} }, category: Base }
  teller:
    <<: *common
    description: Tells all it knows
    command: [sh, -c, '${tells}']
    cwd: inner
    env: { OWN: "1", SHADOW: organ, CHAIN: "\${organs.base.url}", WHERE: "\${organs.base.host}:\${organs.base.port}" }
    env_file: [organ.env]
    ports: { http: auto, admin: auto }
    depends_on: [base]
    replicas: 2
    labels: { team: finance }
  words: { command: sleep 2000 }
  listed: { command: [sh, -c, 'echo "$1" > listed; exec sleep 1000', name, 'two words; $HOME'] }
  dev-only: { command: sleep 1000, profiles: [dev] }
  prod-only: { command: sleep 1000, profiles: [prod] }
  lazy: { command: sleep 1000, autostart: false }
`,
  files: {
    'ops/extra.yaml':
      'organs: { included: { command: "pwd -P > where; exec sleep 1000" }, words: { category: First } }\n',
    'ops/more.yaml': 'organs: { words: { category: Second } }\n',
    'azora.override.yaml': 'organs: { words: { description: overridden } }\n',
    'system.env': 'FROM_SYSTEM_FILE=system-file\nSHADOW=system-file\nLEVEL=system-file\nONLY_FILE=file\n',
    'organ.env': 'FROM_ORGAN_FILE=organ-file\nSHADOW=organ-file\nLEVEL=organ-file\n',
    'inner/here': '',
  },
});

const envOf = async (name: string): Promise<Record<string, string>> =>
  Object.fromEntries((await written(system(), name)).split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)));
const configOf = async (of: System, ...args: string[]) =>
  JSON.parse((await of.expect(0, ['config', '--json', ...args])).stdout) as {
    name: string;
    organs: Record<string, Record<string, unknown>>;
  };
const problem = async (yaml: string): Promise<string> => {
  await using other = await rig.system({ yaml });
  return (await other.expect(2, ['config', '--check'])).stderr;
};

describe('the file', () => {
  test('version: another than 1 is refused', async () => {
    expect(await problem('version: 2\norgans: {}\n')).toMatch(/azora\.yaml:1:10/);
  });

  test('name: the system’s; by default the folder’s, as a slug', async () => {
    expect((await system().status()).system.name).toBe('shop');
    expect(await envOf('inner/teller-1.env')).toMatchObject({ AZORA_SYSTEM: 'shop' });
    await using other = await rig.system({ yaml: { organs: { a: rest() } } });
    expect((await configOf(other)).name).toBe(basename(other.folder).toLowerCase());
  });

  test('include: merged in order, a later file wins, paths are relative to each', async () => {
    expect((await written(system(), 'ops/where')).trim()).toBe(realpathSync(system().path('ops')));
    expect((await system().instance('words')).category).toBe('Second');
    expect((await configOf(system())).organs.words!.description).toBe('overridden');
  });

  test('defaults: every organ starts from them, maps merge', async () => {
    const env = await envOf('inner/teller-1.env');
    expect(env).toMatchObject({ FROM_DEFAULTS: 'yes', OWN: '1' });
    expect((await system().instance('teller-1')).category).toBe('Defaults');
    expect((await system().instance('base')).category).toBe('Base');
    expect((await configOf(system())).organs.teller!.stop).toMatchObject({ signal: 'SIGINT', timeout: '12s' });
  });

  test('profiles: active when none is named; --profile replaces them', async () => {
    const { organs } = await system().status();
    expect(organs.map(({ organ }) => organ)).toContain('dev-only');
    expect(organs.map(({ organ }) => organ)).not.toContain('prod-only');
    const other = await configOf(system(), '--profile', 'prod');
    expect(Object.keys(other.organs)).toEqual(expect.arrayContaining(['base', 'prod-only']));
    expect(Object.keys(other.organs)).not.toContain('dev-only');
  });

  test('registry: host and port as given, false for none', async () => {
    expect((await system().status()).system.registryUrl).toBe('http://127.0.0.2:18742');
    expect((await fetch('http://127.0.0.2:18742/health')).status).toBe(200);
    expect(await envOf('inner/teller-1.env')).toMatchObject({ AZORA_REGISTRY_URL: 'http://127.0.0.2:18742' });
    await using other = await rig.system({
      yaml: { registry: false, organs: { a: { command: 'env > env; sleep 1000' } } },
    });
    await other.expect(0, ['up', '-d']);
    expect((await other.status()).system.registryUrl).toBeNull();
    expect(await written(other, 'env')).not.toContain('AZORA_REGISTRY_URL');
  });

  test('redact: names whose values are masked, instead of the usual ones', async () => {
    await using other = await rig.system({
      yaml: { redact: ['*_PIN'], organs: { a: rest({ env: { MY_PIN: 'abcd-4711', MY_TOKEN: 'shown-then' } }) } },
    });
    const { stdout } = await other.expect(0, ['config']);
    expect(stdout).not.toContain('abcd-4711');
    expect(stdout).toContain('shown-then');
  });
});

describe('the environment', () => {
  test('env: the organ’s before its env_file, before the system’s env, before its env_file, before the caller’s', async () => {
    expect(await envOf('inner/teller-1.env')).toMatchObject({
      SHADOW: 'organ',
      LEVEL: 'organ-file',
      FROM_SYSTEM: 'system',
      FROM_SYSTEM_FILE: 'system-file',
      FROM_ORGAN_FILE: 'organ-file',
      ONLY_OUTSIDE: 'caller',
    });
    expect(await envOf('base.env')).toMatchObject({ SHADOW: 'system', LEVEL: 'system', ONLY_FILE: 'file' });
    expect(await envOf('base.env')).not.toHaveProperty('FROM_ORGAN_FILE');
  });

  test('env_file: a missing one is an error, unless it ends in a question mark', async () => {
    expect(await problem('env_file: [gone.env]\norgans: {}\n')).toMatch(/gone\.env does not exist/);
    expect(await problem('organs: { a: { command: x, env_file: [gone.env] } }\n')).toMatch(/gone\.env does not exist/);
  });

  test('interpolation: variables, defaults, references to organs, $$', async () => {
    expect(await envOf('inner/teller-1.env')).toMatchObject({
      GREETING: 'from outside default $1',
      CHAIN: `http://127.0.0.1:${FIXED}`,
      WHERE: `127.0.0.1:${FIXED}`,
    });
    expect(await problem('organs: { a: { command: "${GONE:?set it, please}" } }\n')).toContain('set it, please');
  });

  test('what azora adds: who it is, where the registry is, its port, its dependencies', async () => {
    const { organs, system: whole } = await system().status();
    const second = organs.find(({ instance }) => instance === 'teller-2')!;
    expect(await envOf('inner/teller-2.env')).toMatchObject({
      AZORA_SYSTEM: 'shop',
      AZORA_ORGAN: 'teller',
      AZORA_INSTANCE: 'teller-2',
      AZORA_REPLICA: '2',
      AZORA_BOOT_ID: whole.bootId,
      AZORA_TOKEN: expect.stringMatching(/^.{20,}$/),
      PORT: String(second.ports.http),
      BASE_URL: `http://127.0.0.1:${FIXED}`,
    });
    const tokens = [await envOf('inner/teller-1.env'), await envOf('inner/teller-2.env')].map((env) => env.AZORA_TOKEN);
    expect(new Set(tokens).size).toBe(2);
  });
});

describe('an organ', () => {
  test('command: a list as it is, words without a shell, shell syntax with one', async () => {
    const { pid } = await system().instance('words');
    expect(
      system()
        .processes()
        .find((process) => process.pid === pid)!.command,
    ).toBe('sleep 2000');
    expect(await written(system(), 'listed')).toBe('two words; $HOME\n');
    expect(await written(system(), 'base.env')).toContain('AZORA_ORGAN=base');
  });

  test('cwd: relative to the file that says it', async () => {
    expect((await written(system(), 'inner/teller-1.cwd')).trim()).toBe(realpathSync(system().path('inner')));
    expect((await written(system(), 'base.cwd')).trim()).toBe(realpathSync(system().folder));
  });

  test('category: groups `azora status --by category`', async () => {
    const { stdout } = await system().expect(0, ['status', '--by', 'category']);
    expect(stdout).toMatch(/^Base {2}1 organ.*\nORGAN.*\nbase /m);
    expect((await system().expect(0, ['status'])).stdout).not.toMatch(/^Base {2}1 organ/m);
  });

  test('description, labels: in the resolved file and the record', async () => {
    expect((await configOf(system())).organs.teller).toMatchObject({
      description: 'Tells all it knows',
      labels: { team: 'finance' },
    });
    const sql = "select config from organs where organ = 'teller'";
    const [row] = JSON.parse((await system().expect(0, ['query', '--json', sql])).stdout) as { config: string }[];
    expect(JSON.parse(row!.config)).toMatchObject({ description: 'Tells all it knows', labels: { team: 'finance' } });
  });

  test('ports: a number as it is, auto a free one each, remembered', async () => {
    const { organs } = await system().status();
    const [one, two] = organs.filter(({ organ }) => organ === 'teller').map(({ ports }) => ports);
    expect(organs.find(({ organ }) => organ === 'base')!.ports).toEqual({ http: FIXED });
    expect(Object.keys(one!)).toEqual(['http', 'admin']);
    expect(new Set([...Object.values(one!), ...Object.values(two!)]).size).toBe(4);
    await system().expect(0, ['restart', 'teller-1']);
    expect((await system().instance('teller-1')).ports).toEqual(one);
  });

  test('replicas: so many instances, numbered', async () => {
    const { organs } = await system().status();
    expect(
      organs
        .filter(({ organ }) => organ === 'teller')
        .map(({ instance, replica, state }) => [instance, replica, state]),
    ).toEqual([
      ['teller-1', 1, 'ready'],
      ['teller-2', 2, 'ready'],
    ]);
  });

  test('autostart: false waits for somebody to start it', async () => {
    expect(await system().instance('lazy')).toMatchObject({ state: 'stopped', desired: 'down' });
    await system().expect(0, ['start', 'lazy']);
    expect(await system().instance('lazy')).toMatchObject({ state: 'ready', desired: 'up' });
  });
});
