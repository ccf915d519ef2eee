import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freePort } from './rig/free-port.ts';
import { quiet } from './rig/organs.ts';
import { rig, type System } from './rig.ts';

/** A planted secret turns up nowhere but in the log files, `logs --raw` and what only runs while the system does. */

const SECRET = 'hunter2-very-secret';
const IN_JSON = 'line "one"\\two';

/** Every file of the state folder that outlives the system, or is not private to what runs. */
function storedIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('/logs/'));
}

function expectMasked(text: string, where: string): void {
  expect(text.includes(SECRET), `${where} shows the secret`).toBe(false);
  expect(text.includes(JSON.stringify(IN_JSON).slice(1, -1)), `${where} shows the other secret`).toBe(false);
}

const TALKATIVE = `
  const { API_TOKEN: token, DB_PASSWORD: password, AZORA_TOKEN: own } = process.env;
  console.log('connecting with', token);
  console.error(JSON.stringify({ password, own }));
`;

async function expectNowhere(system: System, commands: readonly string[][]): Promise<void> {
  for (const args of commands) {
    const { stdout, stderr } = await system.run(args);
    expectMasked(stdout + stderr, `azora ${args.join(' ')}`);
    expect(`${stdout}${stderr}`).not.toMatch(/azt_[\w-]{32}/);
  }
}

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

test('in no view, event, status, row, hook or registry, running or not', async () => {
  const heard: string[] = [];
  const server = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (text: string) => heard.push(text));
    request.on('end', () => response.end());
  });
  const port = await listen(server);
  await using system = await rig.system({
    files: {
      'talk.mjs': `${TALKATIVE} process.exit(3);`,
      'serve.mjs': `${TALKATIVE} console.log('ready'); setInterval(() => {}, 1e9);`,
    },
    env: { API_TOKEN: SECRET },
    yaml: {
      registry: { port: await freePort() },
      env: { DB_PASSWORD: IN_JSON },
      hooks: { 'organ-failed': [`http://127.0.0.1:${port}/`, 'cat > hook-saw.json'] },
      checks: [{ name: 'says it', exec: 'sh -c "echo $API_TOKEN; exit 1"', expect: { body: '${API_TOKEN}!' } }],
      organs: {
        web: {
          command: [rig.node, 'talk.mjs', '--token', '${API_TOKEN}'],
          restart: { delay: '10ms', limit: 1 },
          health: { log: 'ready' },
        },
        app: {
          command: [rig.node, 'serve.mjs'],
          health: { log: 'ready' },
          labels: { key: '${API_TOKEN}' },
          ports: { http: 'auto' },
        },
        probe: quiet({
          health: { exec: 'sh -c "echo no $API_TOKEN; exit 1"', start_timeout: '2s' },
          restart: 'never',
        }),
        lost: { command: '${API_TOKEN}/no-such-program' },
      },
    },
  });
  const up = await system.run(['up', '-d']);
  expectMasked(up.stdout + up.stderr, 'up');
  const views = [
    ['status'],
    ['status', '--json'],
    ['logs'],
    ['logs', '--json'],
    ['logs', '--grep', SECRET],
    ['events'],
    ['events', '--json'],
    ['why', 'web'],
    ['why', 'probe'],
    ['why', 'lost', '--json'],
    ['config'],
    ['config', '--json'],
    ['graph', '--format', 'json'],
    ['query', '--json', 'select * from events'],
    ['query', 'select * from organs'],
    ['query', 'select * from instances'],
    ['query', 'select * from checks'],
    ['query', 'select * from health_history'],
    ['query', 'select * from fact'],
  ];
  await expectNowhere(system, [...views, ['check'], ['check', '--json']]);

  expect((await system.expect(0, ['why', 'probe'])).stdout).toContain('no ***');
  expect((await system.expect(1, ['check'])).stdout).toContain('***');
  const { stdout: lines } = await system.expect(0, ['logs', 'app']);
  expect(lines).toContain('connecting with ***');
  expect(lines).toContain('{"password":"***","own":"***"}');
  const { stdout: raw } = await system.expect(0, ['logs', '--raw', 'app']);
  expect(raw).toContain(SECRET);
  expect(statSync(system.state.secrets).mode & 0o777).toBe(0o600);

  const { registryUrl } = (await system.status()).system;
  for (const path of ['/services', '/health', '/metrics']) {
    expectMasked(await (await fetch(`${registryUrl}${path}`)).text(), path);
  }
  await expect.poll(() => heard.length).toBeGreaterThan(0);
  await expect.poll(() => existsSync(system.path('hook-saw.json'))).toBe(true);
  expectMasked(heard.join(''), 'the webhook');
  expectMasked(readFileSync(system.path('hook-saw.json'), 'utf8'), 'the hook');

  await system.expect(0, ['down']);
  expect(existsSync(system.state.secrets)).toBe(false);
  await expectNowhere(system, views);
  for (const path of storedIn(system.state.root)) expectMasked(readFileSync(path, 'latin1'), path);

  system.write('azora.yaml', 'organs: [');
  const { stderr } = await system.expect(0, ['logs', 'app']);
  expect(stderr).toContain('secrets are not masked');
  server.close();
});
