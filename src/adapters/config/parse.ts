/** The text of a YAML file → what is in it, with positions. Loaded only for a text that was not parsed before. */
import { Composer, type Document, isAlias, isMap, isScalar, isSeq, Lexer, Parser, type Node as YamlNode } from 'yaml';
import type { Problem } from '../../core/config/problem.ts';
import type { Node } from './nodes.ts';
import { EXAMPLE, MAX_DEPTH, problemAt, problemOf, type Range, type Source, tooDeep } from './source.ts';

/** Parses one file's text. Of syntax errors only the first is told: the others mostly follow from it. */
export function parse(at: Pick<Source, 'label' | 'lines' | 'text'>): Node | readonly Problem[] {
  const { label, text } = at;
  const parser = new Parser();
  const tokens = [];
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    // The composer recurses: what is far too deep must not reach it. (The exact depth is counted later, with aliases.)
    if (parser.stack.length > 2 * MAX_DEPTH) return [problemAt(at, [parser.offset, parser.offset + 1], tooDeep)];
  }
  for (const token of parser.end()) tokens.push(token);
  const composer = new Composer({ uniqueKeys: false, merge: false, prettyErrors: false, logLevel: 'silent' });
  const [doc, second] = composer.compose(tokens, true, text.length);
  const [error] = [...doc!.errors, ...doc!.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  if (error) return [problemAt(at, error.pos, syntaxMessage(error.message), syntaxHint(error))];
  if (second) {
    const start = second.range[0];
    return [problemAt(at, [start, start + 3], 'a second document starts here; the file holds one')];
  }
  if (isEmpty(doc!.contents))
    return [problemOf(label, 'the file is empty', 'write the organs that it starts:', EXAMPLE)];
  return plain(doc!.contents)!;
}

function plain(node: unknown): Node | null {
  if (isAlias(node)) return { kind: 'alias', source: node.source, ...placeOf(node) };
  if (isScalar(node)) {
    const { source, type } = node;
    // With the schema that YAML 1.2 recommends, there are no other values.
    const value = node.value as string | number | boolean | null;
    return {
      kind: 'scalar',
      value,
      ...(source !== undefined && { source }),
      plain: type === 'PLAIN',
      ...placeOf(node),
    };
  }
  if (isMap(node)) {
    const items = node.items.map(({ key, value }) => ({ key: plain(key), value: plain(value) }));
    return { kind: 'map', flow: node.flow === true, items, ...placeOf(node) };
  }
  if (isSeq(node)) return { kind: 'seq', flow: node.flow === true, items: node.items.map(plain), ...placeOf(node) };
  return null;
}

function placeOf({ range, anchor }: { range?: YamlNode['range']; anchor?: string }): { range: Range; anchor?: string } {
  return { range: range ? [range[0], range[1]] : [0, 1], ...(anchor !== undefined && { anchor }) };
}

/** Nothing but comments: the composer makes a null of it, written with no character. */
function isEmpty(contents: Document['contents']): boolean {
  return contents === null || (isScalar(contents) && contents.value === null && !contents.source);
}

const syntaxMessage = (message: string) => message.charAt(0).toLowerCase() + message.slice(1);

function syntaxHint({ code, message }: { code: string; message: string }): string | null {
  if (code === 'TAB_AS_INDENT') return 'indent with spaces';
  if (code === 'BAD_INDENT') return 'keys of one map start in the same column';
  if (/flow-(map|seq)-start/.test(message)) return 'put text that holds { } or [ ] in quotes';
  return null;
}
