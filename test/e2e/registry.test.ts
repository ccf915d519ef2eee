import { createServer } from 'node:net';
import parsePrometheus from 'parse-prometheus-text-format';
import { expect, test } from 'vitest';
import type { SystemEvent } from '../../src/core/events.ts';
import { quiet } from './rig/organs.ts';
import { rig, type System } from './rig.ts';

/** The registry of a system that runs, asked over HTTP as its organs do. */

const web = (more: object = {}) =>
  rig.puppet({ ports: { http: 'auto' }, health: { http: '/healthz' }, ...more }, ['--listen']);

async function urlOf(system: System): Promise<string> {
  const { registryUrl } = (await system.status()).system;
  if (registryUrl === null) throw new Error('it serves no registry');
  return registryUrl;
}

const json = async (url: string) => (await fetch(url)).json();

test('four systems that boot at once have a registry each', async () => {
  await using one = await rig.system({ yaml: { organs: { web: quiet() } } });
  await using two = await rig.system({ yaml: { organs: { web: quiet() } } });
  await using three = await rig.system({ yaml: { organs: { web: quiet() } } });
  await using four = await rig.system({ yaml: { organs: { web: quiet() } } });
  const systems = [one, two, three, four];
  await Promise.all(systems.map((system) => system.expect(0, ['up', '-d'])));
  const urls = await Promise.all(systems.map(urlOf));
  expect(new Set(urls).size).toBe(4);
  for (const url of urls) expect(await json(`${url}/health`)).toMatchObject({ status: 'Operational' });
});

test('a port that the file fixes and somebody has: said by whom, and the organs run without a registry', async () => {
  const stranger = createServer();
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  const { port } = stranger.address() as { port: number };
  await using system = await rig.system({ yaml: { registry: { port }, organs: { web: quiet() } } });
  await system.expect(0, ['up', '-d']);
  const { message } = await system.waitForEvent(({ type }) => type === 'warning');
  expect(message).toContain(`cannot serve the registry at 127.0.0.1:${port}: the port is in use`);
  if (process.platform === 'linux') expect(message).toContain(`by pid ${process.pid}`);
  expect(await system.status()).toMatchObject({ system: { registryUrl: null }, organs: [{ state: 'ready' }] });
  stranger.close();
});

test('organs with a port appear by themselves, with their health, and are withdrawn when they end', async () => {
  await using system = await rig.system({ yaml: { organs: { web: web({ category: 'Front' }), app: quiet() } } });
  await system.expect(0, ['up', '-d']);
  const url = await urlOf(system);
  const { url: own } = await system.instance('web');
  expect(await json(`${url}/services/web`)).toMatchObject({
    ...{ name: 'web', url: own, category: 'Front', health: 'Healthy' },
    instances: [{ instance: 'web', url: own, health: 'Healthy' }],
  });
  await system.waitForEvent(({ type, organ }) => type === 'service-registered' && organ === 'web');
  await system.expect(0, ['stop', 'web']);
  expect((await fetch(`${url}/services/web`)).status).toBe(404);
});

test('/metrics of a running system is read by a parser of the format, and says what status says', async () => {
  const health = { http: '/healthz', interval: '100ms', restart: false };
  await using system = await rig.system({ yaml: { organs: { web: web({ health }), many: quiet({ replicas: 2 }) } } });
  await system.expect(0, ['up', '-d']);
  await system.puppet('web').order({ health: { body: { status: 'pass', metrics: { 'queue "depth"': 7 } } } });
  await system.waitFor(({ organs }) => organs[0]!.metrics['queue "depth"'] === 7);
  const families = parsePrometheus(await (await fetch(`${await urlOf(system)}/metrics`)).text());
  const names = families.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const ready = families.find(({ name }) => name === 'azora_instance_ready');
  expect(ready?.metrics.map(({ labels, value }) => [labels?.instance, value])).toEqual([
    ['web', '1'],
    ['many-1', '1'],
    ['many-2', '1'],
  ]);
  expect(JSON.stringify(families)).toContain('queue');
});

test('/events streams what `azora events` tells, and resumes after an event', async () => {
  await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
  await system.expect(0, ['up', '-d']);
  const { id } = await system.waitForEvent(({ type }) => type === 'system-ready');
  const stop = new AbortController();
  const response = await fetch(`${await urlOf(system)}/events`, {
    headers: { 'last-event-id': String(id - 1) },
    signal: stop.signal,
  });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  await system.expect(0, ['restart', 'web']);
  let text = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes('event: organ-ready\n')) break;
  }
  stop.abort();
  const streamed = text.split('\n').flatMap((line) => (line.startsWith('data: ') ? [JSON.parse(line.slice(6))] : []));
  const heard = streamed as SystemEvent[];
  expect(heard[0]).toMatchObject({ id, type: 'system-ready' });
  const told = system.events.filter((event) => event.id >= id && event.id <= heard.at(-1)!.id);
  expect(heard).toEqual(told);
});
