import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { floodChunks } from '../puppet/flood.mjs';
import { rig, type System } from './rig.ts';

const FLOOD_BYTES = rig.full ? 500_000_000 : 60_000_000;

const flood = (bytes: number, more: object = {}) => ({
  kind: 'task',
  command: [rig.node, rig.program('flood.mjs'), String(bytes)],
  ...more,
});

function expectedDigest(bytes: number): string {
  const hash = createHash('sha256');
  for (const chunk of floodChunks(bytes)) hash.update(chunk);
  return hash.digest('hex');
}

async function digestOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** Resident memory in bytes. */
function rssOf(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]) * 1024;
}

const logPath = (system: System, organ: string, file: string) => join(system.state.logs, organ, file);

/** A puppet that is up and ready. */
async function withPuppet(more: object = {}): Promise<System> {
  const system = await rig.system({ yaml: { organs: { web: rig.puppet({ health: { log: '^ready$' }, ...more }) } } });
  const up = system.start(['up', '-d']);
  await system.puppet('web').order({ ready: 'log' });
  await up.finished();
  return system;
}

describe('a flood', () => {
  test.skipIf(process.platform !== 'linux')(
    `${FLOOD_BYTES / 1e6} MB from one organ are byte-exact on disk, and the daemons' memory stays flat`,
    async () => {
      const go = 'while [ ! -e go ]; do sleep 0.01; done; exec';
      await using system = await rig.system({
        yaml: {
          organs: {
            flood: {
              kind: 'task',
              command: `${go} ${rig.node} ${rig.program('flood.mjs')} ${FLOOD_BYTES}`,
              logs: { max_size: '4GB' },
            },
          },
        },
      });
      const up = system.start(['up', '-d']);
      const { system: whole } = await system.waitFor(({ organs }) => typeof organs[0]?.pid === 'number');
      const daemons = [whole.pid!, whole.keeperPid!];
      const before = daemons.map(rssOf);
      system.write('go', '');
      const begin = performance.now();
      await system.waitFor(({ organs }) => organs[0]?.state === 'completed', 300_000);
      const seconds = (performance.now() - begin) / 1000;
      console.info(`${FLOOD_BYTES / 1e6} MB in ${seconds.toFixed(2)} s, the start of Node included`);
      const after = daemons.map(rssOf);
      expect(await up.finished()).toMatchObject({ code: 0 });

      const log = logPath(system, 'flood', 'flood.out.log');
      expect(statSync(log).size).toBe(FLOOD_BYTES);
      expect(await digestOf([log])).toBe(expectedDigest(FLOOD_BYTES));
      for (const [i, bytes] of after.entries()) expect((bytes - before[i]!) / 1e6).toBeLessThan(40);
    },
    320_000,
  );

  test('rotated: what is kept is whole lines without a gap, and the newest', async () => {
    const bytes = 6_400_000;
    await using system = await rig.system({
      yaml: { organs: { flood: flood(bytes, { logs: { max_size: '1MB', max_files: 100, compress: 'none' } }) } },
    });
    await system.expect(0, ['up', '-d']);
    await system.waitFor(({ organs }) => organs[0]?.state === 'completed');
    const folder = join(system.state.logs, 'flood');
    const rotated = readdirSync(folder)
      .filter((name) => /^flood\.out\.\d+\.log$/.test(name))
      .sort();
    expect(rotated.length).toBeGreaterThanOrEqual(4);
    const files = [...rotated, 'flood.out.log'].map((name) => join(folder, name));
    expect(await digestOf(files)).toBe(expectedDigest(bytes));
    for (const file of files.slice(0, -1)) expect(readFileSync(file).at(-1)).toBe(10);
  });
});

describe('azora logs', () => {
  test('--raw gives the bytes as they were written, whatever they are', async () => {
    const bytes = '\\000\\377\\376 \\033[31mred\\033[0m \\303\\050';
    await using system = await rig.system({
      yaml: { organs: { odd: { kind: 'task', command: `printf '${bytes}\\nend\\n'` } } },
    });
    await system.expect(0, ['up', '-d']);
    await system.waitFor(({ organs }) => organs[0]?.state === 'completed');
    const expected = Buffer.from([
      0,
      255,
      254,
      32,
      ...Buffer.from('\x1b[31mred\x1b[0m '),
      0xc3,
      0x28,
      10,
      ...Buffer.from('end\n'),
    ]);
    expect(readFileSync(logPath(system, 'odd', 'odd.out.log'))).toEqual(expected);
    const shown = await system.expect(0, ['logs', 'odd']);
    expect(shown.stdout).not.toContain('\x1b');
    expect(shown.stdout).toContain('end');
  });

  test('merges organs and streams in the order in which they spoke, with nothing running too', async () => {
    await using system = await rig.system({
      yaml: {
        organs: { a: rig.puppet({ health: { log: '^ready$' } }), b: rig.puppet({ health: { log: '^ready$' } }) },
      },
    });
    const up = system.start(['up', '-d']);
    for (const name of ['a', 'b']) await system.puppet(name).order({ ready: 'log' });
    await up.finished();
    for (let i = 0; i < 6; i++) {
      const name = i % 2 === 0 ? 'a' : 'b';
      await system.puppet(name).order({ say: `word ${i}`, to: i % 3 === 0 ? 'stderr' : 'stdout' });
      await expect.poll(() => readLog(system, name)).toContain(`word ${i}`);
      await nextMillisecond(); // what two organs say within the same one has no order
    }
    await system.expect(0, ['down']);
    const { stdout } = await system.expect(0, ['logs', '--json', '--grep', '^word']);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ line }) => line)).toEqual([0, 1, 2, 3, 4, 5].map((i) => `word ${i}`));
    expect(lines.map(({ instance, stream }) => `${instance} ${stream}`)).toEqual([
      'a stderr',
      'b stdout',
      'a stdout',
      'b stderr',
      'a stdout',
      'b stdout',
    ]);
    expect(Object.keys(lines[0]).sort()).toEqual(['instance', 'line', 'organ', 'stream', 'ts']);
    expect((await system.expect(0, ['logs', '-n', '1', '--no-prefix', 'b'])).stdout).toBe('word 5\n');
    expect((await system.expect(0, ['logs', '--stderr', '--no-prefix'])).stdout).toBe('word 0\nword 3\n');
  });

  test('-f shows what is said from then on, and ends without touching the system', async () => {
    await using system = await withPuppet();
    const logs = system.start(['logs', '-f']);
    await logs.waitForLine(/ready/);
    for (const word of ['one', 'two', 'three']) {
      await system.puppet('web').order({ say: word });
      await logs.waitForLine(new RegExp(`\\b${word}$`));
    }
    logs.signal('SIGINT');
    await logs.finished();
    expect(await system.instance('web')).toMatchObject({ state: 'ready', restarts: 0 });
  });

  test('the last words before an exit are there', async () => {
    await using system = await withPuppet({ restart: 'never' });
    await system.puppet('web').order({ say: 'farewell', to: 'stderr' });
    await system.puppet('web').order({ exit: 3 });
    await system.waitFor(({ organs }) => organs[0]?.state === 'failed');
    expect((await system.expect(0, ['logs', '--no-prefix'])).stdout).toContain('farewell\n');
  });
});

async function nextMillisecond(): Promise<void> {
  for (const now = Date.now(); Date.now() <= now + 1; ) await new Promise((resolve) => setImmediate(resolve));
}

function readLog(system: System, instance: string): string {
  return ['out', 'err'].map((stream) => readIfThere(logPath(system, instance, `${instance}.${stream}.log`))).join('');
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // not yet
  }
}
