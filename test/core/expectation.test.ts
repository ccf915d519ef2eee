import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Expectation } from '../../src/core/config/model.ts';
import { type Answer, excerpt, readHealthBody, unmet, valueAt } from '../../src/core/expectation.ts';

const EXPECT: Expectation = { status: null, json: {}, body: null, exitCode: 0 };
const http = (status: number, text = '', cut = false): Answer => ({ kind: 'http', status, text, cut });
const exec = (code: number | null, text = '', signal: string | null = null): Answer => ({
  kind: 'exec',
  code,
  signal,
  text,
  cut: false,
});
const json = (value: unknown): Answer => http(200, JSON.stringify(value));

describe('an answer is held against its expectation', () => {
  test.each<[string, Partial<Expectation>, Answer, string | null]>([
    ['2xx is expected when nothing is said', {}, http(204), null],
    ['300 is no 2xx', {}, http(300), 'status 300, expected 200-299'],
    ['199 is no 2xx', {}, http(199), 'status 199, expected 200-299'],
    ['503', {}, http(503), 'status 503, expected 200-299'],
    ['a status that is listed', { status: [200, 404] }, http(404), null],
    ['one that is not', { status: [200, 404] }, http(201), 'status 201, expected 200 or 404'],
    ['text in the body', { body: 'fine' }, http(200, 'all is fine'), null],
    ['text that is missing', { body: 'fine' }, http(200, 'no'), 'the body does not contain "fine"'],
    ['text beyond the cut', { body: 'x' }, http(200, 'no', true), 'the beginning of the body does not contain "x"'],
    ['exit code', {}, exec(0), null],
    ['another exit code', { exitCode: 3 }, exec(3), null],
    ['a wrong exit code', {}, exec(3), 'exit code 3, expected 0'],
    ['a signal', {}, exec(null, '', 'SIGSEGV'), 'ended by SIGSEGV, expected exit code 0'],
    ['output', { body: 'PONG' }, exec(0, 'PING'), 'the output does not contain "PONG"'],
    ['tcp expects nothing but the connection', { status: [500] }, { kind: 'tcp' }, null],
    ['not JSON', { json: { a: 1 } }, http(200, '{"a":'), 'the body is not JSON'],
    ['cut JSON', { json: { a: 1 } }, http(200, '{"a":', true), 'the body is too long to be read as JSON'],
    ['output that is not JSON', { json: { a: 1 } }, exec(0, 'no'), 'the output is not JSON'],
    ['status comes before json', { json: { a: 1 } }, http(500, 'no'), 'status 500, expected 200-299'],
  ])('%s', (_, expected, answer, reason) => {
    expect(unmet({ ...EXPECT, ...expected }, answer)).toBe(reason);
  });

  test.each<[string, Expectation['json'], unknown, string | null]>([
    ['a nested value', { 'chain.valid': true }, { chain: { valid: true } }, null],
    ['a wrong one', { 'chain.valid': true }, { chain: { valid: false } }, 'json chain.valid is false, expected true'],
    ['an absent one', { 'chain.valid': true }, { chain: {} }, 'json chain.valid is absent, expected true'],
    ['a key with dots', { 'chain.valid': true }, { 'chain.valid': true }, null],
    ['dots in the middle', { 'a.b.c.d': 1 }, { a: { 'b.c': { d: 1 } } }, null],
    ['a dead end does not hide another way', { 'a.b.c': 1 }, { 'a.b': {}, a: { b: { c: 1 } } }, null],
    ['an index', { 'list.1.name': 'b' }, { list: [{}, { name: 'b' }] }, null],
    ['a length', { 'list.length': '>= 2' }, { list: [1, 2] }, null],
    ['>= met', { dimensions: '>= 11' }, { dimensions: 11 }, null],
    ['>= not met', { dimensions: '>= 11' }, { dimensions: 10 }, 'json dimensions is 10, expected >= 11'],
    ['< met', { n: '< 5' }, { n: 4.9 }, null],
    ['< not met', { n: '< 5' }, { n: 5 }, 'json n is 5, expected < 5'],
    ['<= and >', { a: '<= -1', b: '>0.5' }, { a: -1, b: 0.6 }, null],
    ['text is not in order', { n: '>= 11' }, { n: '12' }, 'json n is "12", expected >= 11'],
    ['!= met', { s: '!= x' }, { s: 'y' }, null],
    ['!= not met', { s: '!= x' }, { s: 'x' }, 'json s is "x", expected != x'],
    ['!= a number', { s: '!= 5' }, { s: 5 }, 'json s is 5, expected != 5'],
    ['!= null', { s: '!= null' }, { s: null }, 'json s is null, expected != null'],
    ['!= does not hold of what is absent', { s: '!= x' }, {}, 'json s is absent, expected != x'],
    ['== takes text or number', { s: '== 5', t: '== 5' }, { s: 5, t: '5' }, null],
    ['plain equality keeps types apart', { s: '5' }, { s: 5 }, 'json s is 5, expected "5"'],
    ['null', { s: null }, { s: null }, null],
    ['null is not absence', { s: null }, {}, 'json s is absent, expected null'],
    ['an object is no scalar', { s: 'x' }, { s: { y: 1 } }, 'json s is {"y":1}, expected "x"'],
    ['inherited things are absent', { toString: 'x' }, {}, 'json toString is absent, expected "x"'],
    ['the first that is wrong is named', { a: 1, b: 2, c: 3 }, { a: 1, b: 0, c: 0 }, 'json b is 0, expected 2'],
    ['a scalar document', { a: 1 }, 7, 'json a is absent, expected 1'],
  ])('json: %s', (_, expected, document, reason) => {
    expect(unmet({ ...EXPECT, json: expected }, json(document))).toBe(reason);
  });

  test('a path of any keys, dots or not, leads to its value', () => {
    const key = fc.stringMatching(/^[a-z.]{1,4}$/);
    fc.assert(
      fc.property(fc.array(key, { minLength: 1, maxLength: 5 }), (keys) => {
        const document = keys.reduceRight<unknown>((inner, name) => ({ [name]: inner }), 42);
        expect(valueAt(document, keys.join('.'))).toBe(42);
      }),
    );
  });

  test('no JSON value makes a comparison throw', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (value, expected) => {
        const reason = unmet({ ...EXPECT, json: { a: expected } }, json({ a: value }));
        expect(reason === null || reason.startsWith('json a is ')).toBe(true);
      }),
    );
  });
});

