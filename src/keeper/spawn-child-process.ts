import type { StdioOptions } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { startTimeIfKnown } from './identity.ts';
import { CHANNEL_FD, type OnReaped, type Spawner, type SpawnOutcome, type SpawnPlan } from './spawner.ts';

/** Node's own fork and exec, for machines without koffi. Detached = a session of its own; libuv resets signals by itself. */
export function createChildProcessSpawner(onReaped: OnReaped): Spawner {
  const { execFileSync, spawn: nodeSpawn } = process.getBuiltinModule('node:child_process'); // by most keepers never needed
  function spawn(plan: SpawnPlan): SpawnOutcome | Promise<SpawnOutcome> {
    const opened: number[] = [];
    const open = (what: number | string): number => {
      if (typeof what === 'number') return what;
      opened.push(openSync(what, constants.O_RDWR));
      return opened.at(-1)!;
    };
    try {
      const stdout = open(plan.stdout);
      const stdio: Exclude<StdioOptions, string> = [
        'ignore',
        stdout,
        plan.stderr === 'same' ? stdout : open(plan.stderr),
      ];
      if (plan.extra) {
        while (stdio.length < plan.extra.target) stdio.push('ignore');
        stdio[plan.extra.target] = plan.extra.source;
      }
      if (plan.onMessage) stdio[CHANNEL_FD] = 'ipc';
      const child = nodeSpawn(plan.file, plan.argv.slice(1), {
        argv0: plan.argv[0],
        cwd: plan.cwd,
        env: plan.env,
        detached: true,
        serialization: 'json',
        stdio,
      });
      const { pid } = child;
      if (pid === undefined)
        return new Promise((done) => child.once('error', (e) => done({ pid: null, code: codeOf(e) })));
      if (plan.onMessage) child.on('message', plan.onMessage);
      child.on('error', () => {}); // of the message channel only: the exit tells what matters
      child.on('exit', (code, signal) => onReaped([{ pid, code, signal }]));
      return { pid, startTime: startTimeIfKnown(pid) };
    } catch (error) {
      return { pid: null, code: codeOf(error) }; // some errors are thrown at once (E2BIG)
    } finally {
      for (const fd of opened) closeSync(fd);
    }
  }

  return {
    kind: 'child_process',
    subreaper: false,
    marks: false,
    sliceMs: 0,
    spawn,
    makeFifos: (paths) => {
      if (paths.length === 0) return;
      execFileSync('mkfifo', ['-m', '600', ...paths], { stdio: ['ignore', 'ignore', 'pipe'], timeout: 10_000 });
    },
  };
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'EUNKNOWN';
