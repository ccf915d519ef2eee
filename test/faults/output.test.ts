import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { quiet } from '../e2e/rig/organs.ts';
import { rig, type System } from '../e2e/rig.ts';
import { account, daemonPid, outputOf } from './support.ts';

/** Resident memory in MB. */
const rssOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

const logOf = (system: System, organ: string): string => join(system.state.logs, organ, `${organ}.out.log`);

describe('a line of 50 MB', () => {
  test.skipIf(process.platform !== 'linux')(
    'is kept whole, costs no memory, and takes nothing from others',
    async () => {
      const bytes = 50_000_000;
      const go = 'while [ ! -e go ]; do sleep 0.01; done; exec';
      await using system = await rig.system({
        yaml: {
          organs: {
            endless: {
              kind: 'task',
              command: `${go} ${rig.node} ${rig.program('never-ends-its-line.mjs')} ${bytes}`,
              logs: { max_size: '1GB' },
            },
            other: { command: [rig.node, rig.program('writes-numbers.mjs'), '20', '5'], health: { log: '^begin' } },
          },
        },
      });
      const up = system.start(['up', '-d']);
      await system.waitFor(({ organs }) => organs.every(({ pid }) => pid !== null));
      const daemons = [daemonPid(system, 'supervisor')!, daemonPid(system, 'keeper')!];
      const before = daemons.map(rssOf);
      system.write('go', '');
      await up.finished(); // it has run for a moment by then, and need not be through
      await system.waitFor(({ organs }) =>
        organs.some(({ organ, state }) => organ === 'endless' && state === 'completed'),
      );
      const grown = daemons.map((pid, i) => rssOf(pid) - before[i]!);
      expect(statSync(logOf(system, 'endless')).size).toBe(bytes + '\nat last\n'.length);
      for (const mb of grown) expect(mb).toBeLessThan(40);
      expect((await system.expect(0, ['logs', 'endless', '-n', '1', '--no-prefix'])).stdout).toBe('at last\n');
      await system.expect(0, ['down']);
      expect(account(outputOf(system, 'other'))).toMatchObject({ lives: 1, lost: 0, doubled: 0, torn: 0 });
      const { stdout } = await system.expect(0, ['logs', 'endless', '--no-prefix']);
      expect(stdout.replaceAll('\n', '').length).toBe(bytes + 'at last'.length);
    },
  );
});

describe('an organ that commands the terminal', () => {
  test('is shown without its commands everywhere, and kept with them', async () => {
    const organ = { command: [rig.program('commands-the-terminal.sh')], restart: 'never', critical: true };
    await using system = await rig.system({ yaml: { organs: { evil: organ } } });
    const views = [['up'], ['logs'], ['why', 'evil'], ['status'], ['events'], ['logs', '--json'], ['events', '--json']];
    for (const args of views) {
      const { stdout, stderr } = await system.run(args);
      expect(`${stdout}${stderr}`, args.join(' ')).not.toMatch(/[\0-\x08\x0b-\x1f\x7f-\x9f]/);
      // JSON keeps what was written, in escapes.
      if (!args.includes('--json')) expect(`${stdout}${stderr}`, args.join(' ')).not.toContain('owned');
    }
    const shown = await system.expect(0, ['logs', 'evil', '--no-prefix', '--stdout']);
    expect(shown.stdout).toBe('title  clipboard  clear  red  c1   nul \ufffd bad \ufffd\ufffd over␍written\n');
    const raw = readFileSync(logOf(system, 'evil'));
    for (const bytes of ['\x1b]0;owned\x07', '\x1b]52;c;', '\x1b[2J', '\0']) expect(raw.includes(bytes)).toBe(true);
    expect(raw.includes(Buffer.from([0xff, 0xfe]))).toBe(true);
  });
});

describe('the last words of a Node program', () => {
  const leaving = (how: string) => ({
    kind: 'task',
    command: [rig.node, rig.program('exits-with-output-unsent.mjs'), how],
  });

  test('are all there when it has waited for them; process.exit() throws away what Node had not handed over', async () => {
    const organs = { exit: leaving('exit'), callback: leaving('callback'), code: leaving('code') };
    await using system = await rig.system({ yaml: { organs } });
    await system.expect(1, ['up', '-d']);
    const { organs: ended } = await system.waitFor((status) => status.organs.every(({ state }) => state === 'failed'));
    expect(ended.map(({ exit }) => exit?.code)).toEqual([3, 3, 3]);
    const text = `${'x'.repeat(1_999_995)}\nend\n`;
    for (const name of ['callback', 'code']) expect(readFileSync(logOf(system, name), 'utf8') === text).toBe(true);
    // How much had been handed over depends on the pipe; all of that is there, from the first byte on.
    const kept = readFileSync(logOf(system, 'exit'), 'utf8');
    expect(kept.length).toBeGreaterThanOrEqual(4096);
    expect(text.startsWith(kept)).toBe(true);
  });
});

describe('rotation', () => {
  test('during a flood, while it is followed and read from a time on: no line is lost, doubled or torn', async () => {
    const lines = 60_000;
    const go = 'while [ ! -e go ]; do sleep 0.01; done; exec';
    await using system = await rig.system({
      yaml: {
        organs: {
          flood: {
            kind: 'task',
            command: `${go} ${rig.node} ${rig.program('numbered-flood.mjs')} ${lines}`,
            logs: { max_size: '200KB', max_files: 1000, compress: 'zstd' },
          },
          other: quiet(),
        },
      },
    });
    const up = system.start(['up', '-d']);
    await system.waitFor(({ organs }) => organs[1]?.state === 'ready');
    const follower = system.start(['logs', '-f', 'flood', '--no-prefix']);
    system.write('go', '');
    const since = new Date().toISOString();
    const looks: number[][] = [];
    while (!up.ended)
      looks.push(numbersIn((await system.expect(0, ['logs', '--since', since, '--no-prefix', 'flood'])).stdout));
    await follower.waitForLine(new RegExp(`^0*${lines - 1} `));
    follower.signal('SIGINT');
    expectInOrder(numbersIn((await follower.finished()).stdout), lines);
    looks.push(numbersIn((await system.expect(0, ['logs', '--since', since, '--no-prefix', 'flood'])).stdout));
    for (const look of looks) expectInOrder(look, look.length);
    expect(looks.at(-1)).toHaveLength(lines);
  });
});

function numbersIn(text: string): number[] {
  return text.split('\n').flatMap((line, i, all) => {
    const [, number] = /^(\d{9}) the quick brown fox jumps over the lazy dog$/.exec(line) ?? [];
    if (number !== undefined) return [Number(number)];
    // What has just been read may end in the middle of a line.
    if (i >= all.length - 2) return [];
    throw new Error(`a torn line: ${JSON.stringify(line.slice(0, 100))}`);
  });
}

function expectInOrder(numbers: readonly number[], count: number): void {
  expect(numbers).toHaveLength(count);
  expect(numbers.findIndex((number, i) => number !== i)).toBe(-1);
}
