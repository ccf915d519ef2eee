import { createHash, type Hash } from 'node:crypto';
import { type BigIntStats, createReadStream } from 'node:fs';
import { open, readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Block } from './block.ts';
import { Ledger } from './ledger.ts';
import type { Rules } from './rules.ts';
import { parseBlock, type Reading, validateChain } from './validation.ts';

/** A change so recent may not have moved the file's time stamps: only its content tells. */
const RACY_MS = 2000;

/**
 * The chain on disk: one block per line, appended and synced before it counts. It knows the hash of what it wrote, so it
 * can tell at any time whether somebody else changed the file. Its methods must not overlap: the node takes care of it.
 */
export class ChainFile {
  readonly path: string;
  #content: Hash = createHash('sha256');
  #bytes = 0;
  /** The file as it was when its content was last known to be right. */
  #known: { readonly stat: BigIntStats; readonly at: number } | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Reads and validates all blocks; a file that is not there begins with genesis. */
  async load(genesis: Block, rules: Rules): Promise<Reading> {
    const text = await readFile(this.path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) {
      await this.replace([genesis]);
      return { ledger: new Ledger(genesis, rules) };
    }
    const whole = await this.#mend(text);
    const reading = await readLines(whole, genesis, rules);
    if (reading.reason === undefined) this.#remember(whole);
    return reading;
  }

  /** Rejects when the block could not be brought to the disk; then the file is as it was. */
  async append(block: Block): Promise<void> {
    const line = toLine(block);
    const file = await open(this.path, 'a', 0o600);
    try {
      await file.appendFile(line);
      await file.sync();
      this.#known = { stat: await file.stat({ bigint: true }), at: Date.now() };
    } catch (error) {
      await file.truncate(this.#bytes);
      throw error;
    } finally {
      await file.close();
    }
    this.#content.update(line);
    this.#bytes += Buffer.byteLength(line);
  }

  /** Puts a whole new chain in the place of the old one, or leaves the old one as it was. */
  async replace(blocks: readonly Block[]): Promise<void> {
    const temporary = `${this.path}.new`;
    const text = blocks.map(toLine).join('');
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    await rename(temporary, this.path);
    this.#remember(text);
    await syncFolder(dirname(this.path));
  }

  /** Whether the file's size and times are those it was left with: a first glance, before something is appended. */
  async isUntouched(): Promise<boolean> {
    const now = await stat(this.path, { bigint: true }).catch(() => undefined);
    return now !== undefined && isSame(now, this.#known?.stat);
  }

  /**
   * Whether the file still holds what was written to it: undefined, or what is wrong, naming the block. Cheap while its
   * size and times stand still; else its content is hashed; only when that differs are its blocks validated anew.
   */
  async check(ledger: Ledger): Promise<string | undefined> {
    const now = await stat(this.path, { bigint: true }).catch(() => undefined);
    if (!now) return `${basename(this.path)} is gone`;
    const settledMs = (this.#known?.at ?? 0) - Number(now.ctimeMs);
    if (isSame(now, this.#known?.stat) && settledMs > RACY_MS) return undefined;
    const at = Date.now();
    if ((await hashFile(this.path)) === this.#content.copy().digest('hex')) {
      this.#known = { stat: now, at };
      return undefined;
    }
    this.#known = undefined;
    return this.#explain(ledger);
  }

  /** The chain on disk, every block of it validated anew, and whether it is that of `ledger`. */
  async #explain({ blocks, rules }: Ledger): Promise<string> {
    const text = await readFile(this.path, 'utf8');
    const { ledger: onDisk, reason } = await readLines(text, blocks[0] as Block, rules);
    if (reason !== undefined) return reason;
    const different = onDisk.blocks.findIndex((block, height) => block.hash !== blocks[height]?.hash);
    if (different >= 0) return `block ${different}: it is valid, but not the one that was accepted`;
    const { length } = onDisk.blocks;
    return length < blocks.length
      ? `block ${length}: it is missing, the file ends before it`
      : `block ${length - 1}: its line does not end as it was written`;
  }

  /**
   * Power lost while appending leaves a torn last line, which never counted: it is cut off. A last line that only lacks its
   * line feed is kept.
   */
  async #mend(text: string): Promise<string> {
    const end = text.lastIndexOf('\n') + 1;
    const rest = text.slice(end);
    if (rest === '') return text;
    if (typeof parseLine(rest) === 'string') {
      await truncate(this.path, Buffer.byteLength(text.slice(0, end)));
      return text.slice(0, end);
    }
    const file = await open(this.path, 'a');
    try {
      await file.appendFile('\n');
      await file.sync();
    } finally {
      await file.close();
    }
    return `${text}\n`;
  }

  #remember(text: string): void {
    this.#content = createHash('sha256').update(text);
    this.#bytes = Buffer.byteLength(text);
    this.#known = undefined;
  }
}

function readLines(text: string, genesis: Block, rules: Rules): Promise<Reading> {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return validateChain(lines, parseLine, genesis, rules);
}

function parseLine(line: string): Block | string {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    return `its line is not JSON: ${(error as SyntaxError).message}`;
  }
  const block = parseBlock(json);
  if (typeof block !== 'string' && JSON.stringify(block) !== line) return 'its line is not as it was written';
  return block;
}

/** The change time cannot be set by hand, as the modification time can. */
function isSame(now: BigIntStats, before: BigIntStats | undefined): boolean {
  return now.ino === before?.ino && now.size === before.size && now.ctimeNs === before.ctimeNs;
}

function toLine(block: Block): string {
  return `${JSON.stringify(block)}\n`;
}

async function hashFile(path: string): Promise<string> {
  const content = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) content.update(chunk);
  return content.digest('hex');
}

/** A rename lasts only once its folder is synced. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
