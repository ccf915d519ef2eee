import { ownVersion } from '../adapters/version.ts';
import { EXIT, FAILURE_EXIT, FailureError } from '../core/failures.ts';
import type { CommandContext } from './command.ts';
import type { RawStream } from './output.ts';
import { createOutput } from './output.ts';
import { plainDown } from './plain-down.ts';
import { plainStatus } from './plain-status.ts';
import { plainUp } from './plain-up.ts';
import { renderBug, renderFailure } from './render/failure.ts';
import { showStatus } from './show-status.ts';

/** The outside that a run of the command line is given. Each stream is asked for once, if at all. */
export interface Host extends Pick<CommandContext, 'env' | 'cwd' | 'onSignal'> {
  readonly stdout: RawStream;
  readonly stderr: RawStream;
}

/** Runs `azora <argv…>` and answers its exit code. Never rejects. */
export async function main(argv: readonly string[], host: Host): Promise<number> {
  const noColor = argv.includes('--no-color');
  const stdout = createOutput(() => host.stdout, host.env, noColor);
  const stderr = createOutput(() => host.stderr, host.env, noColor);
  const version = ownVersion();
  const outside = { stdout, stderr, env: host.env, cwd: host.cwd, version, onSignal: host.onSignal };
  try {
    const plain = plainStatus(argv);
    if (plain) return await showStatus({ ...outside, global: plain.global }, plain.organs, plain.options);
    const down = plainDown(argv);
    if (down) {
      const { takeDown } = await import('./take-down.ts');
      return await takeDown({ ...outside, global: down.global }, down.request);
    }
    const boot = plainUp(argv);
    if (boot) {
      const { up } = await import('./up/up.ts');
      return await up({ ...outside, global: boot.global }, boot.wish, boot.manner);
    }
    const { runProgram } = await import('./program.ts');
    return await runProgram(withHelpFirst(argv), outside);
  } catch (error) {
    if (error instanceof FailureError) {
      stderr.write(renderFailure(error.failure, stderr));
      return FAILURE_EXIT[error.failure.kind];
    }
    stderr.write(renderBug(error, version, stderr));
    return EXIT.failed;
  }
}

/** `azora help up` is `azora up --help`: the command's file has to be loaded either way. */
function withHelpFirst(argv: readonly string[]): string[] {
  const [first, second] = argv;
  return first === 'help' ? (second === undefined ? ['--help'] : [second, '--help']) : [...argv];
}
