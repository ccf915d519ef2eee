import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePrometheus } from './prometheus.ts';

const one = (line: string) => {
  const parsed = parsePrometheus(line);
  return 'error' in parsed ? parsed.error : parsed.samples[0];
};

test.each([
  ['up 1', 'up', {}, 1],
  ['  up\t1  ', 'up', {}, 1],
  ['a:b_c{x="1"} 2.5e3', 'a:b_c', { x: '1' }, 2500],
  ['m{a="x",b="y",} -0.5 1700000000000', 'm', { a: 'x', b: 'y' }, -0.5],
  ['m {a = "x" , b="}{"} 1', 'm', { a: 'x', b: '}{' }, 1],
  ['m{} +Inf', 'm', {}, Number.POSITIVE_INFINITY],
  ['m -Inf', 'm', {}, Number.NEGATIVE_INFINITY],
  ['m NaN', 'm', {}, Number.NaN],
  [String.raw`m{p="C:\\d\"q\"\n"} 1`, 'm', { p: 'C:\\d"q"\n' }, 1],
])('%s', (line, metric, labels, value) => {
  expect(one(line)).toEqual({ metric, labels, value });
});

test.each([
  'up',
  '1up 1',
  'm{a="x" 1',
  'm{a=x} 1',
  'm{a="x"b="y"} 1',
  'm{,} 1',
  'm one',
  'm 0x10',
  'm 1 2 3',
  'm{a="\\t"} 1',
  '{a="b"} 1',
])('no sample: %s', (line) => {
  expect(one(`ok 1\n${line}`)).toMatch(/^line 2 is no sample/);
});

test('types are told, comments and help passed over, an unknown type refused', () => {
  const page = '# HELP up whether {it} is up\n# TYPE up gauge\nup 1\n\n# a comment\n# TYPE n counter\nn{a="b"} 2\n';
  const parsed = parsePrometheus(page);
  if ('error' in parsed) throw new Error(parsed.error);
  expect(parsed.samples).toHaveLength(2);
  expect(Object.fromEntries(parsed.types)).toEqual({ up: 'gauge', n: 'counter' });
  expect(parsePrometheus('# TYPE up thermometer')).toEqual({ error: expect.stringMatching(/line 1 has no type/) });
});

test('whatever is written by the rules is read as it was', () => {
  const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,10}$/).filter((text) => text !== '__proto__');
  const labels = fc.dictionary(name, fc.string({ unit: 'grapheme' }), { maxKeys: 4, noNullPrototype: true });
  fc.assert(
    fc.property(name, labels, fc.double({ noNaN: true }), (metric, given, value) => {
      const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
      const written = Object.entries(given).map(([label, text]) => `${label}="${escaped(text)}"`);
      const number = Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
      expect(one(`${metric}{${written}} ${number}`)).toEqual({ metric, labels: given, value: value + 0 });
    }),
  );
});
