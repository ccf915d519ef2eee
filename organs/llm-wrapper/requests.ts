import * as z from 'zod';

const Text = z.strictObject({ type: z.literal('text'), text: z.string() });
const Part = z.union([Text, z.looseObject({ type: z.string() })]);
export type Content = string | null | undefined | readonly z.output<typeof Part>[];

const Message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: z.union([z.string(), z.array(Part), z.null()]).optional(),
});

/** As OpenAI has it. What is not read here is passed on to the upstream, which knows whether it understands it. */
export const ChatRequest = z.looseObject({
  model: z.string().min(1).max(200).optional(),
  messages: z.array(Message).min(1, 'at least one message').max(1000),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  max_tokens: z.int().positive().nullish(),
  max_completion_tokens: z.int().positive().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  tools: z
    .array(z.looseObject({ type: z.string() }))
    .max(128)
    .nullish(),
  n: z.literal(1, 'one answer at a time').nullish(),
});
export type ChatRequest = z.output<typeof ChatRequest>;

export const SearchRequest = z.strictObject({
  query: z.string().trim().min(1).max(4000),
  limit: z.int().min(1).max(20).default(5),
});

/** What the user asks last. */
export function questionOf({ messages }: ChatRequest): string {
  return textOf(messages.findLast(({ role }) => role === 'user')?.content);
}

export function textOf(content: Content): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => ('text' in part && typeof part.text === 'string' ? part.text : '')).join('\n');
}

/** About four characters to a token: for what an upstream does not count itself. */
export function tokensOf(text: string): number {
  return Math.ceil(text.length / 4);
}
