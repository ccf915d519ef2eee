import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { quiet } from './rig/organs.ts';
import { noTerminal, Terminal } from './rig/terminal.ts';
import { rig, type System } from './rig.ts';

/** `azora top` and `azora status --watch`, in a real terminal. */

const azora = resolve(process.env.AZORA_BIN ?? join(import.meta.dirname, '../../bin/azora'));
const skipped = noTerminal === null ? '' : ` (skipped: ${noTerminal})`;

const SIZES = [
  [80, 24],
  [120, 40],
  [200, 60],
] as const;

/** vault, mint-1, mint-2 and mail, which has failed; vault writes what a terminal would rather not see. */
function shop(): Promise<System> {
  return rig.system({
    yaml: {
      name: 'shop',
      organs: {
        vault: {
          command: String.raw`printf 'ready\n\033[2J\033[31mred\033[0m \344\270\226\347\225\214\n'; exec sleep 1000`,
          health: { log: '^ready$' },
        },
        mint: quiet({ replicas: 2, depends_on: ['vault'] }),
        mail: { command: 'echo no post today; exit 3', restart: 'never' },
      },
    },
  });
}

const many = (): Promise<System> =>
  rig.system({
    yaml: {
      name: 'crowd',
      organs: Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`o${String(i).padStart(3, '0')}`, quiet()])),
    },
  });

