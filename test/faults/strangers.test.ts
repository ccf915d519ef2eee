import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { stateFolder } from '../../src/adapters/state-folder.ts';
import { quiet } from '../e2e/rig/organs.ts';
import { rig, type System } from '../e2e/rig.ts';
import { asUser, daemonPid, NOBODY } from './support.ts';

/** Whether this test can be somebody else, who can run the Node and the azora of this checkout. */
const hasAnother = process.getuid?.() === 0 && /^v\d/.test(asNobodyNode('console.error(process.version)'));
if (!hasAnother) console.info('skipped: only root can be another user, and only where others may read the checkout');

describe('on the sockets of the daemons', () => {
  test('nonsense, half a frame and endless lines end nothing but that conversation', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const before = await system.status();
    for (const path of [system.state.supervisorSocket, system.state.keeperSocket]) {
      for (const bytes of [
        'null\n',
        '{}\n',
        '[]\n7\n',
        '{"notice":"__proto__"}\n',
        '{"id":1,"method":"up","params":null}\n',
        '{"id":1,',
      ]) {
        await say(path, bytes);
      }
      await say(path, Buffer.alloc(70 * 1024 * 1024, 'x'));
      const after = await system.status();
      expect([after.system.pid, after.system.keeperPid]).toEqual([before.system.pid, before.system.keeperPid]);
      expect(after.organs).toMatchObject([{ state: 'ready', pid: before.organs[0]!.pid, restarts: 0 }]);
    }
    expect(system.daemonLogs()).not.toMatch(/uncaughtException|unhandledRejection/);
  });

  test('whoever never reads is served without anybody else waiting', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const socket = connect(system.state.supervisorSocket).pause();
    socket.on('error', () => {}); // cut off at last
    let n = 0;
    const ask = () => {
      while (!socket.destroyed && n < 20_000 && socket.write(`{"id":${n++},"method":"status","params":null}\n`));
    };
    socket.on('drain', ask).once('connect', ask);
    await expect.poll(() => n, { timeout: 10_000 }).toBeGreaterThan(1000);
    const { organs } = await system.status();
    expect(organs).toMatchObject([{ state: 'ready' }]);
    socket.destroy();
  });
});

test('a name that climbs out of the logs is an unknown organ, whatever the command', async () => {
  await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
  await system.expect(0, ['up', '-d']);
  for (const args of [
    ['logs', '../../../etc/passwd'],
    ['logs', '--raw', '..'],
    ['logs', '-f', '/etc/passwd'],
    ['why', '../web'],
    ['stop', '../web'],
    ['status', '..'],
  ]) {
    const { stdout, stderr } = await system.expect(2, args);
    expect(stdout, args.join(' ')).toBe('');
    expect(stderr).toMatch(/^azora: (there is no|unknown) organ /);
  }
  await system.expect(0, ['down']);
  system.write('azora.yaml', ''); // now the names are those that the state folder has
  await system.expect(2, ['logs', '../../../etc/passwd']);
});

