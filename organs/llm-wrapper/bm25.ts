/** Okapi BM25 (Robertson, Walker et al., 1994), with the usual constants. */
const K1 = 1.2;
const B = 0.75;
/** A word of the heading counts so much of one of the text; alone it does not make a text an answer. */
const HEADING_WEIGHT = 0.3;

export interface Hit {
  /** Of the text. */
  readonly index: number;
  readonly score: number;
  /** The share of the question's words that it has, weighed by how telling they are: 0 to 1. */
  readonly coverage: number;
}

interface Posting {
  readonly index: number;
  readonly frequency: number;
  /** Whether the text itself has the word, not only its heading. */
  readonly isInText: boolean;
}

/** Finds the texts that say most of what is asked. */
export class Bm25 {
  readonly #postings = new Map<string, Posting[]>();
  readonly #lengths: number[] = [];
  readonly #averageLength: number;

  constructor(texts: readonly { readonly text: string; readonly heading: string }[]) {
    for (const [index, { text, heading }] of texts.entries()) {
      const frequencies = new Map<string, number>();
      const add = (words: string[], weight: number) => {
        for (const word of words) frequencies.set(word, (frequencies.get(word) ?? 0) + weight);
      };
      const words = wordsOf(text);
      add(words, 1);
      add([...new Set(wordsOf(heading))], HEADING_WEIGHT);
      const inText = new Set(words);
      this.#lengths.push(words.length);
      for (const [word, frequency] of frequencies) {
        const list = this.#postings.get(word);
        const posting = { index, frequency, isInText: inText.has(word) };
        if (list) list.push(posting);
        else this.#postings.set(word, [posting]);
      }
    }
    this.#averageLength = this.#lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, this.#lengths.length);
  }

  /** The best first: by BM25, times the share of the question that is covered, for a question is more than its rarest word. */
  search(question: string, limit: number): Hit[] {
    const words = [...new Set(wordsOf(question))];
    const scores = new Map<number, { score: number; covered: number; isInText: boolean }>();
    let total = 0;
    for (const word of words) {
      const idf = this.#idf(word);
      total += idf;
      for (const { index, frequency, isInText } of this.#postings.get(word) ?? []) {
        const length = (this.#lengths[index] ?? 0) / Math.max(1, this.#averageLength);
        const score = (idf * frequency * (K1 + 1)) / (frequency + K1 * (1 - B + B * length));
        const before = scores.get(index) ?? { score: 0, covered: 0, isInText: false };
        scores.set(index, {
          score: before.score + score,
          covered: before.covered + (isInText ? idf : idf * HEADING_WEIGHT),
          isInText: before.isInText || isInText,
        });
      }
    }
    return [...scores]
      .filter(([, { isInText }]) => isInText)
      .map(([index, { score, covered }]) => ({ index, score: score * (covered / total), coverage: covered / total }))
      .toSorted((a, b) => b.score - a.score || a.index - b.index)
      .slice(0, limit);
  }

  /** Rare words tell more; one that no text has tells most, and is what a text that lacks it cannot cover. */
  #idf(word: string): number {
    const count = this.#lengths.length;
    const having = this.#postings.get(word)?.length ?? 0;
    return Math.log(1 + (count - having + 0.5) / (having + 0.5));
  }
}

const STOP_WORDS = new Set(
  `a about an and are as at be been but by can could did do does for from had has have how i if in into is it its me my of on or
   our please should so tell than that the their them then there these they this to us was we were what when where which who why
   will with would you your explain describe`.split(/\s+/),
);

/** The words that tell something, in a common form. */
export function wordsOf(text: string): string[] {
  const parts =
    text
      .replace(/([a-z])([A-Z])/g, '$1 $2')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  return parts.filter((word) => !STOP_WORDS.has(word)).map(stem);
}

/** English endings taken off as far as it is safe: transfers, transferred and transferring are one word. */
function stem(word: string): string {
  if (word.length < 4) return word;
  const base = word
    .replace(/ies$/, 'y')
    .replace(/(ss|sh|ch|x)es$/, '$1')
    .replace(/([^s])s$/, '$1');
  const cut = base.replace(/(ing|ed)$/, '');
  if (cut.length < 3 || cut === base) return base.length > 4 ? base.replace(/e$/, '') : base;
  return cut.replace(/([^aeiouls])\1$/, '$1').replace(/e$/, '');
}
