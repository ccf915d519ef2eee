/** How the facets read free text: stems at word starts, nothing cleverer, so that each reading can be explained. */

/** A pattern that finds any of the stems at the start of a word. A stem may hold spaces: `shut down`. */
export function stems(...list: readonly string[]): RegExp {
  return new RegExp(`\\b(?:${list.join('|')})[\\w-]*`, 'gi');
}

/** The words of `text` that a pattern finds, whole and in lower case, each once. */
export function found(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([word]) => word.toLowerCase()))];
}

export function mentions(text: string, pattern: RegExp): boolean {
  return text.search(pattern) >= 0;
}

/** Measures that a question or a remedy may speak of, by their force in 0..1. */
const MEASURES: readonly (readonly [number, RegExp])[] = [
  [1, stems('shut ?down', 'shutting down', 'destroy', 'wipe', 'terminat')],
  [0.85, stems('delet', 'eras', 'purg', 'drop', 'ban', 'expel', 'revok', 'publish', 'sell')],
  [0.6, stems('stop', 'suspend', 'block', 'disabl', 'den(?:y|ied)', 'exclud', 'refus')],
  [0.4, stems('restart', 'limit', 'chang', 'mov(?:e|ing)', 'transfer', 'shar(?:e|ing)', 'replac')],
];

/** The strongest measure that the text speaks of; 0.1 (asking, looking) when it names none. */
export function measureIn(text: string): { readonly force: number; readonly word: string | null } {
  for (const [force, pattern] of MEASURES) {
    const [word] = found(text, pattern);
    if (word) return { force, word };
  }
  return { force: 0.1, word: null };
}

/** How much two texts share, 0..1 (Jaccard over words of three letters and more). */
export function likeness(a: string, b: string): number {
  const left = wordsOf(a);
  const right = wordsOf(b);
  const shared = [...left].filter((word) => right.has(word)).length;
  const all = left.size + right.size - shared;
  return all === 0 ? 0 : shared / all;
}

function wordsOf(text: string): Set<string> {
  return new Set(text.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? []);
}