describe.skipIf(!hasAnother)('another user', () => {
  /** What a command says to another user, in whose way stand nothing but the state folder's own modes. */
  async function asNobody(system: System, args: readonly string[]) {
    chmodSync(system.folder, 0o755);
    const program = system.path('azora-as-nobody');
    if (!existsSync(program)) {
      const azora = join(import.meta.dirname, '../../bin/azora');
      system.write(
        'azora-as-nobody',
        `#!/bin/sh\nexec ${asUser(NOBODY).join(' ')} env HOME=/nonexistent ${azora} "$@"\n`,
      );
    }
    return system.run(args, { program });
  }

  test('may neither ask nor tell the daemons, nor read logs, history and secrets', async () => {
    await using system = await rig.system({
      yaml: { env: { API_TOKEN: 'hunter2-very-secret' }, organs: { web: quiet({ ports: { http: 'auto' } }) } },
    });
    await system.expect(0, ['up', '-d']);
    const before = await system.status();
    const commands = [
      ['status'],
      ['logs'],
      ['events'],
      ['why', 'web'],
      ['query', 'select * from events'],
      ['down'],
      ['stop', 'web'],
    ];
    for (const args of [...commands, ['emergency', 'mine'], ['reload'], ['check'], ['run', 'web', '--', 'id']]) {
      const { code, stdout, stderr } = await asNobody(system, args);
      expect(stderr, args.join(' ')).toMatch(
        /belongs to another user, and is closed to this one\n {2}Run azora as the one who/,
      );
      expect([code, stdout]).toEqual([4, '']);
    }
    expect(await asNobody(system, ['up', '-d'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/belongs to uid 0/),
    });
    expect((await asNobody(system, ['doctor'])).stdout).toMatch(/\.azora belongs to uid 0, and you are uid 65534/);

    // Nor without azora: by the socket, the files, the environment of what runs.
    const { pid } = before.organs[0]!;
    const paths = [
      system.state.supervisorSocket,
      system.state.keeperSocket,
      system.state.database,
      system.state.bootDocument,
    ];
    for (const path of paths)
      expect(asNobodyNode(`require('fs').accessSync(${JSON.stringify(path)})`)).toMatch(/EACCES/);
    for (const path of paths.slice(0, 2)) {
      const attempt = `require('net').connect(${JSON.stringify(path)}).on('error', (e) => { throw e; })`;
      expect(asNobodyNode(attempt)).toMatch(/connect EACCES/);
    }
    for (const file of [`/proc/${pid}/environ`, `/proc/${daemonPid(system, 'keeper')}/environ`]) {
      expect(asNobodyNode(`require('fs').readFileSync('${file}')`)).toMatch(/EACCES/);
    }
    // The FIFOs are elsewhere, where everybody may come by.
    const fifos = join(system.state.run, 'fifos');
    for (const name of readdirSync(fifos)) {
      expect(asNobodyNode(`require('fs').openSync(${JSON.stringify(join(realpathSync(fifos), name))}, 'r+')`)).toMatch(
        /EACCES/,
      );
    }
    expect(await system.status()).toMatchObject({
      system: { pid: before.system.pid },
      organs: [{ state: 'ready', pid }],
    });
  });

  test('may not register with the registry, whose writes need a token', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet({ ports: { http: 'auto' } }) } } });
    await system.expect(0, ['up', '-d']);
    const { registryUrl } = (await system.status()).system;
    const body = JSON.stringify({ name: 'web', url: 'http://127.0.0.1:1' });
    const post = `fetch('${registryUrl}/register', { method: 'POST', body: '${body}', headers: { 'content-type': 'application/json' } })`;
    expect(asNobodyNode(`${post}.then(({ status }) => console.error(status))`)).toBe('401\n');
    expect(
      asNobodyNode(
        `fetch('${registryUrl}/services/web', { method: 'DELETE' }).then(({ status }) => console.error(status))`,
      ),
    ).toBe('401\n');
  });

  test('who made the place of the sockets first, where the path is long, is told nothing', async () => {
    vi.stubEnv('XDG_RUNTIME_DIR', ''); // a private place for sockets would be taken instead
    onTestFinished(() => void vi.unstubAllEnvs());
    await using system = await rig.system({
      yaml: { env: { API_TOKEN: 'hunter2-very-secret' }, organs: { web: quiet() } },
    });
    const root = join(system.folder, 'x'.repeat(100));
    mkdirSync(root, { mode: 0o700 });
    const { run, supervisorSocket } = stateFolder(root);
    expect(run.startsWith(root)).toBe(false);
    mkdirSync(run, { mode: 0o777 });
    let heard = '';
    const impostor = createServer((socket) => void socket.setEncoding('utf8').on('data', (text) => (heard += text)));
    try {
      await new Promise<void>((resolve) => impostor.listen(supervisorSocket, resolve));
      chownSync(run, NOBODY, NOBODY);
      for (const args of [['status'], ['reload'], ['up', '-d'], ['stop', 'web'], ['down']]) {
        const { stderr } = await system.expect(2, ['--state-dir', root, ...args]);
        expect(stderr, args.join(' ')).toMatch(/the state folder .* belongs to uid 65534, and azora runs as uid 0/);
      }
      expect(heard).toBe('');
    } finally {
      impostor.close();
      rmSync(run, { recursive: true });
    }
  });

  test('cannot have a folder of theirs taken for the state folder, nor a link', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    mkdirSync(system.state.root, { mode: 0o700 });
    chownSync(system.state.root, NOBODY, NOBODY);
    const foreign = await system.expect(2, ['up', '-d']);
    expect(foreign.stderr).toMatch(/the state folder .*\.azora belongs to uid 65534, and azora runs as uid 0/);
    renameSync(system.state.root, system.path('theirs'));
    symlinkSync('theirs', system.state.root);
    const linked = await system.expect(2, ['up', '-d']);
    expect(linked.stderr).toMatch(/the state folder .*\.azora is not a folder of its own \(a link or a file\)/);
    expect(readdirSync(system.path('theirs'))).toEqual([]);
    await system.expectNothingLeft();
  });
});

test('a state folder that others may look into is refused, and doctor closes it', async () => {
  await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
  mkdirSync(system.state.root);
  chmodSync(system.state.root, 0o755);
  expect((await system.expect(2, ['up', '-d'])).stderr).toMatch(/is open to other users \(mode 755\)\n {2}chmod 700/);
  await system.run(['doctor', '--fix']);
  await system.expect(0, ['up', '-d']);
});

/** Says something on a socket and waits until the other side ends it, or a moment has passed in which it could have. */
async function say(path: string, bytes: string | Buffer): Promise<void> {
  const socket = connect(path);
  await new Promise<void>((resolve) => {
    socket.on('error', () => {}); // cut off
    socket.once('close', () => resolve());
    socket.end(bytes);
    socket.resume();
  });
}

/** What a script of Node's says on stderr when somebody else runs it. */
function asNobodyNode(script: string): string {
  const [file, ...args] = [...asUser(NOBODY), rig.node, '-e', script];
  return spawnSync(file!, args, { cwd: '/', encoding: 'utf8', timeout: 20_000 }).stderr;
}
