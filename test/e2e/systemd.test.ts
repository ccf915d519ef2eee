import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { rig } from './rig.ts';

/** `azora export systemd`: what systemd makes of the unit, and what azora does for systemd. */

const VERIFY = 'systemd-analyze';
const noSystemd = spawnSync(VERIFY, ['--version']).status === 0 ? null : `${VERIFY} is not installed`;
if (noSystemd) console.warn(`what systemd says of the unit is not tested: ${noSystemd}`);
const noPython = spawnSync('python3', ['--version']).status === 0 ? null : 'python3 is not installed';
if (noPython) console.warn(`what is told to systemd is not tested: ${noPython}`);

const ORGANS = {
  base: { command: 'sleep 3600' },
  web: { command: 'sleep 3600', depends_on: ['base'], stop: { timeout: '25s' } },
};

test.skipIf(noSystemd)('systemd accepts the unit without a word', async () => {
  await using system = await rig.system({ yaml: { name: 'shop', organs: ORGANS } });
  const units = system.path('units with a blank, 5% and $HOME');
  await system.expect(0, ['export', 'systemd', '-o', units]);
  const { status, stdout, stderr } = spawnSync(VERIFY, ['verify', join(units, 'azora-shop.service')], {
    encoding: 'utf8',
  });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
});

test.skipIf(noSystemd)('…also from a folder whose name is hard to write down', async () => {
  await using system = await rig.system({ yaml: { organs: ORGANS } });
  const yaml = readFileSync(system.path('azora.yaml'), 'utf8');
  const odd = 'a "quoted" 100%n $HOME \\ folder/azora.yaml';
  system.write(odd, yaml.replace('{', '{ "name": "odd",'));
  await system.expect(0, ['--file', system.path(odd), 'export', 'systemd', '-o', system.path('units')]);
  const { status, stderr } = spawnSync(VERIFY, ['verify', system.path('units/azora-odd.service')], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('on stdout it is the same unit, and nothing else', async () => {
  await using system = await rig.system({ yaml: { name: 'shop', organs: ORGANS } });
  const { stdout, stderr } = await system.expect(0, ['export', 'systemd']);
  expect(stderr).toBe('');
  await system.expect(0, ['export', 'systemd', '-o', system.folder]);
  expect(readFileSync(system.path('azora-shop.service'), 'utf8')).toBe(stdout);
  expect(stdout).toMatch(/^ExecStart=\/.+ up$/m);
  expect(stdout).toContain(`WorkingDirectory=${system.folder}\n`);
  expect(stdout).toContain('TimeoutStopSec=65s\n');
});

test.each([
  [['export'], 'missing required argument'],
  [['export', 'launchd'], 'Allowed choices are systemd'],
])('azora %j ends with 2', async (args, says) => {
  await using system = await rig.system({ yaml: { organs: ORGANS } });
  const { stderr } = await system.expect(2, args);
  expect(stderr).toContain(says);
});

test('a folder that cannot be written is named', async () => {
  await using system = await rig.system({ yaml: { organs: ORGANS } });
  system.write('file', '');
  const { stderr } = await system.expect(2, ['export', 'systemd', '-o', system.path('file')]);
  expect(stderr).toContain(`cannot write ${system.path('file')}`);
});

test('the command that the unit starts and the one that stops it do so, with the environment of systemd', async () => {
  await using system = await rig.system({ yaml: { name: 'shop', organs: ORGANS } });
  const { stdout } = await system.expect(0, ['export', 'systemd']);
  const command = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(stdout)![1]!;
  const env = { PATH: command('Environment').slice('PATH='.length), AZORA_TEST_RIG: system.mark.split('=')[1] };
  const start = spawn('/bin/sh', ['-c', `exec ${command('ExecStart')}`], { cwd: '/', env, stdio: 'ignore' });
  const exit = once(start, 'exit');
  await system.waitFor(({ system: { phase } }) => phase === 'ready');
  expect(spawnSync('/bin/sh', ['-c', command('ExecStop')], { cwd: '/', env }).status).toBe(0);
  expect(await exit).toEqual([0, null]);
  await system.expectNothingLeft();
});

test.skipIf(noPython || process.platform !== 'linux')(
  'systemd is told when the system is ready, by azora up alone',
  async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          slow: rig.puppet({ health: { http: '/' }, ports: { http: 'auto' } }),
          // Would speak for the system if it could.
          told: { command: ['/bin/sh', '-c', 'echo "socket: $NOTIFY_SOCKET"'], kind: 'task' },
        },
      },
    });
    // Node has no datagrams on unix sockets: Python plays systemd.
    const socket = system.path('notify.sock');
    const listener = `import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(${JSON.stringify(socket)}); print('listening', flush=True)\nwhile True: print(s.recv(4096).decode(), flush=True)`;
    const systemd = spawn('python3', ['-c', listener], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void systemd.kill());
    const lines = createInterface({ input: systemd.stdout })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('listening');
    const heard = lines.next();
    const up = system.start(['up'], { env: { NOTIFY_SOCKET: socket } });
    await system.waitFor(({ organs }) => organs.some(({ organ, state }) => organ === 'told' && state === 'completed'));
    expect(await Promise.race([heard, Promise.resolve('nothing yet')])).toBe('nothing yet');
    await system.puppet('slow').order({ listen: true });
    expect((await heard).value).toBe('READY=1');
    expect((await system.expect(0, ['logs', 'told', '--raw'])).stdout).toBe('socket: \n');
    for (const { pid } of system.processes()) {
      if (pid === up.pid || !existsSync(`/proc/${pid}`)) continue;
      expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('NOTIFY_SOCKET');
    }
    await system.expect(0, ['down']);
  },
);
