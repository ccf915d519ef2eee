import { once } from 'node:events';
import { statSync } from 'node:fs';
import type { OneOff } from '../../adapters/control/protocol.ts';
import { fail } from '../../core/failures.ts';
import type { CommandContext, ContextSignal } from '../command.ts';
import { exitCodeOf } from '../exit-code.ts';

/** As a shell says it. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/**
 * Runs a command with this process's own streams, and answers its exit code (128 and the signal's number where one ended it).
 * Signals go on to it; Ctrl-C on a terminal reaches it from there.
 */
export async function runAttached(context: CommandContext, { argv, cwd, env }: OneOff): Promise<number> {
  const [file = '', ...args] = argv;
  requireFolder(cwd);
  const { execa } = await import('execa');
  // From before it is there: one that came in between would end this process alone, and leave the other behind.
  const passOn = (signal: ContextSignal): (() => void) =>
    context.onSignal(signal, () => {
      child.kill(signal as NodeJS.Signals);
    });
  const fromTerminal = process.stdin.isTTY === true;
  const release = [
    fromTerminal ? context.onSignal('SIGINT', () => {}) : passOn('SIGINT'),
    passOn('SIGTERM'),
    passOn('SIGHUP'),
  ];
  const child = execa(file, args, { cwd, env, extendEnv: false, stdio: 'inherit', reject: false, cleanup: false });
  try {
    const exited = once(child.nodeChildProcess, 'exit').then(
      ([code, signal]: (number | string | null)[]) => exitCodeOf(code as number | null, signal as string | null),
      () => null, // It could not be started; execa knows why.
    );
    const code = await exited;
    if (code !== null) return code;
    const { originalMessage, code: errno } = await child;
    const missing = errno === 'ENOENT';
    const { stderr } = context;
    stderr.write(
      `${stderr.style.red('azora:')} cannot run ${file}: ${missing ? 'not found in the PATH of the organ' : (originalMessage ?? errno)}\n`,
    );
    return missing ? NOT_FOUND : NOT_EXECUTABLE;
  } finally {
    for (const unregister of release) unregister();
  }
}

/** Node would say of the command that it is not there. */
function requireFolder(cwd: string): void {
  if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) return;
  fail('config-invalid', `cannot run it in ${cwd}: there is no such folder`, "It is the organ's `cwd` in azora.yaml.");
}
