import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assign, nameOf } from './assignment.ts';

const TOPICS = ['a', 'b', 'c'];
const candidates = fc.uniqueArray(
  fc.record({
    id: fc.constantFrom('m1', 'm2', 'm3', 'm4'),
    topics: fc.subarray(TOPICS, { minLength: 1 }),
    isBusy: fc.boolean(),
  }),
  { selector: ({ id }) => id },
);
const partitions = TOPICS.flatMap((topic, i) =>
  Array.from({ length: [1, 4, 5][i]! }, (_, partition) => ({ topic, partition })),
);
const owners = fc.dictionary(
  fc.constantFrom(...partitions.map(nameOf)),
  fc.constantFrom('m1', 'm2', 'm3', 'm4', 'gone'),
);

test('every partition has one subscribed owner, busy members lose nothing, the rest is even, and stays so', () => {
  fc.assert(
    fc.property(candidates, owners, (given, held) => {
      const members = given.map((member) => ({
        ...member,
        isSubscribed: (topic: string) => member.topics.includes(topic),
      }));
      const before = new Map(Object.entries(held));
      const after = assign(partitions, members, before);
      for (const { topic, partition } of partitions) {
        const name = nameOf({ topic, partition });
        const subscribed = members.filter((member) => member.isSubscribed(topic));
        const owner = members.find(({ id }) => id === after.get(name));
        expect(owner === undefined).toBe(subscribed.length === 0);
        if (owner) expect(subscribed).toContain(owner);
        const former = subscribed.find(({ id }) => id === before.get(name));
        if (former?.isBusy) expect(owner).toBe(former);
      }
      for (const topic of TOPICS) {
        const loads = members
          .filter((member) => member.isSubscribed(topic))
          .map(({ id, isBusy }) => ({
            isBusy,
            load: [...after].filter(([p, m]) => m === id && p[0] === topic).length,
          }));
        const least = Math.min(...loads.map(({ load }) => load));
        for (const { isBusy, load } of loads) if (!isBusy) expect(load - least).toBeLessThanOrEqual(1);
      }
      expect(assign(partitions, members, after)).toEqual(after);
    }),
  );
});
