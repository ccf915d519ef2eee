import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Contestant, Organs } from './contestant.ts';
import { output, versionOf } from './run.ts';

const root = resolve(import.meta.dirname, '../..');

/** azora: the single binary, this checkout's sources, or any other. */
export class Azora implements Contestant {
  readonly name: string;
  readonly bin: string;
  readonly version: string | null;
  readonly order = true;
  readonly restarts = true;
  readonly remembers = true;

  constructor(name: string, bin: string) {
    this.name = name;
    this.bin = resolve(root, bin);
    this.version = versionOf(this.bin, '--version');
  }

  prepare(folder: string, organs: Organs): void {
    const entries = Object.entries(organs).map(([name, { command, needs, once }]) => {
      const depends = Object.fromEntries(needs.map((needed) => [needed, { condition: 'started' }]));
      const restart = { policy: 'always', delay: '0s', jitter: 0, limit: 1000 };
      return [
        name,
        {
          command,
          ...(once ? { kind: 'task', logs: { max_size: '2GB' } } : { restart }),
          ...(needs.length === 0 ? {} : { depends_on: depends }),
        },
      ];
    });
    this.write(folder, { organs: Object.fromEntries(entries) });
  }

  /** JSON is YAML too. */
  write(folder: string, config: object): void {
    writeFileSync(join(folder, 'azora.yaml'), JSON.stringify(config));
  }

  async up(folder: string): Promise<void> {
    await this.run(folder, ['up', '-d']);
  }

  async down(folder: string): Promise<void> {
    await this.run(folder, ['down']);
  }

  readonly status = (folder: string): Promise<string> => this.run(folder, ['status']);

  run(folder: string, args: readonly string[]): Promise<string> {
    return output(this.bin, args, { cwd: folder });
  }

  root(folder: string): number {
    return this.#pid(folder, 'keeper');
  }

  supervisor(folder: string): number {
    return this.#pid(folder, 'supervisor');
  }

  #pid(folder: string, daemon: string): number {
    return Number.parseInt(readFileSync(join(folder, `.azora/run/${daemon}.lock`), 'utf8'), 10);
  }

  readonly logs = (folder: string, organ: string): string[] => [join(folder, '.azora/logs', organ, `${organ}.out.log`)];
}