/** A shell in a terminal, in the system's folder, that has said something. */
async function shell(system: System, [columns, rows]: readonly [number, number]): Promise<Terminal> {
  const terminal = await Terminal.open({ columns, rows, cwd: system.folder, env: system.environment });
  await terminal.shows(/^[$#]$/m);
  await terminal.enter('echo "before $((1 + 1))"');
  await terminal.shows(/^before 2\n[$#]$/m);
  return terminal;
}

async function top(system: System, size: readonly [number, number]): Promise<Terminal> {
  const terminal = await shell(system, size);
  await terminal.enter(`${azora} top; echo "ended with $?"`);
  await terminal.shows('q quit');
  return terminal;
}

/** The usual screen is back as it was, with what has been said since below, and the terminal is as a shell needs it. */
async function expectRestored(terminal: Terminal, says: string): Promise<void> {
  const lines = await terminal.shows(says);
  expect(lines[0]).toMatch(/^[$#] echo "before \$\(\(1 \+ 1\)\)"$/);
  expect(lines[1]).toBe('before 2');
  expect(lines.join('\n')).not.toContain('q quit');
  expect([await terminal.state('alternate_on'), await terminal.state('cursor_flag')]).toEqual(['0', '1']);
  expect(await terminal.state('wrap_flag')).toBe('1');
  await terminal.enter('stty -a | tr " ;" "\\n\\n" | grep -xE -- "-?(echo|icanon)" | xargs echo settings:');
  await terminal.shows(/^settings: icanon echo$/m);
}

const pidsOf = async (system: System): Promise<(number | null)[]> =>
  (await system.status()).organs.map(({ pid }) => pid);

describe.skipIf(noTerminal)(`azora top${skipped}`, () => {
  test.each(SIZES)(
    'at %i x %i, and at every other size while it runs; Ctrl-C leaves all as it was',
    async (...size) => {
      await using system = await shop();
      await system.expect(1, ['up', '-d']);
      const pids = await pidsOf(system);
      await using terminal = await top(system, size);
      for (const [columns, rows] of [size, ...SIZES, size]) {
        await terminal.resize(columns, rows);
        const lines = await terminal.until(
          (text, lines) =>
            lines.length === rows &&
            /^q quit/.test(lines.at(-1)!) &&
            /^> vault .*% +[▁-█]+ +[\d.]+[KMG] +[▁-█]+ [\s\S]*no post today/m.test(text),
        );
        expect(lines[0]).toMatch(/^shop {2}Critical · ready · up \d+m?s? · 3 organs: 3 Healthy, 1 Critical/);
        expect(lines[1]).toMatch(/^ {2}ORGAN {2}STATE {5}HEALTH {6}CPU +MEM +RST +UP/);
        expect(lines[2]).toMatch(/^> vault {2}ready {5}Healthy +[\d.]+% +[▁-█]+ +[\d.]+[KMG] +[▁-█]+ +0 /);
        expect(lines.slice(3, 6).map((line) => line.slice(0, 26).trimEnd())).toEqual([
          '  mint-1 ready     Healthy',
          '  mint-2 ready     Healthy',
          '  mail   failed    Critica',
        ]);
        expect(lines[6]).toMatch(/^vault · pid \d+/);
        expect(lines[7]).toBe('LOGS of all · following');
        expect(lines.slice(8, -1)).toEqual(expect.arrayContaining(['vault  | red 世界', 'mail   | no post today']));
        expect(lines.every((line) => [...line].length <= columns)).toBe(true);
      }
      expect(await terminal.state('mouse_any_flag')).toBe('0');
      expect(await terminal.state('alternate_on')).toBe('1');
      await terminal.press('C-c');
      await expectRestored(terminal, 'ended with 130');
      expect(await pidsOf(system)).toEqual(pids);
    },
  );

  test('keys choose, filter, stop, start and restart', async () => {
    await using system = await shop();
    await system.expect(1, ['up', '-d']);
    await using terminal = await top(system, [120, 40]);
    await terminal.press('Down');
    await terminal.shows(/^> mint-1/m);
    await terminal.press('x');
    await terminal.shows('stop mint-1? y/n');
    await terminal.press('n');
    await terminal.shows('q quit');
    await terminal.press('x', 'y');
    await terminal.shows(/^> mint-1 stopped/m);
    await terminal.shows(/^mint-1 stopped/m);
    expect((await system.instance('mint-1')).state).toBe('stopped');
    await terminal.press('s');
    await terminal.shows(/^> mint-1 ready/m);
    const { pid } = await system.instance('mint-1');
    await terminal.press('r', 'y');
    await system.waitFor(({ organs }) =>
      organs.some((o) => o.instance === 'mint-1' && o.state === 'ready' && o.pid !== pid),
    );
    await terminal.press('/');
    await terminal.type('POST');
    await terminal.press('Enter');
    const filtered = await terminal.shows('matching /POST/');
    expect(filtered.filter((line) => line.includes(' | '))).toEqual(['mail   | no post today']);
    await terminal.press('Escape');
    await terminal.until((text) => !text.includes('matching'));
    await terminal.press('Up', 'Enter', 'l');
    // Nothing but the text, from the first column to its end: it can be copied.
    const alone = await terminal.until((text) => text.includes('LOGS of vault') && text.includes('世界'));
    expect(alone.slice(1, 4)).toEqual(['LOGS of vault · following', 'ready', 'red 世界']);
    await terminal.press('g');
    await terminal.shows(/^└─ vault healthy +ready +Healthy/m);
    await terminal.press('?');
    await terminal.shows('the system goes on');
    await terminal.press('Escape');
    await terminal.shows(/^> vault/m);
    await terminal.press('q');
    await expectRestored(terminal, 'ended with 0');
  });

  test('what is written is followed, what is scrolled up stays', async () => {
    await using system = await rig.system({ yaml: { organs: { talker: rig.puppet() } } });
    await system.expect(0, ['up', '-d']);
    await using terminal = await top(system, [80, 24]);
    const say = async (from: number, to: number): Promise<void> => {
      const lines = Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}\n`);
      await system.puppet('talker').order({ say: lines.join(''), raw: true });
    };
    await say(1, 50);
    await terminal.shows('| line 50');
    await terminal.press('Tab', 'Home');
    await terminal.shows('held');
    const held = await terminal.screen();
    await say(51, 60);
    await terminal.press('End');
    const followed = await terminal.shows('| line 60');
    expect(held.join('\n')).not.toContain('line 60');
    expect(followed.join('\n')).toContain('following');
  });

  test('150 organs are scrolled through', async () => {
    await using system = await many();
    await system.expect(0, ['up', '-d']);
    await using terminal = await top(system, [80, 24]);
    await terminal.shows(/^crowd {2}Operational .*150 organs: 150 Healthy/m);
    await terminal.press('End');
    await terminal.shows(/^> o149 {2}ready/m);
    await terminal.press('PageUp');
    const up = await terminal.shows(/^> o140 {2}ready/m);
    expect(up[1]).toMatch(/141\/150$/);
    await terminal.resize(200, 60);
    const large = await terminal.until((_, lines) => lines.length === 60 && /^q quit/.test(lines[59]!));
    expect(large.filter((line) => /^[> ] o\d{3} +ready/.test(line))).toHaveLength(28);
    await terminal.press('l', 'l', 'Home');
    await terminal.shows(/^> o000/m);
    const table = await terminal.screen();
    expect(table.filter((line) => /^[> ] o\d{3} +ready/.test(line))).toHaveLength(56);
    await terminal.press('q');
    await expectRestored(terminal, 'ended with 0');
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 143],
  ] as const)('%s restores the terminal', async (signal, code) => {
    await using system = await rig.system({ yaml: { organs: { quiet: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const pids = await pidsOf(system);
    await using terminal = await shell(system, [80, 24]);
    await terminal.enter(`sh -c 'echo $$ > pid; exec ${azora} top'; echo "ended with $?"`);
    await terminal.shows('q quit');
    process.kill(Number(readFileSync(system.path('pid'), 'utf8')), signal);
    await expectRestored(terminal, `ended with ${code}`);
    expect(await pidsOf(system)).toEqual(pids);
  });

  test('a terminal that is gone ends it, and leaves the system alone', async () => {
    await using system = await rig.system({ yaml: { organs: { quiet: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const pids = await pidsOf(system);
    const terminal = await shell(system, [80, 24]);
    await terminal.enter(`sh -c 'echo $$ > pid; exec ${azora} top'`);
    await terminal.shows('q quit');
    const pid = Number(readFileSync(system.path('pid'), 'utf8'));
    await terminal[Symbol.asyncDispose]();
    for (const deadline = performance.now() + 10_000; system.isAlive(pid); ) {
      expect(performance.now()).toBeLessThan(deadline);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await pidsOf(system)).toEqual(pids);
  });

  test('a supervisor that is killed is awaited; when the system is down it ends, and says so', async () => {
    await using system = await rig.system({ yaml: { organs: { quiet: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const before = await system.status();
    await using terminal = await top(system, [100, 24]);
    process.kill(before.system.pid!, 'SIGKILL');
    await terminal.until(
      (text) => !text.includes(`supervisor ${before.system.pid}`) && text.includes('has taken over'),
    );
    expect((await system.status()).organs[0]?.pid).toBe(before.organs[0]?.pid);
    await system.expect(0, ['down']);
    await expectRestored(terminal, 'ended with 3');
    expect((await terminal.screen()).join('\n')).toContain('the system is down');
  });

  test('Ctrl-Z goes to the shell, fg comes back', async () => {
    await using system = await rig.system({ yaml: { organs: { quiet: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const env = { ...system.environment, PS1: '$ ' };
    await using terminal = await Terminal.open({
      ...{ columns: 80, rows: 24, cwd: system.folder, env },
      command: ['bash', '--norc', '--noprofile', '-i'],
    });
    await terminal.enter(`${azora} top`);
    await terminal.shows('q quit');
    await terminal.press('C-z');
    await terminal.shows('Stopped');
    expect(await terminal.state('alternate_on')).toBe('0');
    await terminal.enter('fg');
    await terminal.shows('q quit');
    await terminal.press('q');
    await terminal.until((text) => !text.includes('q quit'));
  });

  test('a crash tells its story on the screen that stays', async () => {
    await using system = await rig.system({ yaml: { organs: { quiet: quiet() } } });
    await using terminal = await shell(system, [80, 24]);
    const program = join(import.meta.dirname, 'rig/screen-that-crashes.ts');
    await terminal.enter(`${rig.node} ${program}; echo "ended with $?"`);
    await terminal.shows('a picture');
    await terminal.press('Enter');
    await expectRestored(terminal, 'ended with 1');
    expect((await terminal.screen()).join('\n')).toContain('an unexpected mistake');
  });

  test('a dumb terminal is refused', async () => {
    await using system = await rig.system({ yaml: { organs: { quiet: quiet() } } });
    await using terminal = await shell(system, [80, 24]);
    await terminal.enter(`TERM=dumb ${azora} top; echo "ended with $?"`);
    const lines = await terminal.shows('ended with 2');
    expect(lines.join('\n')).toContain('azora status --watch');
  });
});

describe.skipIf(noTerminal)(`azora status --watch${skipped}`, () => {
  test.each(SIZES)('at %i x %i, and at every other size while it runs', async (...size) => {
    await using system = await shop();
    await system.expect(1, ['up', '-d']);
    const pids = await pidsOf(system);
    await using terminal = await shell(system, size);
    await terminal.enter(`${azora} status --watch`);
    for (const [columns, rows] of [size, ...SIZES, size]) {
      await terminal.resize(columns, rows);
      const lines = await terminal.until(
        (_, lines) => lines.length === rows && /^shop {2}Critical/.test(lines[0]!) && /^ORGAN/.test(lines[2]!),
      );
      expect(lines[2]).toMatch(/^ORGAN {3}STATE {3}HEALTH/);
      expect(lines.slice(3, 7).map((line) => line.split(/\s+/).slice(0, 3).join(' '))).toEqual([
        'vault ready Healthy',
        'mint-1 ready Healthy',
        'mint-2 ready Healthy',
        'mail failed Critical',
      ]);
      expect(lines.filter((line) => /^(shop|ORGAN|vault )/.test(line)).length).toBeLessThanOrEqual(3);
    }
    await terminal.press('C-c');
    await terminal.enter('echo "ended with $?"');
    await terminal.shows('ended with 130');
    expect(await pidsOf(system)).toEqual(pids);
  });

  test('a reason that is longer than a line is cut: every line keeps its row', async () => {
    await using system = await rig.system({
      yaml: {
        organs: { mail: { command: 'no-such-program', restart: 'never', health: { log: 'never' } }, quiet: quiet() },
      },
    });
    await system.run(['up', '-d']);
    await using terminal = await shell(system, [40, 12]);
    await terminal.enter(`${azora} status --watch`);
    await terminal.until(
      (_, lines) => /^\S+ {2}Critical/.test(lines[0]!) && lines.some((line) => /^mail: .*…$/.test(line)),
    );
    await terminal.press('C-c');
  });

  test('of 150 organs those are shown that there is room for', async () => {
    await using system = await many();
    await system.expect(0, ['up', '-d']);
    await using terminal = await shell(system, [80, 24]);
    await terminal.enter(`${azora} status --watch`);
    const lines = await terminal.shows(/^… \d+ more lines/m);
    expect(lines[0]).toMatch(/^crowd {2}Operational/);
    expect(lines.filter((line) => /^o\d{3} +ready/.test(line))).toHaveLength(19);
    await terminal.resize(120, 40);
    await terminal.until((_, lines) => lines.filter((line) => /^o\d{3} +ready/.test(line)).length === 35);
    await terminal.press('C-c');
  });
});
