import type { CommandModule } from '../command.ts';

export interface CommandEntry {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  /** Imports the command's file; nothing of it is loaded before. */
  readonly load: () => Promise<{ readonly command: CommandModule }>;
}

const entry = (name: string, summary: string, load: CommandEntry['load'], aliases: string[] = []): CommandEntry => ({
  name,
  aliases,
  summary,
  load,
});

/** Every command, in the order of `azora --help`. */
export const COMMANDS: readonly CommandEntry[] = [
  entry('up', 'boot the system, or some organs and what they need', () => import('./up.ts')),
  entry('status', 'show every organ: state, health, pid, ports', () => import('./status.ts'), ['ps']),
  entry('top', 'look on, full screen: organs, figures, logs, keys to act', () => import('./top.ts')),
  entry('logs', 'show what organs wrote, merged in time order', () => import('./logs.ts')),
  entry('down', 'stop everything, dependents first', () => import('./down.ts')),
  entry('start', 'start organs and what they need', () => import('./start.ts')),
  entry('stop', 'stop organs, and keep them down', () => import('./stop.ts')),
  entry('restart', 'stop organs and start them again', () => import('./restart.ts')),
  entry('wait', 'wait until organs are ready, or a task is done', () => import('./wait.ts')),
  entry('run', 'run a command in the place of an organ', () => import('./run.ts')),
  entry('why', 'explain why an organ is as it is, down to the root', () => import('./why.ts')),
  entry('events', 'show what has happened', () => import('./events.ts')),
  entry('check', 'run the comprehensive checks now', () => import('./check.ts')),
  entry('graph', 'show who depends on whom', () => import('./graph.ts')),
  entry('query', 'ask the history in SQL', () => import('./query.ts')),
  entry('reload', 'read azora.yaml again and take on what changed', () => import('./reload.ts')),
  entry('plan', 'show what a reload would do', () => import('./plan.ts')),
  entry('scale', 'change how many instances an organ has', () => import('./scale.ts')),
  entry('emergency', 'shut everything down and latch it', () => import('./emergency.ts')),
  entry('init', 'write an azora.yaml from what declares the project already', () => import('./init.ts')),
  entry('config', 'show or check the resolved configuration', () => import('./config.ts')),
  entry('export', 'write what starts this system at boot: a systemd unit', () => import('./export.ts')),
  entry('doctor', 'check this machine and this project', () => import('./doctor.ts')),
  entry('completion', 'write what lets your shell complete azora: bash, zsh, fish', () => import('./completion.ts')),
];
