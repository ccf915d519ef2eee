import { parseSync, Visitor } from 'rolldown/utils';

/**
 * yaml lexes and parses by generators that delegate to generators, four deep for each lexeme: 20 ms for 147 organs in a process that has
 * just started. What goes into the bundle has plain methods instead, which put what they find into a list: 9 ms. Everything else of the
 * package is as it is.
 */

/** File of the package → its methods that are called from outside. These answer all that was found, where they gave one after the other. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  '/yaml/dist/parse/lexer.js': ['lex'],
  '/yaml/dist/parse/parser.js': ['next', 'end'],
};
/** So many files of the package are made plain. */
export const PLAIN_FILES = Object.keys(PARTS).length;

/** Calls the others, and needs nothing but that their answers can be gone through. */
const LEFT = 'parse';

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The file with plain methods; null: it is none of these. Throws where the package is not written as is known here. */
export function withPlainMethods(id: string, code: string): string | null {
  const [, asked] = Object.entries(PARTS).find(([path]) => id.replaceAll('\\', '/').endsWith(path)) ?? [];
  if (!asked) return null;
  const unknown = (what: string): never => {
    throw new Error(`${id}: ${what}; scripts/plain-yaml.ts knows another version`);
  };
  if (code.includes('this.found')) unknown('its own "found"');
  const edits: Edit[] = [];
  const plain = new Set<string>();
  const delegates: string[] = [];
  let isPlain = false;
  new Visitor({
    MethodDefinition({ start, key, value }) {
      if (key.type !== 'Identifier') return unknown('a method without a name');
      isPlain = value.generator && key.name !== LEFT;
      if (!isPlain) return;
      plain.add(key.name);
      const inner = asked.includes(key.name) ? `${key.name}Plainly` : key.name;
      edits.push({ start, end: key.end, text: inner === key.name ? inner : `${answering(key.name, inner)}\n${inner}` });
    },
    'MethodDefinition:exit'() {
      isPlain = false;
    },
    YieldExpression({ start, end, delegate, argument }) {
      if (!isPlain) return;
      if (!argument) return unknown('a yield of nothing');
      if (!delegate) {
        edits.push({ start, end: argument.start, text: 'this.found.push(' }, { start: end, end, text: ')' });
        return;
      }
      const callee = argument.type === 'CallExpression' ? argument.callee : null;
      if (callee?.type !== 'MemberExpression' || callee.object.type !== 'ThisExpression')
        return unknown('a generator of somebody else');
      delegates.push(code.slice(callee.property.start, callee.property.end));
      edits.push({ start, end: argument.start, text: '' });
    },
  }).visit(parseSync(id, code).program);
  const strange = [...asked.filter((name) => !plain.has(name)), ...delegates.filter((name) => !plain.has(name))];
  if (strange.length > 0) unknown(`no generators of the name ${strange.join(', ')}`);
  const called = delegates.find((name) => asked.includes(name));
  if (called) unknown(`"${called}" is called from inside`);
  return edited(code, edits);
}

const answering = (name: string, inner: string): string =>
  `${name}(...given) { const found = (this.found = []); this.${inner}(...given); return found; }`;

function edited(code: string, edits: readonly Edit[]): string {
  let done = '';
  let at = 0;
  for (const { start, end, text } of edits.toSorted((a, b) => a.start - b.start)) {
    done += code.slice(at, start) + text;
    at = end;
  }
  return done + code.slice(at);
}
