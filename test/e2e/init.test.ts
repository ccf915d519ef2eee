import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rig, type System } from './rig.ts';

const fixtures = resolve(import.meta.dirname, '../fixtures/init');

/** A system's folder with a project that has no azora.yaml yet. */
async function project(fixture: string | null): Promise<System> {
  const system = await rig.system({ yaml: { organs: {} } });
  rmSync(system.path('azora.yaml'));
  if (fixture !== null) cpSync(join(fixtures, fixture), system.folder, { recursive: true });
  return system;
}

const yaml = (system: System): string => readFileSync(system.path('azora.yaml'), 'utf8');

/** What it answers; one without a probe may take a moment to listen. */
async function get(url: string): Promise<string> {
  for (const deadline = performance.now() + 10_000; ; ) {
    try {
      return await (await fetch(url, { signal: AbortSignal.timeout(5000) })).text();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

describe('another tool’s file becomes a system that runs', () => {
  test.each(['procfile', 'compose', 'package-json', 'pm2', 'process-compose'])('%s', async (fixture) => {
    await using system = await project(fixture);
    const env = { API_TOKEN: 'token-of-the-caller' };
    const init = await system.expect(0, ['init'], { env });
    expect(init.stdout).toBe('azora.yaml\n');
    await system.expect(0, ['config', '--check'], { env });
    await system.expect(0, ['up', '-d'], { env });
    const { system: whole, organs } = await system.status();
    expect(whole.status).toBe('Operational');
    const url = (name: string): string => organs.find(({ organ }) => organ === name)!.url!;
    switch (fixture) {
      case 'procfile':
        expect(JSON.parse(await get(url('web')))).toEqual({ env: 'development', greeting: 'hello from the Procfile' });
        expect((await system.run(['logs', 'worker', '--no-prefix'])).stdout).toContain('worker one on queue mails');
        break;
      case 'compose':
        expect(JSON.parse(await get(url('api')))).toEqual({
          BRAND: 'Book Shop',
          LOG_LEVEL: 'debug',
          PRICE_TAG: '$5',
          FROM_FILE: 'yes',
          DATABASE_URL: 'postgres://postgres:example@127.0.0.1:5432/books',
        });
        expect(organs.map(({ organ, state }) => `${organ} ${state}`)).toEqual([
          'migrate completed',
          'api ready',
          'worker ready',
        ]);
        expect(init.stderr).toMatch(/as comments only.*: db, adminer/);
        for (const name of ['postgres:16-alpine', 'networks', 'logging', 'volumes']) {
          expect(init.stderr).toContain(name);
          expect(yaml(system)).toMatch(new RegExp(`^ *# .*${name}`, 'm'));
        }
        break;
      case 'package-json':
        expect(await get(url('web'))).toBe('<h1>todo</h1>');
        expect(init.stderr).toMatch(/left as they are.*build, test, lint/);
        break;
      case 'pm2':
        expect(JSON.parse(await get(url('api-server')))).toEqual([
          ['--greeting', 'hello world'],
          'token-of-the-caller',
          '${not.a.variable}',
        ]);
        expect(yaml(system)).not.toContain('token-of-the-caller');
        expect(organs.filter(({ organ }) => organ === 'api-server')).toHaveLength(2);
        expect(init.stderr).toContain('cron_restart');
        break;
      default:
        expect(await get(url('catalog-api'))).toBe('none shop');
        expect(organs.filter(({ organ }) => organ === 'ui')).toHaveLength(2);
    }
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
  });
});

describe('azora init', () => {
  test('the editor is led to the schema where there is one, and told how to get it where there is none', async () => {
    await using system = await project('procfile');
    await system.expect(0, ['init']);
    expect(yaml(system)).toMatch(
      /^# For completion and checks in your editor: azora config --schema > azora\.schema\.json/,
    );
    expect(yaml(system)).not.toMatch(/^# yaml-language-server/m);
    system.write('node_modules/azora/azora.schema.json', '{}');
    system.write('packages/web/Procfile', 'web: sleep 1000\n');
    for (const args of [[], ['--from', 'packages/web/Procfile']]) await system.expect(0, ['init', '--force', ...args]);
    for (const path of ['azora.yaml', 'packages/web/azora.yaml']) {
      const [, schema] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(readFileSync(system.path(path), 'utf8'))!;
      expect(resolve(dirname(system.path(path)), schema!)).toBe(system.path('node_modules/azora/azora.schema.json'));
    }
  });

  test('nothing found: a file to begin with, which boots; never over one that is there', async () => {
    await using system = await project(null);
    const init = await system.expect(0, ['init']);
    expect(init.stderr).toContain('a file to begin with');
    const again = await system.expect(2, ['init']);
    expect(again.stderr).toContain('azora.yaml is there already');
    await system.expect(0, ['up', '-d']);
    expect((await system.status()).system.status).toBe('Operational');
    system.write('Procfile', 'web: sleep 1000\n');
    await system.expect(0, ['init', '--force']);
    expect(yaml(system)).toContain('sleep 1000');
    expect(readdirSync(system.folder).filter((name) => name.includes('tmp'))).toEqual([]);
  });

  test('of several the one that says most is taken and the others are named; --from takes another', async () => {
    await using system = await project(null);
    system.write('Procfile', 'web: sleep 1000\n');
    system.write('package.json', JSON.stringify({ scripts: { start: 'node .' } }));
    system.write(
      'sub/compose.yaml',
      'services: { a: { build: ., command: sleep 5, environment: { X: "${NEEDED:?say it}" } } }',
    );
    const init = await system.expect(0, ['init']);
    expect(init.stderr).toContain('from Procfile');
    expect(init.stderr).toMatch(/also seen.*package\.json/);
    const from = await system.expect(0, ['init', '--from', 'sub/compose.yaml']);
    expect(from.stdout).toBe('sub/azora.yaml\n');
    expect(from.stderr).toContain('NEEDED was required');
    await system.expect(0, ['config', '--check', '-f', 'sub/azora.yaml']);
    await system.expect(2, ['init', '--force', '--from', 'README']);
    await system.expect(2, ['init', '--force', '--from', 'no/Procfile']);
  });

  test('an ecosystem file that does not end, or fails, is given up with its reason', async () => {
    await using system = await project(null);
    system.write('ecosystem.config.js', 'throw new Error("no database here");');
    const failed = await system.expect(2, ['init']);
    expect(failed.stderr).toContain('no database here');
    expect(existsSync(system.path('azora.yaml'))).toBe(false);
    system.write(
      'ecosystem.config.js',
      'setInterval(() => {}, 1000); module.exports = { apps: [{ script: "a.js" }] };',
    );
    await system.expect(0, ['init']);
    expect(statSync(system.path('azora.yaml')).size).toBeGreaterThan(0);
    system.write('ecosystem.config.js', 'for (;;) {}');
    const stuck = await system.expect(2, ['init', '--force'], { timeoutMs: 20_000 });
    expect(stuck.stderr).toContain('within 10 s');
  });

  test('what azora would refuse is put aside with what is wrong, and the rest is valid', async () => {
    await using system = await project(null);
    system.write(
      'compose.yaml',
      'services:\n  bad: { build: ., command: "say \'open", restart: always }\n  good: { build: ., command: sleep 1000, depends_on: [bad] }\n',
    );
    const init = await system.expect(0, ['init']);
    expect(init.stderr).toContain('bad: azora refuses it');
    await system.expect(0, ['config', '--check']);
    expect(yaml(system)).toMatch(/^ {2}# bad:/m);
  });
});
