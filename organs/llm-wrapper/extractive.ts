import { stat } from 'node:fs/promises';
import { Bm25 } from './bm25.ts';
import { documentsOf, type Passage, passagesOf } from './passages.ts';

export const EXTRACTIVE = 'azora-extractive';

export interface Source {
  readonly path: string;
  readonly section: string;
  readonly line: number;
  readonly quote: string;
  readonly score: number;
}

export interface Extract {
  readonly text: string;
  readonly sources: readonly Source[];
}

/** A passage must have so much of what is asked, weighed by how telling the words are, to count as an answer. */
const LEAST_COVERAGE = 0.34;
const MOST_QUOTES = 4;
/** A quote that scores less than this share of the best is left out. */
const LEAST_SHARE = 0.45;
/** How long the documents are believed not to have changed. */
const BELIEVED_MS = 5000;

interface Library {
  readonly passages: readonly Passage[];
  readonly index: Bm25;
  readonly documents: number;
  /** Changes when a document does. */
  readonly stamp: string;
}

/** Answers by quoting the project's documents. No model: it writes nothing itself but says where what stands. */
export class Extractive {
  readonly #root: string;
  #library: Promise<Library> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(root: string) {
    this.#root = root;
  }

  /** What it has to quote from. */
  async size(): Promise<{ documents: number; passages: number }> {
    const { documents, passages } = await this.#read();
    return { documents, passages: passages.length };
  }

  async search(question: string, limit: number): Promise<Source[]> {
    const { passages, index } = await this.#read();
    return index
      .search(question, limit * 4)
      .filter(({ coverage }) => coverage >= LEAST_COVERAGE)
      .slice(0, limit)
      .map(({ index: i, score }) => {
        const { text, path, section, line } = passages[i] as Passage;
        return { path, section, line, quote: text, score: Math.round(score * 100) / 100 };
      });
  }

  async answer(question: string, preface = ''): Promise<Extract> {
    const found = await this.search(question, MOST_QUOTES);
    const sources = found.filter(({ score }) => score >= (found[0]?.score ?? 0) * LEAST_SHARE);
    const who = `${preface}I am ${EXTRACTIVE}: not a language model, I quote the project's documents.`;
    if (sources.length === 0) return { text: `${who} They say nothing that fits this question.`, sources };
    const quotes = sources.map(({ quote }, i) => `> ${quote} [${i + 1}]`).join('\n\n');
    const list = sources.map(
      ({ path, line, section }, i) => `[${i + 1}] ${path}:${line}${section ? ` (${section})` : ''}`,
    );
    return { text: `${who}\n\n${quotes}\n\nSources:\n${list.join('\n')}`, sources };
  }

  /** The library; read anew when a document has changed. */
  async #read(): Promise<Library> {
    const now = performance.now();
    if (this.#library && now - this.#lookedAt < BELIEVED_MS) return this.#library;
    this.#lookedAt = now;
    const before = this.#library;
    this.#library = this.#load(before);
    return this.#library;
  }

  async #load(before: Promise<Library> | undefined): Promise<Library> {
    const paths = await documentsOf(this.#root);
    const stats = await Promise.all(paths.map((path) => stat(path).catch(() => null)));
    const stamp = paths.map((path, i) => `${path} ${stats[i]?.mtimeMs} ${stats[i]?.size}`).join('\n');
    const known = await before?.catch(() => undefined);
    if (known?.stamp === stamp) return known;
    const read = await Promise.all(paths.map((path) => passagesOf(this.#root, path).catch(() => [])));
    const passages = read.flat();
    const index = new Bm25(passages.map(({ text, path, section }) => ({ text, heading: `${path} ${section}` })));
    return { passages, index, documents: paths.length, stamp };
  }
}
