import { expect, test, vi } from 'vitest';
import { openDatabase } from './database.ts';
import { BadRequest, Unavailable } from './errors.ts';
import type { EventBus, NewEvent } from './events.ts';
import { Outbox } from './outbox.ts';
import { temporaryFolder } from './testing.ts';

/** A bus that can be away, and remembers what it got; it takes no event of the type `refused`. */
function fakeBus() {
  const got: NewEvent[] = [];
  const bus = { isAway: false, got, tries: 0 };
  const events: Pick<EventBus, 'publish' | 'close'> = {
    async publish(_, list) {
      bus.tries += 1;
      if (bus.isAway) throw new Unavailable('nobody there');
      const all = [list].flat() as NewEvent[];
      if (all.some(({ type }) => type === 'refused')) throw new BadRequest('event.data: must not be longer');
      got.push(...all);
      return [];
    },
    async close() {},
  };
  return Object.assign(bus, { events: events as EventBus });
}

/** Adds each in a transaction of its own, as an organ would. */
function open(folder: string, bus?: ReturnType<typeof fakeBus>, restMs = 10) {
  const db = openDatabase(folder, 'x', []);
  const outbox = new Outbox(db, { topic: 'mint', bus: bus?.events, restMs });
  const add = db.transaction((...event: Parameters<Outbox['add']>) => outbox.add(...event));
  return { db, outbox, add };
}

const typesOf = ({ got }: { got: NewEvent[] }) => got.map(({ type }) => type);

test('what is added is told, in order, with its key and time', async () => {
  const bus = fakeBus();
  const { db, outbox } = open(temporaryFolder(), bus);
  db.transaction(() => {
    outbox.add('first', { n: 1 }, { key: 'k', at: 5 });
    outbox.add('second', { n: 2 });
  })();
  await vi.waitFor(() => expect(outbox.waiting).toBe(0));
  expect(bus.got).toMatchObject([
    { type: 'first', data: { n: 1 }, key: 'k', at: 5 },
    { type: 'second', data: { n: 2 } },
  ]);
  expect(bus.tries).toBe(1);
});

test('an event is told if and only if its transaction is committed', async () => {
  const bus = fakeBus();
  const { db, outbox } = open(temporaryFolder(), bus);
  const failing = db.transaction(() => {
    outbox.add('never', {});
    throw new Error('rolled back');
  });
  expect(failing).toThrow('rolled back');
  db.transaction(() => outbox.add('once', {}))();
  await vi.waitFor(() => expect(typesOf(bus)).toEqual(['once']));
  expect(() => outbox.add('alone', {})).toThrow('alone is told outside of the transaction');
});

test('an event that the bus refuses for good holds up none of the others', async () => {
  const bus = fakeBus();
  const { db, outbox } = open(temporaryFolder(), bus);
  db.transaction(() => {
    for (const type of ['a', 'refused', 'b']) outbox.add(type, {});
  })();
  await vi.waitFor(() => expect(outbox.waiting).toBe(0));
  expect(typesOf(bus)).toEqual(['a', 'b']);
});

test('while the bus is away nothing is lost and nobody waits; afterwards all is told in order', async () => {
  const bus = fakeBus();
  bus.isAway = true;
  const folder = temporaryFolder();
  const before = open(folder, bus);
  before.add('a', {});
  await vi.waitFor(() => expect(bus.tries).toBeGreaterThan(2));
  before.add('b', {});
  expect(before.outbox.waiting).toBe(2);
  await before.outbox.close(); // the process ends
  before.db.close();

  bus.isAway = false;
  const { outbox } = open(folder, bus);
  await vi.waitFor(() => expect(outbox.waiting).toBe(0));
  expect(typesOf(bus)).toEqual(['a', 'b']);
});

test('without a bus nothing is kept', () => {
  const { outbox, add } = open(temporaryFolder());
  add('a', {});
  expect(outbox.waiting).toBe(0);
});
