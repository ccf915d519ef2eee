import { type Context, Hono } from 'hono';
import {
  type Health,
  log,
  messageOf,
  type Organ,
  openDatabase,
  readBody,
  TooManyRequests,
  Unavailable,
} from '../kit/index.ts';
import { Budget, MIGRATIONS } from './budget.ts';
import { completionOf, EVENT_STREAM, streamOf } from './completion.ts';
import { EXTRACTIVE, Extractive } from './extractive.ts';
import { meter, spentOf } from './meter.ts';
import { ChatRequest, questionOf, SearchRequest, textOf, tokensOf } from './requests.ts';
import type { Settings } from './settings.ts';
import { Upstream } from './upstream.ts';

export interface LlmWrapperOptions extends Settings {
  readonly folder: string;
  readonly now?: () => number;
}

/** What an answer may take when the request sets no limit. */
const USUAL_ANSWER = 1024;

/** One door to language models. Behind it the configured upstream; while that cannot answer, the project's documents. */
export function llmWrapper({
  folder,
  upstream: settings,
  dailyTokens,
  documents,
  now = Date.now,
}: LlmWrapperOptions): Organ {
  const db = openDatabase(folder, 'llm-wrapper', MIGRATIONS);
  const budget = new Budget(db, dailyTokens, now);
  const upstream = settings ? new Upstream(settings) : null;
  const extractive = new Extractive(documents);
  let complaint: string | null = null;

  const quote = async (request: ChatRequest, preface?: string): Promise<Response> => {
    const question = questionOf(request);
    const extract = await extractive.answer(question, preface);
    if (!request.stream) return Response.json(completionOf(extract, question));
    return streamOf(extract, question, request.stream_options?.include_usage ?? false);
  };

  const ask = async (c: Context, request: ChatRequest, { settings: { model } }: Upstream): Promise<Response> => {
    const promptTokens = tokensOf(request.messages.map(({ content }) => textOf(content)).join('\n'));
    const most = request.max_completion_tokens ?? request.max_tokens ?? USUAL_ANSWER;
    const settle = budget.reserve(promptTokens + most);
    const isStream = request.stream === true;
    const body = {
      ...request,
      ...(model === null ? {} : { model }),
      ...(isStream && { stream_options: { ...request.stream_options, include_usage: true } }),
    };
    try {
      const response = await (upstream as Upstream).chat(body, c.req.raw.signal);
      if (!isStream || !response.body) {
        const answer: unknown = await response.json().catch((cause) => {
          throw new Unavailable(`the model's answer cannot be read: ${messageOf(cause)}`, { cause });
        });
        settle(spentOf(answer, promptTokens));
        return c.json(answer as object);
      }
      return new Response(meter(response.body, promptTokens, settle), { headers: EVENT_STREAM });
    } catch (error) {
      settle(null);
      throw error;
    }
  };

  const app = new Hono()
    .post('/v1/chat/completions', async (c) => {
      const request = await readBody(c, ChatRequest);
      if (!upstream || request.model === EXTRACTIVE) return quote(request);
      try {
        return await ask(c, request, upstream);
      } catch (error) {
        if (!(error instanceof Unavailable) && !(error instanceof TooManyRequests)) throw error;
        if (complaint !== error.message) log(`the documents answer instead: ${error.message}`);
        complaint = error.message;
        return quote(request, 'The language model cannot answer now. ');
      }
    })
    .get('/v1/models', (c) => {
      const created = 0;
      const own = { id: EXTRACTIVE, object: 'model', created, owned_by: 'azora' };
      const configured = settings?.model
        ? [{ id: settings.model, object: 'model', created, owned_by: 'upstream' }]
        : [];
      return c.json({ object: 'list', data: [...configured, own] });
    })
    .post('/search', async (c) => {
      const { query, limit } = await readBody(c, SearchRequest);
      return c.json({ passages: await extractive.search(query, limit) });
    })
    .get('/budget', (c) => c.json({ daily: budget.daily, left: budget.left, ...budget.today() }));

  const health = async (): Promise<Health> => {
    const { documents, passages } = await extractive.size();
    const metrics = { documents, passages, tokensLeft: budget.left, upstream: Number(upstream !== null) };
    const trouble = upstream?.failure ?? (upstream && budget.left === 0 ? 'the budget for today is spent' : null);
    if (passages === 0 && (!upstream || trouble !== null)) {
      return {
        status: 'fail',
        reason: `nothing can answer: there are no documents${trouble ? `, and ${trouble}` : ''}`,
        metrics,
      };
    }
    if (trouble !== null) return { status: 'warn', reason: `${trouble}; the documents answer instead`, metrics };
    return { status: 'pass', metrics };
  };

  return {
    name: 'llm-wrapper',
    app,
    health,
    maxBodyBytes: 4 * 1024 * 1024,
    close() {
      upstream?.close();
      db.close();
    },
  };
}
