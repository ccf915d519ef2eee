import { expect, test, vi } from 'vitest';
import { openDatabase } from './database.ts';
import { Unavailable } from './errors.ts';
import type { EventBus, NewEvent } from './events.ts';
import { Outbox } from './outbox.ts';
import { temporaryFolder } from './testing.ts';

/** A bus that can be away, and remembers what it got. */
function fakeBus() {
  const got: NewEvent[] = [];
  const bus = { isAway: false, got, tries: 0 };
  const events: Pick<EventBus, 'publish' | 'close'> = {
    async publish(_, list) {
      bus.tries += 1;
      if (bus.isAway) throw new Unavailable('nobody there');
      got.push(...[list].flat());
      return [];
    },
    async close() {},
  };
  return Object.assign(bus, { events: events as EventBus });
}

const typesOf = ({ got }: { got: NewEvent[] }) => got.map(({ type }) => type);

test('what is added is told, in order, with its key and time', async () => {
  const bus = fakeBus();
  const outbox = new Outbox(openDatabase(temporaryFolder(), 'x', []), { topic: 'mint', bus: bus.events });
  outbox.add('first', { n: 1 }, { key: 'k', at: 5 });
  outbox.add('second', { n: 2 });
  await vi.waitFor(() => expect(outbox.waiting).toBe(0));
  expect(bus.got).toMatchObject([
    { type: 'first', data: { n: 1 }, key: 'k', at: 5 },
    { type: 'second', data: { n: 2 } },
  ]);
  expect(bus.tries).toBe(1);
});

test('an event is told if and only if its transaction is committed', async () => {
  const bus = fakeBus();
  const db = openDatabase(temporaryFolder(), 'x', []);
  const outbox = new Outbox(db, { topic: 'mint', bus: bus.events });
  const failing = db.transaction(() => {
    outbox.add('never', {});
    throw new Error('rolled back');
  });
  expect(failing).toThrow('rolled back');
  db.transaction(() => outbox.add('once', {}))();
  await vi.waitFor(() => expect(typesOf(bus)).toEqual(['once']));
});

test('while the bus is away nothing is lost and nobody waits; afterwards all is told in order', async () => {
  const bus = fakeBus();
  bus.isAway = true;
  const folder = temporaryFolder();
  const first = openDatabase(folder, 'x', []);
  const before = new Outbox(first, { topic: 'mint', bus: bus.events, restMs: 10 });
  before.add('a', {});
  await vi.waitFor(() => expect(bus.tries).toBeGreaterThan(2));
  before.add('b', {});
  expect(before.waiting).toBe(2);
  await before.close(); // the process ends
  first.close();

  bus.isAway = false;
  const outbox = new Outbox(openDatabase(folder, 'x', []), { topic: 'mint', bus: bus.events });
  await vi.waitFor(() => expect(outbox.waiting).toBe(0));
  expect(typesOf(bus)).toEqual(['a', 'b']);
});

test('without a bus nothing is kept', () => {
  const outbox = new Outbox(openDatabase(temporaryFolder(), 'x', []), { topic: 'mint' });
  outbox.add('a', {});
  expect(outbox.waiting).toBe(0);
});
