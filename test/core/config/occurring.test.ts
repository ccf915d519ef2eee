import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { findingsOf } from '../../../src/core/config/issues.ts';
import { everything, type Occurring, occurringIn } from '../../../src/core/config/occurring.ts';
import { fileSchema } from '../../../src/core/config/schema.ts';
import { EVERY_KEY } from '../../adapters/config/example.ts';
import { random } from '../../faults/support.ts';

const verdict = (data: unknown, of: Occurring) => {
  const { success, data: made, error } = fileSchema(of).safeParse(data);
  return success ? { made } : { findings: findingsOf(error.issues, data) };
};

/** As it is once references are filled in. */
const FILE = EVERY_KEY.replaceAll(/\$\{organs\.\w+\.\w+\}/g, '1');

describe('the part of the schema for the keys that occur', () => {
  test('takes what the whole takes, and makes the same of it', () => {
    const data = parse(FILE) as Record<string, unknown>;
    const { organs, ...system } = data;
    const alone = Object.entries(organs as object).map(([name, organ]) => ({ organs: { [name]: organ } }));
    for (const file of [data, system, {}, { organs: {} }, ...alone]) {
      expect(verdict(file, everything)).toHaveProperty('made');
      expect(verdict(file, occurringIn(file))).toEqual(verdict(file, everything));
    }
  });

  test('finds what the whole finds, whatever is wrong', () => {
    const next = random(20261124);
    const below = (count: number): number => Math.floor(next() * count);
    const values = [
      null,
      0,
      -1,
      1.5,
      true,
      '',
      'text',
      '5s',
      'auto',
      [],
      {},
      [1],
      { a: 1 },
      { unknown: { deep: [null] } },
      '\0',
      '0',
      '99999',
      '0.001',
      99999,
      0.001,
      2 ** 60,
      { '': 'x' },
    ];
    let wrong = 0;
    for (let i = 0; i < 1500; i++) {
      const data = parse(FILE) as object;
      for (let edits = 1 + below(3); edits > 0; edits--) spoil(data, below, values);
      const whole = verdict(data, everything);
      if ('findings' in whole) wrong++;
      expect(verdict(data, occurringIn(data)), JSON.stringify(data)).toEqual(whole);
      // What zod says where nothing was given to it to say.
      expect(JSON.stringify(whole)).not.toMatch(/Invalid input|Too (big|small)/);
    }
    expect(wrong).toBeGreaterThan(500);
  });
});

/** Takes one key of some map away, calls it otherwise, or gives it another value. */
function spoil(data: object, below: (count: number) => number, values: readonly unknown[]): void {
  const places = placesIn(data);
  const [map, key] = places[below(places.length)]!;
  const value = map[key];
  const what = below(3);
  if (what < 2) delete map[key];
  if (what === 1) map[`${key}x`] = value;
  if (what === 2) map[key] = structuredClone(values[below(values.length)]);
}

function placesIn(value: unknown): [Record<string, unknown>, string][] {
  if (typeof value !== 'object' || value === null) return [];
  const map = value as Record<string, unknown>;
  const own = Array.isArray(value) ? [] : Object.keys(map).map((key): [Record<string, unknown>, string] => [map, key]);
  return [...own, ...Object.values(map).flatMap(placesIn)];
}
