import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** A sentence, a point of a list, a row of a table: what can be quoted by itself. */
export interface Passage {
  readonly text: string;
  /** Relative to the project. */
  readonly path: string;
  /** The headings it stands under, outermost first. */
  readonly section: string;
  readonly line: number;
}

/** The project's own documents: README.md, docs/ and the README of each organ. */
export async function documentsOf(root: string): Promise<string[]> {
  const organs = await foldersOf(join(root, 'organs'));
  const readmes = [root, ...organs].map((folder) => join(folder, 'README.md'));
  const docs = await readdir(join(root, 'docs'), { withFileTypes: true, recursive: true }).catch(() => [] as Dirent[]);
  const pages = docs.filter((entry) => entry.isFile() && entry.name.endsWith('.md'));
  const found = [...readmes, ...pages.map((entry) => join(entry.parentPath, entry.name))];
  const stats = await Promise.all(found.map((path) => stat(path).catch(() => null)));
  return found.filter((_, i) => stats[i]?.isFile()).toSorted();
}

export async function passagesOf(root: string, path: string): Promise<Passage[]> {
  return split(await readFile(path, 'utf8'), relative(root, path));
}

/** Splits Markdown into passages. Code is left out: it answers no question by itself. */
export function split(markdown: string, path: string): Passage[] {
  const passages: Passage[] = [];
  const headings: string[] = [];
  let block: string[] = [];
  let blockLine = 1;
  let isCode = false;

  const flush = () => {
    const text = plain(block.join(' '));
    block = [];
    const section = headings.filter(Boolean).join(' › ');
    for (const sentence of sentences(text)) passages.push({ text: sentence, path, section, line: blockLine });
  };
  for (const [i, line] of markdown.split('\n').entries()) {
    if (/^\s*(```|~~~)/.test(line)) {
      flush();
      isCode = !isCode;
      continue;
    }
    if (isCode) continue;
    const heading = /^(#{1,6})\s+(.*)/.exec(line);
    if (heading) {
      flush();
      headings.length = (heading[1]?.length ?? 1) - 1;
      headings[headings.length] = plain(heading[2] ?? '');
      continue;
    }
    const startsAnew = /^\s*([-*+]|\d+\.)\s|^\s*\|/.test(line);
    if (line.trim() === '' || startsAnew) flush();
    if (line.trim() === '' || /^\s*\|?[\s:|-]+\|?\s*$/.test(line)) continue;
    if (block.length === 0) blockLine = i + 1;
    block.push(line.trim());
  }
  flush();
  return passages;
}

async function foldersOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
}

/** Without the marks of Markdown. */
function plain(text: string): string {
  return text
    .replace(/<!--.*?-->/gs, '')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/^\s*([-*+]|\d+\.)\s+/, '')
    .replace(/(\*\*|__|`)/g, '')
    .replace(/^\||\|$/g, '')
    .replace(/\s*\|\s*/g, ' | ')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Sentences that are too short to say anything stay with the one before. */
function sentences(text: string): string[] {
  if (text === '') return [];
  const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });
  const joined: string[] = [];
  for (const { segment } of segmenter.segment(text)) {
    const last = joined.at(-1);
    if (last !== undefined && (segment.trim().length < 40 || last.length < 40))
      joined[joined.length - 1] = last + segment;
    else joined.push(segment);
  }
  return joined.map((sentence) => sentence.trim()).filter((sentence) => sentence.length > 2);
}
