import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findCycles, flatOrder, type Graph, showCycle, waves } from '../../../src/core/config/graph.ts';

const graph = (edges: Record<string, string[]>): Graph => new Map(Object.entries(edges));

/** Organ i depends only on earlier ones: no cycle. */
const acyclic = fc
  .array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 30 })
  .map(
    (rows): Graph => new Map(rows.map((row, i) => [`o${i}`, i === 0 ? [] : [...new Set(row.map((n) => `o${n % i}`))]])),
  );

const anyGraph = fc
  .array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 12 })
  .map((rows): Graph => new Map(rows.map((row, i) => [`o${i}`, [...new Set(row.map((n) => `o${n % rows.length}`))]])));

describe('cycles', () => {
  it.each([
    [{ a: ['b'], b: ['c'], c: ['a'] }, ['a -> b -> c -> a']],
    [{ a: ['a'] }, ['a -> a']],
    [{ x: ['a'], a: ['b'], b: ['a', 'c'], c: ['b'] }, ['a -> b -> a']],
    [{ a: ['b'], b: ['a'], c: ['d'], d: ['c'] }, ['c -> d -> c', 'a -> b -> a']],
    [{ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }, []],
  ])('%j has %j', (edges, expected) => {
    expect(
      findCycles(graph(edges as unknown as Record<string, string[]>))
        .map(showCycle)
        .sort(),
    ).toEqual([...expected].sort());
  });

  it('are real: each step is a dependency', () => {
    fc.assert(
      fc.property(anyGraph, (any) => {
        for (const cycle of findCycles(any)) {
          cycle.forEach((organ, i) => {
            expect(any.get(organ)).toContain(cycle[(i + 1) % cycle.length]);
          });
        }
      }),
    );
  });

  it('are found exactly when there is no order', () => {
    fc.assert(
      fc.property(anyGraph, (any) => {
        const hasOrder = (() => {
          try {
            return flatOrder(any).length === any.size;
          } catch {
            return false; // toposort throws on a cycle
          }
        })();
        expect(findCycles(any).length === 0).toBe(hasOrder);
      }),
    );
  });

  it('are found at the end of a chain of 20,000', () => {
    const rows = Array.from({ length: 20_000 }, (_, i): [string, string[]] => [`o${i}`, [`o${i + 1}`]]);
    const cycles = findCycles(new Map([...rows, ['o20000', ['o19999']]]));
    expect(cycles.map(showCycle)).toEqual(['o19999 -> o20000 -> o19999']);
  });
});

describe('order and waves', () => {
  it('put dependencies first', () => {
    fc.assert(
      fc.property(acyclic, (any) => {
        const order = flatOrder(any);
        expect(order.toSorted()).toEqual([...any.keys()].toSorted());
        for (const [organ, needs] of any)
          for (const need of needs) expect(order.indexOf(need)).toBeLessThan(order.indexOf(organ));
      }),
    );
  });

  it('give each organ the earliest wave that its dependencies allow', () => {
    fc.assert(
      fc.property(acyclic, (any) => {
        const levels = waves(any);
        const levelOf = (organ: string) => levels.findIndex((wave) => wave.includes(organ));
        expect(levels.flat().length).toBe(any.size);
        for (const [organ, needs] of any) expect(levelOf(organ)).toBe(Math.max(-1, ...needs.map(levelOf)) + 1);
      }),
    );
  });
});
