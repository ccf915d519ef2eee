import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { SystemConfig } from '../../core/config/model.ts';
import { secretMasker, secretsOf } from '../../core/config/redact.ts';
import type { WrittenFile } from '../../core/config/schema.ts';
import { schemaId } from '../version.ts';
import type { Node } from './nodes.ts';
import { MAX_BYTES } from './source.ts';

/**
 * What the files of a system said when they were parsed last, kept beside its state: to parse the YAML of 147 organs takes longer than
 * Node takes to start, to check it as long, and between two boots a file mostly stays as it is. Known by the whole text, which is kept
 * with it: nothing here can be out of date. Variables and other files are looked at anew each time.
 */

/** Of this writing: what another azora kept in another form is not read. */
const FORMAT = 2;

interface Kept {
  readonly format: typeof FORMAT;
  readonly files: readonly File[];
  readonly checked: Checked | null;
}
/** What a schema made of data that it found nothing wrong with. */
interface Checked {
  /** Which schema. */
  readonly schema: string;
  /** As JSON. */
  readonly data: string;
  readonly written: WrittenFile;
}
interface File {
  readonly text: string;
  readonly root: Node;
}

export class ParsedBefore {
  readonly #path: string;
  readonly #schema: string | null;
  readonly #known: readonly File[];
  readonly #knownChecked: Checked | null;
  /** What was asked for, or is new; what else was known is forgotten. */
  #checked: Checked | null = null;
  /** Those that were asked for, of which the others are forgotten. */
  readonly #used: File[] = [];
  #isNew = false;

  /** @param schema which one checks; null: one that may be edited any time, of which nothing is kept */
  constructor(path: string, schema = schemaId()) {
    this.#path = path;
    this.#schema = schema;
    ({ files: this.#known, checked: this.#knownChecked } = read(path));
  }

  rootOf(text: string): Node | null {
    const file = this.#known.find((each) => each.text === text);
    if (file) this.#used.push(file);
    return file?.root ?? null;
  }

  add(text: string, root: Node): void {
    this.#used.push({ text, root });
    this.#isNew = true;
  }

  /** What this schema makes of the data; null: that is not known. Of a file that is new nothing can be. */
  writtenOf(data: unknown): WrittenFile | null {
    const known = this.#knownChecked;
    if (this.#isNew || known?.schema !== this.#schema || known?.data !== JSON.stringify(data)) return null;
    this.#checked = known;
    return known.written;
  }

  /** @param data without the value of any variable: such a value is not to be kept */
  addWritten(data: unknown, written: WrittenFile): void {
    if (this.#schema === null) return;
    this.#checked = { schema: this.#schema, data: JSON.stringify(data), written };
    this.#isNew = true;
  }

  /**
   * Keeps what was new, for the next command, once this one has no more urgent things to do. That it cannot be kept (the disk is full, say) costs that one time, and nothing else.
   * @param config what all came to: a file that holds the value of a secret itself is not kept, since nothing secret is kept of a system
   * that does not run
   */
  keep(config: SystemConfig): void {
    if (!this.#isNew) return;
    const bytes = this.#used.reduce((sum, { text }) => sum + text.length, this.#checked?.data.length ?? 0);
    if (bytes > MAX_BYTES) return;
    if (!this.#used.every(({ root }) => isExactAsJson(root))) return;
    const kept: Kept = { format: FORMAT, files: this.#used, checked: this.#checked };
    const mine = `${this.#path}.${process.pid}`;
    try {
      const text = JSON.stringify(kept);
      if (!isDeepStrictEqual(JSON.parse(text).checked?.written, kept.checked?.written)) return;
      if (secretMasker(secretsOf(config))(text) === text) {
        writeFileSync(mine, text, { mode: 0o600 });
        renameSync(mine, this.#path);
      } else {
        rmSync(this.#path, { force: true });
      }
    } catch {
      rmSync(mine, { force: true });
    }
  }
}

const NOTHING: Pick<Kept, 'files' | 'checked'> = { files: [], checked: null };

function read(path: string): Pick<Kept, 'files' | 'checked'> {
  try {
    const kept = JSON.parse(readFileSync(path, 'utf8')) as Kept;
    return kept.format === FORMAT ? kept : NOTHING;
  } catch {
    return NOTHING; // never kept, or not whole
  }
}

/** JSON has no word for `.inf` and `.nan`: a file with these is parsed each time. */
function isExactAsJson(node: Node | null): boolean {
  if (node?.kind === 'scalar') return typeof node.value !== 'number' || Number.isFinite(node.value);
  if (node?.kind === 'seq') return node.items.every(isExactAsJson);
  return node?.kind !== 'map' || node.items.every(({ key, value }) => isExactAsJson(key) && isExactAsJson(value));
}
