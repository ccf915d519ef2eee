import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { SystemConfig } from '../../core/config/model.ts';
import { secretMasker, secretsOf } from '../../core/config/redact.ts';
import type { Node } from './nodes.ts';
import { MAX_BYTES } from './source.ts';

/**
 * What the files of a system said when they were parsed last, kept beside its state: to parse the YAML of 147 organs takes longer than
 * Node takes to start, and between two boots a file mostly stays as it is. Known by the whole text, which is kept with it: nothing
 * here can be out of date. Variables, other files and the schema are looked at anew each time.
 */

/** Of this writing: what another azora kept in another form is not read. */
const FORMAT = 1;

interface Kept {
  readonly format: typeof FORMAT;
  readonly files: readonly File[];
}
interface File {
  readonly text: string;
  readonly root: Node;
}

export class ParsedBefore {
  readonly #path: string;
  readonly #known: readonly File[];
  /** Those that were asked for, of which the others are forgotten. */
  readonly #used: File[] = [];
  #isNew = false;

  constructor(path: string) {
    this.#path = path;
    this.#known = read(path);
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

  /**
   * Keeps what was new, for the next command, once this one has no more urgent things to do. That it cannot be kept (the disk is full, say) costs that one time, and nothing else.
   * @param config what all came to: a file that holds the value of a secret itself is not kept, since nothing secret is kept of a system
   * that does not run
   */
  keep(config: SystemConfig): void {
    if (!this.#isNew) return;
    if (this.#used.reduce((sum, { text }) => sum + text.length, 0) > MAX_BYTES) return;
    if (!this.#used.every(({ root }) => isExactAsJson(root))) return;
    const kept: Kept = { format: FORMAT, files: this.#used };
    const mine = `${this.#path}.${process.pid}`;
    try {
      const text = JSON.stringify(kept);
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

function read(path: string): readonly File[] {
  try {
    const { format, files } = JSON.parse(readFileSync(path, 'utf8')) as Kept;
    return format === FORMAT ? files : [];
  } catch {
    return []; // never kept, or not whole
  }
}

/** JSON has no word for `.inf` and `.nan`: a file with these is parsed each time. */
function isExactAsJson(node: Node | null): boolean {
  if (node?.kind === 'scalar') return typeof node.value !== 'number' || Number.isFinite(node.value);
  if (node?.kind === 'seq') return node.items.every(isExactAsJson);
  return node?.kind !== 'map' || node.items.every(({ key, value }) => isExactAsJson(key) && isExactAsJson(value));
}
