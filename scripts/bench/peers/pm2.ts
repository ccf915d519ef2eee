import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contestant, Organs } from '../contestant.ts';
import { npmVersion, output } from '../run.ts';

/** pm2 (pm2.keymetrics.io), with a daemon and a home of its own in each folder. */
export class Pm2 implements Contestant {
  readonly name = 'pm2';
  readonly version = npmVersion('pm2') /* asked itself, it would start a daemon */;
  readonly order = false;
  readonly restarts = true;

  prepare(folder: string, organs: Organs): void {
    const apps = Object.entries(organs).map(([name, { command, once }]) => ({
      name,
      script: command[0],
      args: command.slice(1),
      interpreter: 'none',
      autorestart: !once,
      max_restarts: 1000,
      out_file: join(folder, `${name}.log`),
      error_file: '/dev/null',
    }));
    writeFileSync(join(folder, 'apps.json'), JSON.stringify({ apps }));
  }

  async up(folder: string): Promise<void> {
    await this.#run(folder, 'start', 'apps.json');
  }

  async down(folder: string): Promise<void> {
    await this.#run(folder, 'kill');
  }

  root(folder: string): number {
    return Number(readFileSync(join(folder, '.pm2/pm2.pid'), 'utf8'));
  }

  supervisor(folder: string): number {
    return this.root(folder);
  }

  readonly status = (folder: string): Promise<string> => this.#run(folder, 'ls');
  readonly logs = (folder: string, organ: string): string[] => [join(folder, `${organ}.log`)];

  #run(folder: string, ...args: readonly string[]): Promise<string> {
    return output('pm2', args, { cwd: folder, env: { ...process.env, PM2_HOME: join(folder, '.pm2') } });
  }
}
