import { spawn } from 'node:child_process';
import { selfCommand } from '../../adapters/self.ts';
import { EXIT, type ExitCode, fail } from '../../core/failures.ts';
import { humanDuration } from '../../core/time.ts';
import type { CommandContext } from '../command.ts';
import type { QueryOrder } from './child.ts';

/**
 * Carries a query out in a process of its own: SQLite works on the caller's thread and cannot be interrupted from within it,
 * but a process can be ended. The kernel bounds its CPU time besides, for the case that nobody is left to end it.
 */
export async function runQuery(context: CommandContext, order: QueryOrder, timeoutMs: number): Promise<ExitCode> {
  const { stdout } = context;
  const seconds = Math.ceil(timeoutMs / 1000) + 1;
  const [file, ...args] = selfCommand(['__query', JSON.stringify(order)]);
  const child = spawn('/bin/sh', ['-c', `ulimit -t ${seconds}; exec "$@"`, 'sh', file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let end = null as 'timeout' | ExitCode | null;
  const endWith = (why: 'timeout' | ExitCode) => () => {
    end ??= why;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(endWith('timeout'), timeoutMs);
  const release = [
    context.onSignal('SIGINT', endWith(EXIT.interrupted)),
    context.onSignal('SIGTERM', endWith(EXIT.terminated)),
    context.onSignal('SIGPIPE', endWith(EXIT.done)),
  ];
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      if (!stdout.write(chunk)) await stdout.drained();
    }
    const code = await closed;
    if (end === 'timeout') {
      return fail(
        'timed-out',
        `the query was not done after ${humanDuration(timeoutMs)} and was ended`,
        'Ask for less, or give it longer: --timeout 5m',
      );
    }
    if (end !== null) return end;
    if (code === EXIT.usage) fail('usage', complaint.trim(), '`azora query --help` lists the views.');
    if (code === EXIT.notRunning) fail('not-running', complaint.trim(), 'Start it: azora up');
    if (code !== 0) throw new Error(`the process of the query ended with ${code}: ${complaint.trim()}`);
    return EXIT.done;
  } finally {
    clearTimeout(timer);
    for (const unregister of release) unregister();
  }
}
