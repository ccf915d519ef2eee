/**
 * Keys that are accepted, checked and carried in the model, while nothing acts on them yet. Each row says when a file uses its key;
 * the row goes when the behaviour comes.
 */
import type { WrittenFile, WrittenOrgan } from './schema.ts';

interface Row {
  readonly key: string;
  readonly isUsed: (file: WrittenFile, organs: readonly WrittenOrgan[]) => boolean;
}

const anyOrgan = (isUsed: (organ: WrittenOrgan) => boolean) => (_: WrittenFile, organs: readonly WrittenOrgan[]) =>
  organs.some(isUsed);

const NOT_YET: readonly Row[] = [
  { key: 'organs.*.resources.cpu', isUsed: anyOrgan((organ) => organ.resources?.cpu !== undefined) },
];

/** The keys that the file uses in vain, in one line; null when there are none. */
export function notYetWarning(file: WrittenFile, organs: readonly WrittenOrgan[], fileName: string): string | null {
  const keys = NOT_YET.filter((row) => row.isUsed(file, organs)).map((row) => row.key);
  return keys.length === 0 ? null : `${fileName}: accepted, not acted on yet: ${keys.join(', ')}`;
}
