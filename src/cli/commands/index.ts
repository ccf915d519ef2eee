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
  entry('logs', 'show what organs wrote, merged in time order', () => import('./logs.ts')),
  entry('down', 'stop everything, dependents first', () => import('./down.ts')),
  entry('start', 'start organs and what they need', () => import('./start.ts')),
  entry('stop', 'stop organs and those that cannot do without them', () => import('./stop.ts')),
  entry('restart', 'stop organs and start them again', () => import('./restart.ts')),
  entry('config', 'show or check the resolved configuration', () => import('./config.ts')),
];

/** Commands of the contract that a later version brings: typing one says so. */
export const LATER: readonly string[] = [
  'reload',
  'plan',
  'scale',
  'wait',
  'why',
  'events',
  'check',
  'graph',
  'run',
  'emergency',
  'query',
  'top',
  'init',
  'doctor',
  'export',
  'completion',
];
