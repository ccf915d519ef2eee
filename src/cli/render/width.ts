import { eastAsianWidth } from 'get-east-asian-width';
import { stripControls } from './log-lines.ts';

/** How much room text takes on a terminal, in columns, and how to keep it within some. */

const ASCII_ONLY = /^[\x20-\x7e]*$/;
const TAB_STOP = 8;

/**
 * What is not drawn but changes what is: marks of direction and of joining (category Cf), separators of lines, variants. Without
 * them every character is drawn by itself, and how wide a terminal draws it can be known.
 */
const INVISIBLE = /\p{Cf}|\p{Zl}|\p{Zp}|\p{Variation_Selector}/gu;
const COMBINING = /^[\p{Mn}\p{Me}]$/u;

/** One line that a terminal shows as it is, and acts on in no way: no control sequences, no tabs, nothing that turns text around. */
export function harmless(text: string): string {
  if (ASCII_ONLY.test(text)) return text;
  const line = stripControls(text.replace(/[\r\n]+$/, ''))
    .toWellFormed()
    .replace(INVISIBLE, '');
  return line.includes('\t') ? expandTabs(line) : line;
}

/** Columns that harmless text takes. */
export function widthOf(text: string): number {
  if (ASCII_ONLY.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  const code = character.codePointAt(0)!;
  if (code < 0x300) return 1;
  return COMBINING.test(character) ? 0 : eastAsianWidth(code);
}

/** The beginning of harmless text, and what is left of it, where it is split at so many columns. */
export function splitAt(text: string, columns: number): readonly [head: string, rest: string] {
  if (ASCII_ONLY.test(text)) return [text.slice(0, columns), text.slice(columns)];
  let width = 0;
  let at = 0;
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns) break;
    at += character.length;
  }
  return [text.slice(0, at), text.slice(at)];
}

/** At most so many columns of harmless text, with an ellipsis for what is missing. */
export function cut(text: string, columns: number): string {
  if (columns < 1) return '';
  return widthOf(text) <= columns ? text : `${splitAt(text, columns - 1)[0]}…`;
}

/** Likewise of harmless text with colours in it; they end with it. */
export function cutStyled(text: string, columns: number): string {
  if (widthOf(text.replace(SGR, '')) <= columns) return text;
  let room = columns - 1;
  let shown = '';
  for (const part of text.split(SGR)) {
    const [head] = splitAt(part, room);
    shown += part.startsWith('\x1b') ? part : head;
    room -= part.startsWith('\x1b') ? 0 : head === part ? widthOf(part) : room;
  }
  return `${shown}…`;
}

/** Captured, so that splitting keeps it. */
const SGR = /(\x1b\[[\d;]*m)/g;

/** As wide as that, cut or filled with blanks. */
export function pad(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const shown = cut(text, columns);
  const blanks = ' '.repeat(Math.max(0, columns - widthOf(shown)));
  return align === 'left' ? shown + blanks : blanks + shown;
}

/** In rows of at most so many columns; at least one row. A character that is wider than a row is left out. */
export function wrap(text: string, columns: number): string[] {
  const rows: string[] = [];
  let rest = text;
  do {
    const [head, tail] = splitAt(rest, columns);
    rows.push(head);
    rest = head === '' ? [...tail].slice(1).join('') : tail;
  } while (rest !== '');
  return rows;
}

function expandTabs(line: string): string {
  let column = 0;
  let text = '';
  for (const character of line) {
    const blanks = character === '\t' ? TAB_STOP - (column % TAB_STOP) : 0;
    text += blanks > 0 ? ' '.repeat(blanks) : character;
    column += blanks > 0 ? blanks : characterWidth(character);
  }
  return text;
}
