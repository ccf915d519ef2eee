import { randomUUID } from 'node:crypto';
import { EXTRACTIVE, type Extract } from './extractive.ts';
import { tokensOf } from './requests.ts';

/** An extract in the form of OpenAI's chat completions. `azora` is ours: where the quotes stand. */
export function completionOf({ text, sources }: Extract, question: string) {
  return {
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model: EXTRACTIVE,
    choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
    usage: usageOf(question, text),
    azora: { kind: 'extractive', sources },
  };
}

/** The same as server-sent events, paragraph by paragraph. */
export function streamOf({ text, sources }: Extract, question: string, includeUsage: boolean): Response {
  const common = {
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion.chunk',
    created: Math.floor(Date.now() / 1000),
    model: EXTRACTIVE,
  };
  const chunk = (delta: object, finish: string | null = null) => ({
    ...common,
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  const paragraphs = text.split(/(?<=\n\n)/);
  const events = [
    chunk({ role: 'assistant', content: '' }),
    ...paragraphs.map((content) => chunk({ content })),
    { ...chunk({}, 'stop'), azora: { kind: 'extractive', sources } },
    ...(includeUsage ? [{ ...common, choices: [], usage: usageOf(question, text) }] : []),
  ];
  const lines = [...events.map((event) => JSON.stringify(event)), '[DONE]'];
  return new Response(lines.map((line) => `data: ${line}\n\n`).join(''), { headers: EVENT_STREAM });
}

export const EVENT_STREAM = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' };

function usageOf(question: string, text: string) {
  const [prompt_tokens, completion_tokens] = [tokensOf(question), tokensOf(text)];
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}
