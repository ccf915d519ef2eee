import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Marks, now } from './marks.ts';

/** A program that runs a system of organs, measured beside others of its kind. */
export interface Contestant {
  readonly name: string;
  /** null: not installed, and left out. */
  version(): string | null;
  /** Writes the configuration for these organs into a folder of its own. */
  prepare(folder: string, organs: Organs): void;
  /** Boots the system in that folder; resolves when the command has returned, or the program settled in the background. */
  up(folder: string): Promise<void>;
  /** Stops it; resolves when the command has returned. */
  down(folder: string): Promise<void>;
}

export interface Organ {
  readonly command: readonly string[];
  /** Organs that have to be started before. */
  readonly needs: readonly string[];
}
export type Organs = Readonly<Record<string, Organ>>;

const root = resolve(import.meta.dirname, '../..');

/** azora, from this checkout or as $AZORA_BIN. */
export class Azora implements Contestant {
  readonly name = 'azora';
  readonly bin = resolve(process.env.AZORA_BIN ?? join(root, 'bin/azora'));

  version(): string {
    return spawnSync(this.bin, ['--version'], { encoding: 'utf8' }).stdout.trim();
  }

  prepare(folder: string, organs: Organs): void {
    const entries = Object.entries(organs).map(([name, { command, needs }]) => {
      const depends = Object.fromEntries(needs.map((needed) => [needed, { condition: 'started' }]));
      return [name, { command, ...(needs.length === 0 ? {} : { depends_on: depends }) }];
    });
    this.write(folder, { organs: Object.fromEntries(entries) });
  }

  /** JSON is YAML too. */
  write(folder: string, config: object): void {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'azora.yaml'), JSON.stringify(config));
  }

  async up(folder: string): Promise<void> {
    await this.run(folder, ['up', '-d']);
  }

  async down(folder: string): Promise<void> {
    await this.run(folder, ['down']);
  }

  async run(folder: string, args: readonly string[]): Promise<string> {
    const child = spawn(this.bin, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let [output, errors] = ['', ''];
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (errors += text));
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`azora ${args.join(' ')} ended with ${code}: ${errors}`);
    return output;
  }

  /** The daemons of a running system. */
  daemons(folder: string): { readonly supervisor: number; readonly keeper: number } {
    const pid = (name: string) => Number.parseInt(readFileSync(join(folder, '.azora/run', name), 'utf8'), 10);
    return { supervisor: pid('supervisor.lock'), keeper: pid('keeper.lock') };
  }

  log(folder: string, organ: string): string {
    return join(folder, '.azora/logs', organ, `${organ}.out.log`);
  }
}

/**
 * Who is measured beside azora where it is installed (pm2, supervisord, s6, dinit, concurrently, foreman): one entry each, that
 * has been seen to work on a machine that has it. None has yet.
 */
export const PEERS: readonly Contestant[] = [];

/** From the start of the command until the last organ runs; and from that of the stop until it has returned. */
export async function bootAndStop(
  contestant: Contestant,
  folder: string,
  marks: Marks,
  count: number,
): Promise<{ readonly bootMs: number; readonly stopMs: number }> {
  const startedAt = now();
  const [seen] = await Promise.all([marks.atLeast(count), contestant.up(folder)]).catch(async (error: unknown) => {
    await contestant.down(folder).catch(() => {}); // the first failure is the one to tell
    throw error;
  });
  const stoppedAt = now();
  await contestant.down(folder);
  return { bootMs: seen.at(-1)!.at - startedAt, stopMs: now() - stoppedAt };
}
