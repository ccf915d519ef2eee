/** Keys as a terminal sends them: a printable character is itself, the others have names. */
export type Key = string;

const NAMED: Readonly<Record<string, Key>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\x7f': 'backspace',
  '\b': 'backspace',
  '\x1b': 'escape',
  '\x03': 'ctrl-c',
  '\x04': 'ctrl-d',
  '\x0c': 'ctrl-l',
  '\x15': 'ctrl-u',
  '\x1a': 'ctrl-z',
};

/** By the end of the sequence: with CSI or SS3 before it, and modifiers between. */
const ENDS: Readonly<Record<string, Key>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  H: 'home',
  F: 'end',
  Z: 'tab',
  '1~': 'home',
  '7~': 'home',
  '4~': 'end',
  '8~': 'end',
  '5~': 'pageup',
  '6~': 'pagedown',
};

const KEY = /\x1b(?:\[|O)([\d;]*)([A-Za-z~])|\x1b[^[O\x1b]|[\s\S]/gu;

/** What was pressed, from what a terminal sent; sequences that mean nothing here are left out. */
export function decodeKeys(text: string): Key[] {
  return [...text.matchAll(KEY)].flatMap(([all, parameters, end]) => {
    if (end !== undefined) {
      const key = ENDS[end === '~' ? `${parameters!.split(';')[0]}~` : end];
      return key === undefined ? [] : [key];
    }
    const named = NAMED[all];
    if (named !== undefined) return [named];
    return all.length > 2 || /^[\0-\x1f\x7f-\x9f]/.test(all) ? [] : [all];
  });
}
