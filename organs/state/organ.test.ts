import { expect, test, vi } from 'vitest';
import { startOrgan, temporaryFolder } from '../kit/testing.ts';
import { state } from './organ.ts';

test('what is kept outlives the process', async () => {
  const folder = temporaryFolder();
  const first = await startOrgan(state({ folder }));
  await first.request('/keys/a', { method: 'PUT', body: JSON.stringify({ value: '1' }) });
  await first.stop();
  const second = await startOrgan(state({ folder }));
  expect((await second.get('/keys/a')).body).toMatchObject({ key: 'a', value: '1', expiresInMs: null });
});

test.each([
  ['no JSON', 'PUT', '/keys/a', '{"value":', 400],
  ['no value', 'PUT', '/keys/a', '{}', 400],
  ['a value that is no string', 'PUT', '/keys/a', '{"value":1}', 400],
  ['more than was asked for', 'PUT', '/keys/a', '{"value":"1","admin":true}', 400],
  ['a lifetime of no time', 'PUT', '/keys/a', '{"value":"1","ttlMs":0}', 400],
  ['a lifetime of ages', 'PUT', '/keys/a', '{"value":"1","ttlMs":1e15}', 400],
  ['a value that is too long', 'PUT', '/keys/a', JSON.stringify({ value: 'x'.repeat(600_000) }), 400],
  ['10 MB', 'PUT', '/keys/a', JSON.stringify({ value: 'x'.repeat(10_000_000) }), 413],
  ['a key with a control character', 'PUT', '/keys/a%00b', '{"value":"1"}', 400],
  ['a key that is too long', 'PUT', `/keys/${'k'.repeat(600)}`, '{"value":"1"}', 400],
  ['a step that is none', 'POST', '/keys/a/increment', '{"by":"1"}', 400],
  ['fields that are none', 'PATCH', '/hashes/a', '{"fields":{"a":1}}', 400],
  ['a traversal', 'PUT', '/keys/../../etc/passwd', '{"value":"1"}', 404],
  ['an expectation that is not met', 'PUT', '/keys/a', '{"value":"1","expected":"0"}', 412],
  ['a hash as a string', 'GET', '/keys/hash', undefined, 409],
  ['a page of everything', 'GET', '/keys?limit=1000000', undefined, 400],
])('refuses %s with the reason, and keeps what it had', async (_, method, path, body, status) => {
  const organ = await startOrgan(state({ folder: temporaryFolder() }));
  await organ.request('/hashes/hash', { method: 'PATCH', body: '{"fields":{"a":"1"}}' });
  const answer = await organ.request(path, { method, ...(body === undefined ? {} : { body }) });
  expect(answer.status).toBe(status);
  expect(answer.body.message).toMatch(/\w+/);
  expect((await organ.get('/keys')).body.keys).toEqual(['hash']);
  expect((await organ.get('/healthz')).body.status).toBe('pass');
});

test('a full disk refuses writes with 507, reads on, and is Critical', async () => {
  const organ = await startOrgan(state({ folder: temporaryFolder(), maxBytes: 256 * 1024 }));
  const value = 'x'.repeat(50_000);
  const put = (key: number) => organ.request(`/keys/${key}`, { method: 'PUT', body: JSON.stringify({ value }) });
  const statuses: number[] = [];
  while (statuses.at(-1) !== 507 && statuses.length < 20) statuses.push((await put(statuses.length)).status);
  expect(statuses.at(-1)).toBe(507);
  expect((await organ.get('/keys/0')).body.value).toBe(value);
  expect((await organ.get('/keys')).body.keys).toHaveLength(statuses.length - 1);
  const { status, body } = await organ.get('/healthz');
  expect([status, body.reason]).toEqual([503, 'health check failed: database or disk is full']);

  await organ.request('/keys/0', { method: 'DELETE' });
  await organ.request('/keys/1', { method: 'DELETE' });
  expect((await organ.get('/healthz')).body.status).toBe('pass');
});

test('a slow disk is a warning', async () => {
  const organ = await startOrgan(state({ folder: temporaryFolder(), slowMs: 0 }));
  const { status, body } = await organ.get('/healthz');
  expect([status, body.status]).toEqual([200, 'warn']);
  expect(body.reason).toMatch(/slow: a write took/);
});

test('what has expired is swept', async () => {
  const organ = await startOrgan(state({ folder: temporaryFolder(), sweepMs: 5 }));
  await organ.request('/keys/a', { method: 'PUT', body: JSON.stringify({ value: '1', ttlMs: 1 }) });
  await vi.waitFor(async () => expect((await organ.get('/ping')).body.keys).toBe(0), { interval: 5 });
});
