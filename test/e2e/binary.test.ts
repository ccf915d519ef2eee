import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { rig, type System } from './rig.ts';

/**
 * The single binary, dist/azora: what only it can get wrong. All else is what the other tests here are for, with
 * AZORA_BIN=dist/azora.
 */

const root = resolve(import.meta.dirname, '../..');
const binary = join(root, 'dist/azora');
const build = process.env.AZORA_BUILD_BINARY === '1';
const why =
  build || existsSync(binary) ? null : 'there is no dist/azora: npm run build:binary, or AZORA_BUILD_BINARY=1';
if (why) console.warn(`the tests of the single binary are skipped: ${why}`);

/** A folder of this test's own. */
function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'azora-binary-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/** Runs it with this environment and no other. */
function run(args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = '/') {
  const { status, stdout, stderr } = spawnSync(binary, args, { cwd, env, encoding: 'utf8', timeout: 30_000 });
  return { status, stdout, stderr };
}

const aSystem = (azora = binary): Promise<System> =>
  rig.system({ azora, yaml: { organs: { rest: { command: 'sleep 3600' } } } });

/** A system that was, whose events can be read: that takes the database's addon. */
async function aPast(): Promise<System> {
  const system = await aSystem();
  await system.expect(0, ['up', '-d']);
  await system.expect(0, ['down']);
  return system;
}

const events = (system: System): string[] => ['--file', system.path('azora.yaml'), 'events'];

