import { once } from 'node:events';
import { createConnection } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDoor } from '../../../src/adapters/registry/door.ts';
import { type RunningRegistry, startRegistry } from '../../../src/adapters/registry/server.ts';
import type { SystemEvent } from '../../../src/core/events.ts';
import { anEvent } from '../../cli/fake-supervisor.ts';

/** `GET /events` and `GET /metrics` over a real connection. */

let registry: RunningRegistry;
let kept: SystemEvent[];
const listeners = new Set<(event: SystemEvent) => void>();

function happen(event: SystemEvent): void {
  kept.push(event);
  for (const listener of listeners) listener(event);
}

beforeEach(async () => {
  kept = [];
  registry = await startRegistry({
    door: await openDoor({ host: '127.0.0.1', port: 0 }),
    view: () => ({ status: 'Operational', organs: [] }),
    verifyToken: () => null,
    onRegistered: () => {},
    onWithdrawn: () => {},
    log: () => {},
    metrics: () => '# TYPE azora_up gauge\nazora_up 1\n',
    events: {
      after: (id) => kept.filter((event) => event.id > id),
      listen: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  });
});
afterEach(() => registry.close());

/** The next so many events of a stream. */
async function* eventsOf(response: Response): AsyncGenerator<{ id: number; type: string; data: SystemEvent }> {
  let rest = '';
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    const frames = (rest + text).split('\n\n');
    rest = frames.pop()!;
    for (const frame of frames) {
      const fields = new Map(
        frame.split('\n').map((line) => [line.split(': ')[0]!, line.slice(line.indexOf(': ') + 2)]),
      );
      const data = fields.get('data');
      if (data)
        yield { id: Number(fields.get('id')), type: fields.get('event')!, data: JSON.parse(data) as SystemEvent };
    }
  }
}

const open = (query = '', headers: Record<string, string> = {}) => fetch(`${registry.url}/events${query}`, { headers });

test('events from now on, each with its id and type', async () => {
  happen(anEvent(1, 'system-booting', null));
  const response = await open();
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const stream = eventsOf(response);
  happen(anEvent(2, 'organ-ready', 'mint', { durationMs: 1 }));
  expect((await stream.next()).value).toEqual({ id: 2, type: 'organ-ready', data: kept[1] });
});

test('Last-Event-ID and ?since= resume after that event; ?type= picks', async () => {
  for (const [index, type] of (['system-booting', 'organ-ready', 'system-ready'] as const).entries()) {
    happen(anEvent(index + 1, type, null));
  }
  const ids = async (response: Response, count: number) => {
    const found: number[] = [];
    for await (const { id } of eventsOf(response)) if (found.push(id) === count) break;
    return found;
  };
  expect(await ids(await open('', { 'last-event-id': '1' }), 2)).toEqual([2, 3]);
  expect(await ids(await open('?since=0'), 3)).toEqual([1, 2, 3]);
  expect(await ids(await open('?since=0&type=system-ready'), 1)).toEqual([3]);
});

test('a reader that does not read is cut off, and resumes; the others are not held up', async () => {
  const slow = createConnection({ port: registry.port, host: '127.0.0.1' });
  slow.on('error', () => {}); // cut off in the middle
  slow.write(`GET /events HTTP/1.1\r\nHost: 127.0.0.1:${registry.port}\r\n\r\n`);
  await once(slow, 'readable');
  slow.pause();
  const other = eventsOf(await open());
  const pages = 'x'.repeat(100_000);
  let id = 0;
  // More than the kernel's buffers and the server's own bound together.
  for (let round = 0; listeners.size === 2 && round < 1000; round++) {
    happen(anEvent(++id, 'warning', null, { pages }));
    await other.next();
  }
  expect(listeners.size).toBe(1);
  expect(id).toBeLessThan(1000);
  slow.destroy();
});

test('a listener that leaves is forgotten; so many at a time', async () => {
  const leave = new AbortController();
  const streams = await Promise.all(
    Array.from({ length: 64 }, () => fetch(`${registry.url}/events`, { signal: leave.signal })),
  );
  expect(streams.every(({ status }) => status === 200)).toBe(true);
  expect((await open()).status).toBe(503);
  leave.abort();
  await expect.poll(() => listeners.size).toBe(0);
  expect((await open()).status).toBe(200);
});

test('only GET, and only of this server', async () => {
  expect((await fetch(`${registry.url}/events`, { method: 'POST' })).status).toBe(405);
  expect((await fetch(`${registry.url}/events`, { headers: { origin: 'http://evil.example' } })).status).toBe(403);
  expect((await fetch(`${registry.url}/metrics`, { method: 'PUT' })).status).toBe(405);
});

test('/metrics is the page, in the format of Prometheus', async () => {
  const response = await fetch(`${registry.url}/metrics`);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await response.text()).toBe('# TYPE azora_up gauge\nazora_up 1\n');
});
