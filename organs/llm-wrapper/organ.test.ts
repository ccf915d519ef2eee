import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import { startOrgan, temporaryFolder } from '../kit/testing.ts';
import { type LlmWrapperOptions, llmWrapper } from './organ.ts';
import { readSettings } from './settings.ts';

const DAY_MS = 86_400_000;

function library(): string {
  const root = temporaryFolder();
  mkdirSync(join(root, 'docs'));
  mkdirSync(join(root, 'organs/aegis'), { recursive: true });
  writeFileSync(join(root, 'README.md'), '# Azora\n\nAzora is a process supervisor in one file.\n');
  writeFileSync(
    join(root, 'docs/health.md'),
    '# Health\n\nA failed check makes an organ Degraded; three in a row make it Critical.\n',
  );
  writeFileSync(join(root, 'organs/aegis/README.md'), '# aegis\n\nTokens are valid for one hour.\n');
  return root;
}

/** Answers as told, one after the other; the last one again and again. */
async function upstream(...answers: ((body: { stream?: boolean }) => Response | Promise<Response>)[]) {
  const seen: { body: { [key: string]: unknown }; authorization: string | undefined }[] = [];
  const app = new Hono().post('/v1/chat/completions', async (c) => {
    const body = await c.req.json();
    seen.push({ body, authorization: c.req.header('authorization') });
    const answer = answers[Math.min(seen.length, answers.length) - 1];
    return answer ? answer(body) : c.notFound();
  });
  return { ...(await startOrgan({ name: 'upstream', app, health: () => ({ status: 'pass' }) })), seen };
}

const good = () =>
  Response.json({
    id: 'x',
    model: 'big',
    choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 7, completion_tokens: 3 },
  });
const bad =
  (status: number, message = 'no', headers = {}) =>
  () =>
    Response.json({ error: { message } }, { status, headers });

async function wrapper(url: string | null, more: Partial<LlmWrapperOptions> = {}) {
  const options = {
    folder: temporaryFolder(),
    upstream:
      url === null
        ? null
        : { url: `${url}/v1`, key: 'secret', model: 'big', timeoutMs: 200, backoffMs: 1, resetMs: 50 },
    dailyTokens: 100_000,
    documents: library(),
    ...more,
  };
  const organ = await startOrgan(llmWrapper(options));
  const chat = (content: string, extra = {}) =>
    organ.post('/v1/chat/completions', { messages: [{ role: 'user', content }], ...extra });
  return { ...organ, chat };
}

const eventsOf = (text: string) =>
  text
    .split('\n\n')
    .filter(Boolean)
    .map((event) => event.replace(/^data: /, ''));

describe('without an upstream', () => {
  test('the documents answer, quoted with their place, under a name that says so', async () => {
    const w = await wrapper(null);
    const { status, body } = await w.chat('How long are tokens valid?');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      object: 'chat.completion',
      model: 'azora-extractive',
      choices: [{ message: { role: 'assistant' }, finish_reason: 'stop' }],
    });
    expect(body.choices[0].message.content).toBe(
      "I am azora-extractive: not a language model, I quote the project's documents.\n\n> Tokens are valid for one hour. [1]\n\nSources:\n[1] organs/aegis/README.md:3 (aegis)",
    );
    expect(body.azora.sources).toMatchObject([
      { path: 'organs/aegis/README.md', line: 3, quote: 'Tokens are valid for one hour.' },
    ]);
    expect((await w.get('/healthz')).body).toMatchObject({
      status: 'pass',
      metrics: { documents: 3, passages: 3, upstream: 0 },
    });
    expect((await w.get('/v1/models')).body.data.map(({ id }: { id: string }) => id)).toEqual(['azora-extractive']);
    expect((await w.post('/search', { query: 'supervisor' })).body.passages).toMatchObject([{ path: 'README.md' }]);
  });

  test('what they do not say is not answered', async () => {
    const { body } = await (await wrapper(null)).chat('Who won the cup in 1998?');
    expect(body.choices[0].message.content).toMatch(/They say nothing that fits this question/);
    expect(body.azora.sources).toEqual([]);
  });

  test('an answer may be streamed', async () => {
    const events = eventsOf(
      (
        await (
          await wrapper(null)
        ).chat('How long are tokens valid?', { stream: true, stream_options: { include_usage: true } })
      ).body,
    );
    expect(events.at(-1)).toBe('[DONE]');
    const chunks = events.slice(0, -1).map((event) => JSON.parse(event));
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toMatch(
      /^I am azora-extractive.*Tokens are valid/s,
    );
    expect(chunks.at(-2).choices[0].finish_reason).toBe('stop');
    expect(chunks.at(-1).usage.total_tokens).toBeGreaterThan(0);
  });

  test('and without documents nothing can: health fails', async () => {
    const w = await wrapper(null, { documents: temporaryFolder() });
    expect(await w.get('/healthz')).toMatchObject({
      status: 503,
      body: { status: 'fail', reason: 'nothing can answer: there are no documents' },
    });
  });

  test.each([
    [{ messages: [] }],
    [{ messages: 'hello' }],
    [{ messages: [{ role: 'wizard', content: 'x' }] }],
    [{ messages: [{ role: 'user', content: 5 }] }],
    [{ messages: [{ role: 'user', content: 'x' }], temperature: 3 }],
    [{ messages: [{ role: 'user', content: 'x' }], n: 2 }],
    [{}],
  ])('%j is refused', async (body) => {
    expect((await (await wrapper(null)).post('/v1/chat/completions', body)).status).toBe(400);
  });
});

