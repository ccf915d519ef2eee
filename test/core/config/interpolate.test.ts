import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interpolate } from '../../../src/core/config/interpolate.ts';
import { referenceMark } from '../../../src/core/config/references.ts';

const variables: Record<string, string> = { A: 'one', EMPTY: '', B: 'two' };
const lookup = (name: string) => (Object.hasOwn(variables, name) ? variables[name] : undefined);

describe('interpolation', () => {
  it.each([
    ['plain', 'plain'],
    ['${A}-${B}', 'one-two'],
    ['${A:-x}', 'one'],
    ['${NONE:-x}', 'x'],
    ['${EMPTY:-x}', 'x'],
    ['${EMPTY-x}', ''],
    ['${NONE-x}', 'x'],
    ['${NONE:-${EMPTY:-${A}}}', 'one'],
    ['${NONE:-a}b}', 'ab}'],
    ['${A:+set}', 'set'],
    ['${EMPTY:+set}', ''],
    ['${EMPTY+set}', 'set'],
    ['${NONE:+set}', ''],
    ['${A:?needed}', 'one'],
    ['$${A}', '${A}'],
    ['$$$$', '$$'],
    ['$HOME $(date) $', '$HOME $(date) $'],
    ['${NONE:-$$}', '$'],
  ])('%s becomes %s', (text, expected) => {
    expect(interpolate(text, lookup)).toMatchObject({ text: expected, unset: [] });
  });

  it('reads what is not set as empty, and tells', () => {
    expect(interpolate('${NONE}x${OTHER}', lookup)).toMatchObject({ text: 'x', unset: ['NONE', 'OTHER'] });
    expect(interpolate('${A:-${NONE}}', lookup)).toMatchObject({ text: 'one', unset: [] });
    expect(interpolate('${toString}', lookup)).toMatchObject({ text: '', unset: ['toString'] });
  });

  it.each([
    ['${NONE:?set it first}', 'the variable NONE is required: set it first', '${NONE:?set it first}'],
    ['${NONE?}', 'the variable NONE is required: it is not set', '${NONE?}'],
    ['${EMPTY:?}', 'the variable EMPTY is required: it is empty', '${EMPTY:?}'],
    ['a ${A', '"${A" is not a variable', '${A'],
    ['${A:-x', '"${A:-x" has no closing "}"', '${A:-x'],
    ['${}', '"${}" is not a variable', '${}'],
    ['${1A}', '"${1A}" is not a variable', '${1A}'],
    ['${A%x}', '"${A%x}" is not a variable', '${A%x}'],
    ['x ${organs.mint.prot}', '"${organs.mint.prot}" is not a reference to an organ', '${organs.mint.prot}'],
    ['${organs.mint}', '"${organs.mint}" is not a reference to an organ', '${organs.mint}'],
    [
      '${organs.Mint.url}',
      '"${organs.Mint.url}" refers to no organ: "Mint" is not a name of one',
      '${organs.Mint.url}',
    ],
  ])('%s is refused', (text, error, piece) => {
    expect(interpolate(text, lookup)).toMatchObject({ error, piece });
  });

  it('marks references to organs', () => {
    expect(interpolate('${organs.mint.url}/x?p=${organs.a-b.port}', lookup)).toEqual({
      text: `${referenceMark('mint', 'url')}/x?p=${referenceMark('a-b', 'port')}`,
      unset: [],
      references: [
        { organ: 'mint', field: 'url', piece: '${organs.mint.url}' },
        { organ: 'a-b', field: 'port', piece: '${organs.a-b.port}' },
      ],
    });
    expect(interpolate('$${organs.mint.url}', lookup)).toMatchObject({ text: '${organs.mint.url}', references: [] });
  });

  it('leaves any text alone whose dollars are doubled', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const result = interpolate(text.replaceAll('$', '$$$$'), lookup);
        return 'text' in result && result.text === text;
      }),
    );
  });
});
