import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contestant, Organs } from '../contestant.ts';
import { Foreground, npmVersion, versionOf } from '../run.ts';

/** What runs many programs in one terminal, whose output is one stream. */
abstract class OneTerminal implements Contestant {
  abstract readonly name: string;
  abstract readonly version: string | null;
  abstract readonly restarts: boolean;
  readonly order = false;
  readonly status = null;
  readonly mixed = true;
  readonly #program = new Foreground();
  abstract prepare(folder: string, organs: Organs): void;
  protected abstract command(folder: string): readonly [string, ...string[]];

  async up(folder: string): Promise<void> {
    const [file, ...args] = this.command(folder);
    const fd = openSync(join(folder, 'output'), 'w');
    await this.#program.start(folder, file, args, fd);
    closeSync(fd);
  }

  down(folder: string): Promise<void> {
    return this.#program.end(folder);
  }

  root(folder: string): number {
    return this.#program.pid(folder);
  }

  supervisor(folder: string): number {
    return this.root(folder);
  }

  readonly logs = (folder: string): string[] => [join(folder, 'output')];
}

export class Foreman extends OneTerminal {
  readonly name = 'foreman';
  readonly version = versionOf('foreman', '--version');
  readonly restarts = false;

  prepare(folder: string, organs: Organs): void {
    const lines = Object.entries(organs).map(([name, { command }]) => `${name}: exec ${command.join(' ')}\n`);
    writeFileSync(join(folder, 'Procfile'), lines.join(''));
  }

  protected command(): readonly [string, ...string[]] {
    return ['foreman', 'start'];
  }
}

export class Concurrently extends OneTerminal {
  readonly name = 'concurrently';
  readonly version = npmVersion('concurrently');
  /** It could, but with --restart-tries it starts again what its own end has killed, and never ends. */
  readonly restarts = false;
  readonly #commands = new Map<string, readonly string[]>();

  prepare(folder: string, organs: Organs): void {
    this.#commands.set(
      folder,
      Object.values(organs).map(({ command }) => `exec ${command.join(' ')}`),
    );
  }

  protected command(folder: string): readonly [string, ...string[]] {
    return ['concurrently', ...this.#commands.get(folder)!];
  }
}