describe.skipIf(why)('the single binary', () => {
  beforeAll(() => {
    if (build) execFileSync(process.execPath, ['scripts/build-binary.ts'], { cwd: root, stdio: 'pipe' });
  }, 120_000);

  test('says its version, its commit and the Node inside', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const { status, stdout, stderr } = run(['--version']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^\S+ \(commit (\S+), Node\.js 24\.\d+\.\d+\)\n$/);
    expect(stdout).toContain(`${version} `);
  });

  test('boots, shows and ends a system with an empty environment, from any folder', async () => {
    const system = await aSystem();
    const file = ['--file', system.path('azora.yaml')];
    onTestFinished(() => void run([...file, 'down', '--force']));
    expect(run([...file, 'up', '-d'])).toMatchObject({ status: 0 });
    const { status, stdout } = run([...file, 'status', '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ organs: [{ organ: 'rest', state: 'ready' }] });
    expect(run([...file, 'down'])).toMatchObject({ status: 0 });
    expect(run([...file, 'status'])).toMatchObject({ status: 3 });
  });

  test('what the environment wants of Node is for organs, not for azora', () => {
    expect(run(['--version'], { NODE_OPTIONS: '--no-such-option' })).toMatchObject({ status: 0, stderr: '' });
  });

  test('its native code is kept in a folder that is private, under the name of its content, and written once', async () => {
    const system = await aPast();
    const cache = scratch();
    const first = run(events(system), { XDG_CACHE_HOME: cache });
    expect(first).toMatchObject({ status: 0, stderr: '' });
    expect(first.stdout).toContain('system-ready');
    const folder = join(cache, 'azora');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const [file, ...others] = readdirSync(folder);
    expect(others).toEqual([]);
    const hash = createHash('sha256')
      .update(readFileSync(join(folder, file!)))
      .digest('hex');
    expect(file).toBe(`better-sqlite3-${hash.slice(0, 16)}.node`);
    const before = statSync(join(folder, file!), { bigint: true });
    expect(run(events(system), { XDG_CACHE_HOME: cache }).status).toBe(0);
    const after = statSync(join(folder, file!), { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
  });

  test('a file there that is not whole is replaced', async () => {
    const system = await aPast();
    const cache = scratch();
    run(events(system), { XDG_CACHE_HOME: cache });
    const [file] = readdirSync(join(cache, 'azora'));
    const path = join(cache, 'azora', file!);
    const { size } = statSync(path);
    chmodSync(path, 0o600);
    execFileSync('truncate', ['-s', '1000', path]);
    execFileSync('truncate', ['-s', String(size), path]);
    expect(run(events(system), { XDG_CACHE_HOME: cache })).toMatchObject({ status: 0, stderr: '' });
  });

  test('twenty first runs at once', async () => {
    const system = await aPast();
    const cache = scratch();
    const ends = await Promise.all(
      Array.from({ length: 20 }, () => {
        const child = spawn(binary, events(system), {
          env: { XDG_CACHE_HOME: cache },
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        let stderr = '';
        child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
        return new Promise((done) => child.on('close', (code) => done({ code, stderr })));
      }),
    );
    expect(ends).toEqual(Array(20).fill({ code: 0, stderr: '' }));
    expect(readdirSync(join(cache, 'azora'))).toHaveLength(1);
  });

  test('where the home cannot be written it takes another place, and says so once', async () => {
    const system = await aPast();
    const elsewhere = scratch();
    const env = { HOME: '/dev/null', TMPDIR: elsewhere };
    const first = run(events(system), env);
    expect(first).toMatchObject({ status: 0 });
    expect(first.stderr).toMatch(/^azora: \/dev\/null\/\.cache\/azora cannot hold .+ is used instead\n$/);
    expect(first.stderr).toContain(elsewhere);
    expect(run(events(system), env)).toMatchObject({ status: 0, stderr: '' });
  });

  test('where programs may not run from the cache it takes another place, and says so once', async (context) => {
    const system = await aPast();
    const [cache, elsewhere] = [scratch(), scratch()];
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'noexec,size=16m', 'tmpfs', cache], { encoding: 'utf8' });
    if (mounted.status !== 0) console.warn(`the test of a noexec cache is skipped: ${mounted.stderr ?? mounted.error}`);
    context.skip(mounted.status !== 0, 'nothing can be mounted here');
    onTestFinished(() => void execFileSync('umount', [cache]));
    const env = { XDG_CACHE_HOME: cache, TMPDIR: elsewhere };
    const first = run(events(system), env);
    expect(first).toMatchObject({ status: 0 });
    expect(first.stderr).toMatch(/^azora: .+ cannot hold .+ is used instead\n$/);
    expect(run(events(system), env)).toMatchObject({ status: 0, stderr: '' });
  });

  test.each(['deleted', 'replaced'] as const)(
    'a system runs on when the file is %s, and gets a new supervisor',
    async (how) => {
      const folder = scratch();
      const copy = join(folder, 'azora');
      copyFileSync(binary, copy);
      const system = await aSystem(copy);
      await system.expect(0, ['up', '-d']);
      const before = await system.status();
      if (how === 'replaced') {
        copyFileSync(binary, `${copy}.new`);
        renameSync(`${copy}.new`, copy);
      } else rmSync(copy);
      process.kill(before.system.pid!, 'SIGKILL');
      const file = ['--file', system.path('azora.yaml')];
      const after = await untilAnother(
        () => run([...file, 'status', '--json'], { PATH: process.env.PATH }),
        before.system.pid!,
      );
      expect(after.organs[0]).toMatchObject({ pid: before.organs[0]!.pid, state: 'ready', restarts: 0 });
      expect(after.system.keeperPid).toBe(before.system.keeperPid);
      if (process.platform === 'linux') {
        const program = readlinkSync(`/proc/${after.system.pid}/exe`);
        expect(program).toBe(how === 'deleted' ? `${copy} (deleted)` : copy);
      }
      expect(run([...file, 'down'])).toMatchObject({ status: 0 });
      await system.expectNothingLeft();
      if (how === 'deleted') copyFileSync(binary, copy); // for the rig, which ends the system once more
      chmodSync(copy, 0o755);
    },
  );

  test('the same sources, packages and Node give the same bytes', () => {
    const folder = scratch();
    const hashes = ['one', 'two'].map((name) => {
      mkdirSync(join(folder, name));
      const output = join(folder, name, 'azora');
      const args = ['scripts/build-binary.ts', '-o', output, '--commit', '0123456789ab'];
      execFileSync(process.execPath, args, {
        cwd: root,
        stdio: 'pipe',
        env: { ...process.env, TMPDIR: join(folder, name) },
      });
      return createHash('sha256').update(readFileSync(output)).digest('hex');
    });
    expect(hashes[0]).toBe(hashes[1]);
  }, 120_000);
});

/** Asks until a supervisor other than `pid` answers; each asking waits by itself for one that is on its way. */
async function untilAnother(
  ask: () => { readonly status: number | null; readonly stdout: string },
  pid: number,
): Promise<Awaited<ReturnType<System['status']>>> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const { status, stdout } = ask();
    if (status === 0) {
      const document = JSON.parse(stdout) as Awaited<ReturnType<System['status']>>;
      if (document.system.pid !== pid) return document;
    }
    if (performance.now() > deadline) throw new Error(`no new supervisor: ${stdout}`);
  }
}
