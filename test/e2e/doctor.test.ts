import { chmodSync, existsSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { quiet } from './rig/organs.ts';
import { rig, type System } from './rig.ts';

interface Document {
  readonly passed: boolean;
  readonly findings: readonly {
    readonly id: string;
    readonly level: string;
    readonly what: string;
    readonly fixed: boolean;
  }[];
}

async function doctor(system: System, code: number, ...flags: string[]): Promise<Document> {
  return JSON.parse((await system.expect(code, ['doctor', '--json', ...flags])).stdout) as Document;
}

/** Findings about this machine are not this test's. */
const ids = ({ findings }: Document): string[] =>
  findings
    .map(({ id }) => id)
    .filter((id) => !/^(disk-|open-files|pipe-pages|no-|stale-fifos-of-others)/.test(id) || id === 'no-keeper');

function listen(port: number): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

describe('doctor', () => {
  test('a project in order, down and up: nothing to say; a person gets it in words', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet({ ports: { http: 18_731 } }) } } });
    expect(ids(await doctor(system, 0))).toEqual([]);
    await system.expect(0, ['up', '-d']);
    expect(ids(await doctor(system, 0))).toEqual([]);
    expect((await system.expect(0, ['doctor'])).stdout).toMatch(/no problems; in order: Node\.js \d+/);
    await system.expect(0, ['down']);
    expect(ids(await doctor(system, 0))).toEqual([]);
  });

  test('a port that a stranger has, with its pid; a file with an error; modes, which --fix puts right', async () => {
    const server = await listen(18_732);
    try {
      await using system = await rig.system({
        yaml: { env_file: ['.env'], organs: { web: quiet({ ports: { http: 18_732 } }) } },
        files: { '.env': 'A=1\n' },
      });
      chmodSync(system.path('.env'), 0o666);
      mkdirSync(system.state.root, { mode: 0o755 });
      chmodSync(system.state.root, 0o755);
      const found = await doctor(system, 1);
      expect(ids(found)).toEqual(['state:.azora', 'port-taken:18732', `env-file:${system.path('.env')}`]);
      expect(found.findings.find(({ id }) => id === 'port-taken:18732')!.what).toContain(`pid ${process.pid}`);
      const fixed = await doctor(system, 1, '--fix');
      expect(
        fixed.findings.filter((finding) => finding.fixed && finding.id !== 'stale-fifos-of-others').map(({ id }) => id),
      ).toEqual(['state:.azora', `env-file:${system.path('.env')}`]);
      expect(ids(await doctor(system, 1))).toEqual(['port-taken:18732']);
      system.write('azora.yaml', 'organs: { web: { comand: x } }');
      expect(ids(await doctor(system, 1))).toEqual(['config-invalid']);
    } finally {
      server.close();
    }
  });

  test('what a killed keeper and supervisor leave: the system is taken over, nobody is ended', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const { system: before, organs } = await system.status();
    process.kill(before.keeperPid!, 'SIGSTOP'); // It starts no other supervisor meanwhile.
    process.kill(before.pid!, 'SIGKILL');
    process.kill(before.keeperPid!, 'SIGKILL');
    const found = await doctor(system, 1);
    expect(ids(found)).toContain('no-keeper');
    expect(found.findings.find(({ id }) => id === 'no-keeper')!.what).toContain(String(organs[0]!.pid));
    await doctor(system, 0, '--fix');
    const after = await system.status();
    expect(after.organs[0]).toMatchObject({ pid: organs[0]!.pid, state: 'ready' });
    expect(ids(await doctor(system, 0))).toEqual([]);
  });

  test('processes of a system that is down are ended, if they are still those; strangers are not touched', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet(), other: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const stranger = system.start(['run', 'web', '--', 'sh', '-c', 'touch here; exec sleep 1000']);
    while (!existsSync(system.path('here'))) await new Promise((resolve) => setTimeout(resolve, 10));
    const { system: before, organs } = await system.status();
    process.kill(before.keeperPid!, 'SIGSTOP');
    process.kill(before.pid!, 'SIGKILL');
    process.kill(before.keeperPid!, 'SIGKILL');
    // As after a `rm -rf .azora/run` of somebody who wanted to start afresh.
    rmSync(system.state.bootDocument);
    const found = await doctor(system, 1);
    expect(ids(found)).toContain('left-behind');
    for (const { pid } of organs)
      expect(found.findings.find(({ id }) => id === 'left-behind')!.what).toContain(String(pid));
    for (const { pid } of organs) expect(system.isAlive(pid!)).toBe(true);
    await doctor(system, 0, '--fix');
    for (const { pid } of organs) expect(system.isAlive(pid!)).toBe(false);
    expect(ids(await doctor(system, 0))).toEqual([]);
    stranger.signal('SIGTERM');
    expect(await stranger.finished()).toMatchObject({ code: 143 });
  });

  test('sockets that nobody listens on, a database that was set aside, a latch, a state folder that is a link', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    mkdirSync(system.state.run, { recursive: true, mode: 0o700 });
    chmodSync(system.state.root, 0o700);
    const dead = await new Promise<Server>((resolve) => {
      const server = createServer().listen(join(system.folder, 'x.sock'), () => resolve(server));
    });
    linkSync(join(system.folder, 'x.sock'), system.state.keeperSocket);
    chmodSync(system.state.keeperSocket, 0o600);
    await new Promise((resolve) => dead.close(resolve));
    writeFileSync(join(system.state.root, 'azora.db.damaged-20261123T080000Z'), 'x', { mode: 0o600 });
    const found = await doctor(system, 1);
    expect(ids(found)).toEqual(['stale-socket:keeper.sock', 'database-set-aside']);
    await doctor(system, 0, '--fix');
    expect(existsSync(system.state.keeperSocket)).toBe(false);
    expect(ids(await doctor(system, 0))).toEqual([]);
    symlinkSync(system.state.root, system.path('linked'));
    expect(ids(await doctor(system, 1, '--state-dir', system.path('linked')))).toContain('state:linked');
  });
});