describe('a health body', () => {
  test.each([
    ['pass', 'ok'],
    ['ok', 'ok'],
    ['warn', 'degraded'],
    ['degraded', 'degraded'],
    ['fail', 'critical'],
    ['CRITICAL', 'critical'],
    ['toString', null],
    ['unheard of', null],
  ])('%s means %s', (status, meaning) => {
    expect(readHealthBody(JSON.stringify({ status })).bodyStatus).toBe(meaning);
  });

  test('carries a reason and metrics', () => {
    const body = {
      status: 'warn',
      reason: ' queue\nis old ',
      metrics: { queue: 12, name: 'x', bad: null, ratio: 0.5 },
    };
    expect(readHealthBody(JSON.stringify(body))).toEqual({
      bodyStatus: 'degraded',
      bodyReason: 'queue is old',
      metrics: { queue: 12, ratio: 0.5 },
    });
    expect(readHealthBody('{"status":"fail","output":"disk full"}').bodyReason).toBe('disk full');
  });

  test.each(['', 'ok', '[]', 'null', '{"status":', '{"status":7,"metrics":[1]}', '{"metrics":"x"}'])(
    'what is of another form says nothing: %s',
    (text) => {
      expect(readHealthBody(text)).toEqual({ bodyStatus: null, bodyReason: null, metrics: {} });
    },
  );

  test('cannot reach into prototypes, nor carry metrics without end', () => {
    const hostile = readHealthBody('{"metrics":{"__proto__":1,"a":2}}');
    expect(Object.getPrototypeOf(hostile.metrics)).toBe(Object.prototype);
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`m${i}`, i]));
    expect(Object.keys(readHealthBody(JSON.stringify({ metrics: many })).metrics)).toHaveLength(200);
  });
});

test('an excerpt is one line of at most 200 characters, without control characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
      const line = excerpt(text);
      expect([...line].length).toBeLessThanOrEqual(201);
      expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    }),
  );
  expect(excerpt('x'.repeat(201))).toBe(`${'x'.repeat(200)}…`);
});
