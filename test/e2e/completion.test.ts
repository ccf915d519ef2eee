import { execFileSync, spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { quiet } from './rig/organs.ts';
import { hasProgram, noTerminal, Terminal } from './rig/terminal.ts';
import { rig, type System } from './rig.ts';

/** The scripts of `azora completion`, in the shells that they are for. */

const azora = resolve(process.env.AZORA_BIN ?? join(import.meta.dirname, '../../bin/azora'));

/** What each line, up to the cursor, is completed to: some of it, and some that must not be there. */
const LINES: readonly (readonly [line: string, offered: readonly string[], not?: readonly string[]])[] = [
  ['azora sta', ['status', 'start'], ['stop', 'up']],
  ['azora --st', ['--state-dir']],
  ['azora up --', ['--detach', '--profile', '--file'], ['--json', '--grep']],
  ['azora logs --s', ['--since', '--stdout', '--stderr', '--state-dir'], ['--raw']],
  ['azora status --by ', ['category'], ['mint']],
  ['azora --progress ', ['auto', 'tty', 'plain', 'json', 'quiet'], ['up']],
  ['azora graph --format m', ['mermaid'], ['tree', 'dot']],
  ['azora --file azora.yaml wait --for ', ['ready', 'healthy', 'completed', 'stopped']],
  ['azora logs -f ', ['mint', 'mint-1', 'mint-2', 'vault'], ['azora.yaml', '--follow']],
  ['azora restart vault mi', ['mint', 'mint-1', 'mint-2'], ['vault']],
  ['azora up ', ['mint', 'vault', 'spare'], ['mint-1']],
  ['azora up --exit-code-from v', ['vault']],
  ['azora up --profile ', ['dev', 'night'], ['mint']],
  ['azora -f other.yaml up ', ['elsewhere'], ['mint']],
  ['azora --state-dir=nowhere logs ', ['mint', 'spare'], ['mint-1']],
  ['azora scale ', ['mint=', 'vault=']],
  ['azora events --type organ-f', ['organ-failed'], ['organ-ready']],
  ['azora events --organ mint-', ['mint-1', 'mint-2']],
  ['azora export ', ['systemd'], ['mint']],
  ['azora completion ', ['bash', 'zsh', 'fish']],
  ['azora config -f oth', ['other.yaml'], ['azora.yaml']],
  ['azora why nothing-like-it', [], ['mint']],
];

/** A running system, and beside its file another one; `azora` is on the PATH. */
async function shop(): Promise<System> {
  const system = await rig.system({
    yaml: {
      name: 'shop',
      profiles: ['dev'],
      organs: {
        vault: quiet(),
        mint: quiet({ replicas: 2 }),
        spare: quiet({ autostart: false, profiles: ['night', 'dev'] }),
      },
    },
    files: {
      'other.yaml': 'version: 1\norgans:\n  elsewhere: { command: sleep 1, env: { A: "${NOT_SET:?}" } }\n',
      'bin/README': 'azora is linked here\n',
    },
  });
  symlinkSync(azora, system.path('bin/azora'));
  await system.expect(0, ['up', '-d']);
  return system;
}

const environment = (system: System): NodeJS.ProcessEnv => ({
  ...system.environment,
  HOME: system.folder,
  PATH: `${system.path('bin')}:${system.environment.PATH}`,
});

function check(offered: readonly string[], wanted: readonly string[], not: readonly string[] = []): void {
  expect(offered).toEqual(expect.arrayContaining([...wanted]));
  expect(offered.filter((word) => not.includes(word))).toEqual([]);
}

const BASH = `
source <(azora completion bash)
while IFS= read -r COMP_LINE; do
  COMP_POINT=\${#COMP_LINE}
  COMPREPLY=()
  _azora azora
  echo "> \${COMPREPLY[*]}"
done`;

describe('bash', () => {
  test('completes commands, flags, their values and names', async () => {
    await using system = await shop();
    const { stdout, stderr } = spawnSync('bash', ['--norc', '--noprofile', '-c', BASH], {
      cwd: system.folder,
      env: environment(system),
      input: LINES.map(([line]) => `${line}\n`).join(''),
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    const answers = stdout.split('\n').map((line) => line.slice(2).split(' '));
    for (const [index, [, wanted, not]] of LINES.entries()) check(answers[index]!, wanted, not);
    await system.expect(0, ['down']);
  });

  test.skipIf(noTerminal)(`as somebody types it${reason(noTerminal)}`, async () => {
    await using system = await shop();
    await using terminal = await Terminal.open({
      ...{ columns: 100, rows: 30, cwd: system.folder, env: environment(system) },
      command: ['bash', '--norc', '--noprofile', '-i'],
    });
    await terminal.enter('source <(azora completion bash); PS1="ready> "');
    await terminal.shows(/^ready>$/m);
    await terminal.type('azora gra');
    await terminal.press('Tab');
    await terminal.shows('azora graph');
    await terminal.type('--format=m');
    await terminal.press('Tab');
    await terminal.shows('azora graph --format=mermaid');
    await terminal.press('C-u');
    await terminal.type('cd . && azora scale m');
    await terminal.press('Tab');
    await terminal.shows('azora scale mint=');
    await terminal.type('2');
    await terminal.shows('azora scale mint=2');
  });
});

describe('fish', () => {
  const missing = hasProgram('fish') ? null : 'fish is not installed';
  test.skipIf(missing)(`completes commands, flags, their values and names${reason(missing)}`, async () => {
    await using system = await shop();
    const env = environment(system);
    const script = execFileSync(azora, ['completion', 'fish'], { env, encoding: 'utf8' });
    system.write('azora.fish', script);
    for (const [line, wanted, not] of LINES) {
      const asked = `source azora.fish; complete -C '${line}'`;
      const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', asked], {
        cwd: system.folder,
        env,
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      check(
        stdout.split('\n').map((offer) => offer.split('\t')[0]!),
        wanted,
        not,
      );
    }
    await system.expect(0, ['down']);
  });
});

describe('zsh', () => {
  const missing = hasProgram('zsh') ? noTerminal : 'zsh is not installed';
  test.skipIf(missing)(`completes commands, flags, their values and names${reason(missing)}`, async () => {
    await using system = await shop();
    await using terminal = await Terminal.open({
      ...{ columns: 160, rows: 50, cwd: system.folder, env: environment(system) },
      command: ['zsh', '-f'],
    });
    // Every offer is listed, whole, whatever is typed already, and nothing is put into the line.
    await terminal.enter('autoload -Uz compinit; compinit -D; source <(azora completion zsh); setopt bash_auto_list');
    await terminal.enter("unsetopt list_ambiguous; zstyle ':completion:*' insert-unambiguous no; PS1='ready> '");
    await terminal.shows(/^ready>$/m);
    for (const [line, wanted, not = []] of LINES) {
      await terminal.press('C-u', 'C-l');
      await terminal.until((text) => text.trim() === 'ready>');
      await terminal.type(line);
      await terminal.until((text) => text.trimEnd().endsWith(line.trimEnd()));
      // List what there is; then a mark in the line shows that the list is there to its end.
      await terminal.press('C-d');
      await terminal.type('!end');
      const shown = await terminal.shows('!end');
      check(shown.slice(1).join(' ').split(/\s+/), wanted, not);
    }
    await system.expect(0, ['down']);
  });
});

describe('with nothing to complete', () => {
  test.each([
    ['a file that is broken', ['instances']],
    ['a file that is not there', ['instances', '--file', 'nowhere.yaml']],
    ['a flag that is half typed', ['instances', '--file']],
    ['a kind of name that there is not', ['everything']],
    ['nothing', []],
  ])('%s: quiet, and done', async (_, args) => {
    await using system = await rig.system({ yaml: 'version: 1\norgans: [\n' });
    const { stdout, stderr } = await system.expect(0, ['__complete', ...args]);
    expect([stdout, stderr]).toEqual(['', '']);
  });
});

function reason(missing: string | null): string {
  return missing === null ? '' : ` (skipped: ${missing})`;
}