describe('an upstream', () => {
  test('gets the request as it is, with the configured model and key, and what it took is counted', async () => {
    const u = await upstream(good);
    const w = await wrapper(u.url);
    const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }];
    expect((await w.chat('hi', { tools, model: 'other', seed: 4 })).body).toMatchObject({
      model: 'big',
      choices: [{ message: { content: 'hello' } }],
    });
    expect(u.seen).toMatchObject([{ authorization: 'Bearer secret', body: { model: 'big', tools, seed: 4 } }]);
    expect((await w.get('/budget')).body).toEqual({
      daily: 100_000,
      left: 99_990,
      requests: 1,
      promptTokens: 7,
      completionTokens: 3,
    });
    expect((await w.get('/v1/models')).body.data.map(({ id }: { id: string }) => id)).toEqual([
      'big',
      'azora-extractive',
    ]);
    expect((await w.chat('tokens', { model: 'azora-extractive' })).body.model).toBe('azora-extractive');
    expect(u.seen).toHaveLength(1);
  });

  const passing: [string, () => Response | Promise<Response>][] = [
    ['answers 500', bad(500)],
    ['answers 429', bad(429, 'slow down', { 'retry-after': '0' })],
    ['does not answer', () => new Promise<Response>(() => {})],
  ];
  test.each(passing)('that %s is asked again', async (_, first) => {
    const u = await upstream(first, good);
    const w = await wrapper(u.url);
    expect((await w.chat('hi')).body.model).toBe('big');
    expect(u.seen).toHaveLength(2);
    expect((await w.get('/healthz')).body.status).toBe('pass');
  });

  test('that refuses the request is not: its reason is passed on', async () => {
    const u = await upstream(bad(400, 'context too long'));
    const w = await wrapper(u.url);
    expect(await w.chat('hi')).toMatchObject({
      status: 400,
      body: { message: 'the upstream refuses: 400 context too long' },
    });
    expect(u.seen).toHaveLength(1);
    expect((await w.get('/healthz')).body.status).toBe('pass');
  });

  test('that keeps failing is left alone; the documents answer and say why; health warns until it is back', async () => {
    const u = await upstream(...Array.from({ length: 9 }, () => bad(500, 'overloaded')), good);
    const w = await wrapper(u.url);
    for (let i = 0; i < 5; i++) {
      const { body } = await w.chat('tokens');
      expect(body.model).toBe('azora-extractive');
      expect(body.choices[0].message.content).toMatch(/^The language model cannot answer now\. I am azora-extractive/);
    }
    expect(u.seen).toHaveLength(9); // three times three, then the breaker is open
    expect((await w.get('/healthz')).body).toMatchObject({
      status: 'warn',
      reason: expect.stringMatching(/documents answer instead/),
    });
    await new Promise((resolve) => setTimeout(resolve, 60)); // the breaker's rest
    expect((await w.chat('tokens')).body.model).toBe('big');
    expect((await w.get('/healthz')).body.status).toBe('pass');
  });

  test('whose answer is none is one that cannot answer: the documents do', async () => {
    const u = await upstream(
      () => new Response('<html>busy</html>', { headers: { 'content-type': 'application/json' } }),
    );
    const w = await wrapper(u.url);
    const { status, body } = await w.chat('What is azora?');
    expect(status).toBe(200);
    expect(body.model).toBe('azora-extractive');
    expect(body.choices[0].message.content).toMatch(/cannot answer now/);
  });

  test('with a wrong key is a matter of health, at once', async () => {
    const u = await upstream(bad(401, 'bad key'));
    const w = await wrapper(u.url);
    expect((await w.chat('tokens')).body.model).toBe('azora-extractive');
    expect(u.seen).toHaveLength(1);
    expect((await w.get('/healthz')).body).toMatchObject({
      status: 'warn',
      reason: expect.stringMatching(/401 bad key/),
    });
    const empty = await wrapper(u.url, { documents: temporaryFolder() });
    await empty.chat('tokens');
    expect((await empty.get('/healthz')).status).toBe(503);
  });

  test('that streams is passed on as it comes, and counted', async () => {
    const chunks = [
      'data: {"choices":[{"delta":{"content":"he"}}]}\n\n',
      'data: {"choices":[{"delta":{"content":"llo"}}]}\n\nda',
      'ta: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\ndata: [DONE]\n\n',
    ];
    const u = await upstream(
      () =>
        new Response(ReadableStream.from(chunks.map((text) => Buffer.from(text))), {
          headers: { 'content-type': 'text/event-stream' },
        }),
    );
    const w = await wrapper(u.url);
    expect((await w.chat('hi', { stream: true })).body).toBe(chunks.join(''));
    expect(u.seen[0]?.body).toMatchObject({ stream: true, stream_options: { include_usage: true } });
    expect((await w.get('/budget')).body).toMatchObject({ promptTokens: 5, completionTokens: 2, left: 99_993 });
  });

  test('gets no more than the budget of a day', async () => {
    const u = await upstream(good);
    let now = 0;
    const w = await wrapper(u.url, { dailyTokens: 105, now: () => now });
    expect((await w.chat('hi', { max_tokens: 100 })).body.model).toBe('big');
    const { body } = await w.chat('tokens', { max_tokens: 100 });
    expect(body.model).toBe('azora-extractive');
    expect(u.seen).toHaveLength(1);
    now += DAY_MS;
    expect((await w.chat('hi', { max_tokens: 100 })).body.model).toBe('big');
  });
});

test('settings that make no sense are named', () => {
  expect(() => readSettings({ LLM_BASE_URL: 'ftp://x', LLM_DAILY_TOKENS: 'many' })).toThrow(
    /LLM_BASE_URL.*LLM_DAILY_TOKENS/,
  );
  expect(readSettings({ LLM_BASE_URL: 'http://x/v1/', LLM_API_KEY: '' }).upstream).toMatchObject({
    url: 'http://x/v1',
    key: null,
    model: null,
  });
});
