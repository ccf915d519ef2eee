import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../kit/testing.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  output(): string;
}

function launch(state: string, env: NodeJS.ProcessEnv = {}): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [MAIN], { env: { PATH: process.env.PATH, AZORA_STATE_DIR: state, ...env } });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  return { child, output: () => text };
}

/** Covenant as azora runs it, on a free port, once it says where it listens. */
async function run(state: string): Promise<Running> {
  const { child, output } = launch(state);
  while (!output().includes('listens on')) await once(child.stdout!, 'data');
  return { child, output, url: /listens on (\S+)/.exec(output())![1]! };
}

const post = async (url: string) => (await fetch(url, { method: 'POST' })).json() as Promise<{ height: number }>;
const get = async (url: string) => (await fetch(url)).json() as Promise<{ valid: boolean; height: number }>;

test('leaves with 0 on SIGTERM and on SIGINT, and says so', async () => {
  const state = temporaryFolder();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { child, url, output } = await run(state);
    await post(`${url}/mine`);
    child.kill(signal);
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
    expect(output()).toMatch(new RegExp(`covenant stops on ${signal}\ncovenant stopped\n$`));
  }
});

test('killed in the middle of mining, it has every block that it said it mined', async () => {
  const state = temporaryFolder();
  let acknowledged = 0;
  for (let life = 0; life < 3; life++) {
    const { child, url } = await run(state);
    const target = acknowledged + 3;
    while (acknowledged < target) acknowledged = (await post(`${url}/mine`)).height;
    const last = post(`${url}/mine`).catch(() => undefined);
    child.kill('SIGKILL');
    await once(child, 'exit');
    acknowledged = (await last)?.height ?? acknowledged;
  }
  const { url } = await run(state);
  const { valid, height } = await get(`${url}/chain/valid?full=true`);
  expect(valid).toBe(true);
  expect(height).toBeGreaterThanOrEqual(acknowledged);
});

test.each([
  ['a port that is none', { PORT: 'http' }, /covenant cannot start: PORT is "http", not a port number/],
  [
    'a period that is none',
    { COVENANT_AUTO_MINE_MS: 'soon' },
    /covenant cannot start: COVENANT_AUTO_MINE_MS is "soon"/,
  ],
])('%s ends it with 1 and the reason', async (_, env, reason) => {
  const { child, output } = launch(temporaryFolder(), env);
  const [code] = await once(child, 'close');
  expect(code).toBe(1);
  expect(output()).toMatch(reason);
});
