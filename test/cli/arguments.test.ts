import { rmSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands/index.ts';
import { colorLevel } from '../../src/cli/output.ts';
import { newProject } from './fake-supervisor.ts';
import { azora } from './run.ts';

const cwd = newProject();
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

describe('what was typed', () => {
  test.each([
    [['stat'], /unknown command 'stat'/],
    [['statsu'], /Did you mean status\?/],
    [['up', '--detatch'], /unknown option '--detatch'[\s\S]*Did you mean --detach\?/],
    [['status', '--by', 'colour'], /'colour' is invalid[\s\S]*category/],
    [['--progress', 'loud', 'status'], /'loud' is invalid/],
    [['down', '-t', 'soon'], /'soon' is invalid[\s\S]*It is a duration/],
    [['start'], /missing required argument 'organ'/],
    [['up', '-d', '--exit-code-from', 'mint'], /--exit-code-from waits for an organ to end/],
    [['-f', 'elsewhere.yaml', 'up'], /elsewhere\.yaml does not exist/],
  ])('%j is refused with 2', async (argv, words) => {
    const { code, stdout, stderr } = await azora(argv, { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(words);
  });

  test('top without a terminal ends with 2, and says what to use instead', async () => {
    const { code, stdout, stderr } = await azora(['top'], { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('azora top needs a terminal');
    expect(stderr).toContain('azora status --watch');
  });

  test('no command shows the help on stderr and ends with 2', async () => {
    const { code, stdout, stderr } = await azora([], { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: azora [options] <command>');
  });

  test('without any azora.yaml it says where it looked', async () => {
    const { code, stderr } = await azora(['status'], { cwd: '/' });
    expect(code).toBe(2);
    expect(stderr).toContain('no azora.yaml in / or any folder above it');
  });

  test('--version prints the version of the package, where it is from and its Node', async () => {
    expect(await azora(['--version'], { cwd })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+ \(from its sources, Node\.js \d+\.\d+\.\d+\)\n$/),
    });
  });
});

describe('help', () => {
  test('lists every command', async () => {
    const { code, stdout } = await azora(['--help'], { cwd });
    expect(code).toBe(0);
    for (const { name, aliases, summary } of COMMANDS) {
      expect(stdout).toMatch(new RegExp(`\\n  ${[name, ...aliases].join('\\|')} +${summary}`));
    }
  });

  test.each(['up', 'status', 'down', 'start', 'stop', 'restart'])(
    'of %s has examples and the global options',
    async (name) => {
      const { code, stdout } = await azora([name, '--help'], { cwd });
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: azora ${name}`);
      expect(stdout).toMatch(new RegExp(`Examples:\\n  azora ${name}`));
      expect(stdout).toContain('Global options:');
      expect((await azora(['help', name], { cwd })).stdout).toBe(stdout);
    },
  );
});

describe('colour', () => {
  test.each([
    [{}, true, false, 1],
    [{}, false, false, 0],
    [{ TERM: 'xterm-256color' }, true, false, 2],
    [{ COLORTERM: 'truecolor' }, true, false, 3],
    [{ NO_COLOR: '1' }, true, false, 0],
    [{ NO_COLOR: '' }, true, false, 1],
    [{ TERM: 'dumb' }, true, false, 0],
    [{ FORCE_COLOR: '1' }, false, false, 1],
    [{ FORCE_COLOR: '3' }, false, false, 3],
    [{ FORCE_COLOR: '0' }, true, false, 0],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false, false, 1],
    [{ FORCE_COLOR: '1' }, true, true, 0],
  ])('with %j on a terminal: %s, --no-color: %s → level %i', (env, isTTY, noColor, level) => {
    expect(colorLevel(env, isTTY, noColor)).toBe(level);
  });
});
