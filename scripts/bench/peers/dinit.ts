import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contestant, Organs } from '../contestant.ts';
import { Foreground, output, versionOf } from '../run.ts';

/** dinit (davmac.org/projects/dinit). It keeps no logs of its own: organs write to a file themselves. */
export class Dinit implements Contestant {
  readonly name = 'dinit';
  readonly version = versionOf('dinit', '--version');
  readonly order = true;
  readonly restarts = true;
  readonly #daemon = new Foreground();

  prepare(folder: string, organs: Organs): void {
    mkdirSync(join(folder, 'services'));
    const service = (name: string, lines: readonly string[]): void =>
      writeFileSync(join(folder, 'services', name), `${lines.join('\n')}\n`);
    for (const [name, { command, needs, once }] of Object.entries(organs)) {
      service(name, [
        'type = process',
        `command = ${command.join(' ')}`,
        `logfile = ${join(folder, `${name}.log`)}`,
        ...(once ? ['restart = false'] : ['restart = true', 'restart-delay = 0', 'restart-limit-count = 0']),
        ...needs.map((needed) => `depends-on: ${needed}`),
      ]);
    }
    service('boot', ['type = internal', ...Object.keys(organs).map((name) => `waits-for: ${name}`)]);
  }

  up(folder: string): Promise<void> {
    return this.#daemon.start(folder, 'dinit', ['--user', '-d', 'services', '-p', join(folder, 'socket'), 'boot']);
  }

  down(folder: string): Promise<void> {
    return this.#daemon.end(folder);
  }

  root(folder: string): number {
    return this.#daemon.pid(folder);
  }

  supervisor(folder: string): number {
    return this.root(folder);
  }

  readonly status = (folder: string): Promise<string> => output('dinitctl', ['-p', join(folder, 'socket'), 'list']);
  readonly logs = null;
}
