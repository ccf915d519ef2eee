import * as z from 'zod';
import { type Client, messageOf } from '../kit/index.ts';
import type { Step } from './tasks.ts';

/** Something that the agent can look up. All of them only read: a task that runs twice does no harm. */
export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType;
  run(input: unknown, client: Client): Promise<unknown>;
}

const Anything = z.unknown();
const word = z.string().trim().min(1).max(200).regex(/^\S+$/, 'one word');

function tool<S extends z.ZodType>(
  name: string,
  description: string,
  input: S,
  run: (input: z.output<S>, client: Client) => Promise<unknown>,
): Tool {
  return { name, description, input, run: (given, client) => run(input.parse(given), client) };
}

/** Organs answer most questions at once; a forecast may take a moment. */
const PATIENT = { timeoutMs: 10_000 };
const segment = encodeURIComponent;

export const TOOLS: readonly Tool[] = [
  tool(
    'search_docs',
    'Passages of the documentation of azora and its organs that fit a question, with file and line.',
    z.strictObject({ query: z.string().min(1).max(4000).describe('The question, in words.') }),
    ({ query }, client) =>
      client.callJson('llm-wrapper', '/search', Anything, { method: 'POST', json: { query, limit: 4 } }),
  ),
  tool('system_status', 'All organs of the running system by category and status.', z.strictObject({}), (_, client) =>
    client.callJson('supreme-orchestrator', '/categories', Anything),
  ),
  tool(
    'get_balance',
    'The balance of an address on the ledger covenant.',
    z.strictObject({ address: word.describe('The address.') }),
    ({ address }, client) => client.callJson('covenant', `/balances/${segment(address)}`, Anything),
  ),
  tool('chain_status', 'Whether the ledger is valid, its height and its last block.', z.strictObject({}), (_, client) =>
    client.callJson('covenant', '/chain/valid', Anything),
  ),
  tool('total_value_locked', 'The coins that all wallets of the mint hold.', z.strictObject({}), (_, client) =>
    client.callJson('mint', '/tvl', Anything),
  ),
  tool('education_statistics', 'Learners, courses, enrolments and agents, by phase.', z.strictObject({}), (_, client) =>
    client.callJson('sapiens', '/statistics', Anything),
  ),
  tool('activity', 'What happened lately: events by topic and type.', z.strictObject({}), (_, client) =>
    client.callJson('analytics', '/dashboards/overview', Anything, PATIENT),
  ),
  tool(
    'forecast',
    'A forecast of how many events of a topic and type there will be in each of the next twelve 10 s.',
    z.strictObject({
      topic: word.describe('The topic, e.g. mint.'),
      type: word.optional().describe('The type of event, e.g. transfer-settled; all when absent.'),
    }),
    ({ topic, type }, client) => {
      const query = new URLSearchParams({
        topic,
        ...(type === undefined ? {} : { type }),
        metric: 'count',
        step: '10s',
      });
      return client.callJson('oracle', `/forecasts?${query}`, Anything, PATIENT);
    },
  ),
  tool(
    'guidance',
    'What Elara advises on whether something should be done, with reasons and a confidence.',
    z.strictObject({ question: z.string().min(1).max(4000).describe('The question.') }),
    ({ question }, client) => client.callJson('elara', '/guidance', Anything, { method: 'POST', json: { question } }),
  ),
];

/** An answer of a tool longer than this is cut: a model reads only so much. */
const MOST_CHARACTERS = 8000;

/** Uses a tool; what goes wrong is a step too, for whoever chose the tool to read. */
export async function useTool(tools: readonly Tool[], name: string, input: unknown, client: Client): Promise<Step> {
  const startedAt = performance.now();
  const step = (rest: { output: unknown } | { error: string }): Step => ({
    ...{ tool: name, input, ms: Math.round(performance.now() - startedAt) },
    ...rest,
  });
  const found = tools.find((candidate) => candidate.name === name);
  if (!found) return step({ error: `there is no tool ${name}` });
  const checked = found.input.safeParse(input);
  if (!checked.success) return step({ error: `the input is wrong: ${z.prettifyError(checked.error)}` });
  try {
    return step({ output: cut(await found.run(checked.data, client)) });
  } catch (error) {
    return step({ error: messageOf(error) });
  }
}

/** As OpenAI wants tools described. */
export function describeTools(tools: readonly Tool[]) {
  return tools.map(({ name, description, input }) => {
    const { $schema: _, ...parameters } = z.toJSONSchema(input);
    return { type: 'function', function: { name, description, parameters } };
  });
}

function cut(output: unknown): unknown {
  const text = JSON.stringify(output) ?? 'null';
  return text.length <= MOST_CHARACTERS
    ? output
    : `${text.slice(0, MOST_CHARACTERS)} … (cut, ${text.length} characters)`;
}
