import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Argument } from 'commander';
import { loadLibc } from '../../adapters/libc.ts';
import { selfCommand } from '../../adapters/self.ts';
import { stateRootOf } from '../../adapters/state-folder.ts';
import { EXIT, fail } from '../../core/failures.ts';
import { systemdUnit, unitName } from '../../core/systemd.ts';
import type { CommandContext } from '../command.ts';
import { defineCommand } from '../command.ts';
import { locateState } from '../locate.ts';
import { readConfig } from '../read-config.ts';

export interface ExportOptions {
  output?: string;
}

const KINDS = ['systemd'];

export const command = defineCommand<ExportOptions>({
  declare: (command) =>
    command
      .addArgument(new Argument('<kind>', 'for whom').choices(KINDS))
      .option('-o, --output <dir>', 'write it into this folder instead of stdout'),
  examples: [
    { line: 'azora export systemd', what: 'the unit of this system' },
    { line: 'sudo azora export systemd -o /etc/systemd/system', what: 'put it where systemd looks' },
  ],
  async run(context, [kind, ...more], options) {
    if (more.length > 0) fail('usage', `azora exports to ${kind} alone, and got "${more.join(' ')}" too`);
    const config = await readConfig(context, null);
    const unit = systemdUnit({
      config,
      azora: azoraFor(context, config.file),
      folder: dirname(config.file),
      user: whoseSystem(context),
      path: context.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
      notifies: loadLibc() !== null,
    });
    if (options.output === undefined) context.stdout.write(unit);
    else write(context, resolve(context.cwd, options.output), unitName(config.name), unit);
    return EXIT.done;
  },
});

/** This very azora with this very system: nothing is left to what systemd finds on its PATH. */
function azoraFor(context: CommandContext, file: string): string[] {
  const { root } = locateState(context);
  const state = root === stateRootOf(file, undefined) ? [] : ['--state-dir', root];
  return selfCommand(['--file', file, ...state]);
}

/** Under sudo it is the system of whoever asked. */
const whoseSystem = ({ env }: CommandContext): string =>
  (process.geteuid?.() === 0 ? env.SUDO_USER : undefined) ?? ownName();

/** Not every user has a name (in a container, say); systemd takes the number as well. */
function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.geteuid?.());
  }
}

function write({ stderr }: CommandContext, folder: string, name: string, unit: string): void {
  const path = join(folder, name);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, unit);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    fail('usage', `cannot write ${path}: ${why}`, 'Name a folder that can be written with -o, or use sudo.', cause);
  }
  stderr.write(`${path} is written. Next: systemctl daemon-reload && systemctl enable --now ${name}\n`);
}
