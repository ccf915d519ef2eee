import * as z from 'zod';
import { tokensOf } from './requests.ts';

export interface Spent {
  readonly prompt: number;
  readonly completion: number;
}

const Counted = z.object({ usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }) });
const Said = z.object({ choices: z.array(z.object({ delta: z.looseObject({ content: z.string().nullish() }) })) });

/** What an answer took, as the upstream counts it, else by its length. */
export function spentOf(answer: unknown, promptTokens: number): Spent {
  const counted = Counted.safeParse(answer).data?.usage;
  if (counted) return { prompt: counted.prompt_tokens, completion: counted.completion_tokens };
  return { prompt: promptTokens, completion: tokensOf(JSON.stringify(answer)) };
}

/** Passes server-sent events on as they are and reads along; `settle` is called once, however the stream ends. */
export function meter(
  body: ReadableStream<Uint8Array>,
  promptTokens: number,
  settle: (spent: Spent) => void,
): ReadableStream<Uint8Array> {
  const decoder = new TextDecoder();
  let rest = '';
  let said = '';
  let counted: Spent | null = null;
  const read = (line: string) => {
    if (!line.startsWith('data:') || line.includes('[DONE]')) return;
    try {
      const event: unknown = JSON.parse(line.slice(5));
      said += Said.safeParse(event).data?.choices[0]?.delta.content ?? '';
      const usage = Counted.safeParse(event).data?.usage;
      if (usage) counted = { prompt: usage.prompt_tokens, completion: usage.completion_tokens };
    } catch {
      // not for us to mend: it is passed on as it is
    }
  };
  const end = () => settle(counted ?? { prompt: promptTokens, completion: tokensOf(said) });
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          end();
          return controller.close();
        }
        const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) read(line);
        controller.enqueue(value);
      } catch (error) {
        end();
        controller.error(error);
      }
    },
    async cancel(reason) {
      end();
      await reader.cancel(reason);
    },
  });
}
