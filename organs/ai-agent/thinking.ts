import * as z from 'zod';
import { type Client, OrganError } from '../kit/index.ts';
import { answerByRules, planByRules } from './rules.ts';
import type { Outcome, Step } from './tasks.ts';
import { describeTools, type Tool, useTool } from './tools.ts';

/** Without a model that understands, llm-wrapper answers under this name, and chooses no tools. */
const EXTRACTIVE = 'azora-extractive';
const MOST_ROUNDS = 8;
const MODEL_TIMEOUT_MS = 120_000;

const Call = z.object({
  id: z.string(),
  type: z.literal('function'),
  function: z.object({ name: z.string(), arguments: z.string() }),
});
const Completion = z.object({
  model: z.string(),
  choices: z
    .array(z.object({ message: z.looseObject({ content: z.string().nullish(), tool_calls: z.array(Call).nullish() }) }))
    .min(1),
});

const INSTRUCTIONS = `You are the agent of Azora OS. Reach the user's goal with the tools, which only read. Say only what the tools or the
user told you; when they do not know, say so. Answer in plain text, and name the files and organs that you have it from.`;

/** Every tool that was tried failed; another time they may not. */
export class NoToolAnswered extends OrganError {
  constructor(steps: readonly Step[]) {
    super(
      502,
      'no_tool_answered',
      `no tool answered: ${steps.map(({ tool, error }) => `${tool}: ${error}`).join('; ')}`,
    );
  }
}

/** Reaches for tools until there is an answer. Throws Unavailable when llm-wrapper is not there: then it is worth trying again. */
export async function think(goal: string, tools: readonly Tool[], client: Client): Promise<Outcome> {
  const steps: Step[] = [];
  const messages: object[] = [
    { role: 'system', content: INSTRUCTIONS },
    { role: 'user', content: goal },
  ];
  for (let round = 1; round <= MOST_ROUNDS; round++) {
    const { model, message } = await ask(messages, tools, client);
    if (model === EXTRACTIVE) return byRules(goal, tools, client, steps);
    const calls = message.tool_calls ?? [];
    if (calls.length === 0) return { planner: model, answer: message.content ?? '', steps };
    messages.push(message);
    for (const { id, function: called } of calls) {
      const step = await useTool(tools, called.name, argumentsOf(called.arguments), client);
      steps.push(step);
      const content = JSON.stringify(step.error === undefined ? step.output : { error: step.error });
      messages.push({ role: 'tool', tool_call_id: id, content });
    }
  }
  throw new OrganError(422, 'no_answer', `the model came to no answer in ${MOST_ROUNDS} rounds`);
}

async function byRules(
  goal: string,
  tools: readonly Tool[],
  client: Client,
  earlier: readonly Step[],
): Promise<Outcome> {
  const steps = [...earlier]; // what a model found out before it went away is not lost
  for (const { tool, input } of planByRules(goal)) steps.push(await useTool(tools, tool, input, client));
  const failed = steps.filter(({ error }) => error !== undefined);
  if (failed.length === steps.length) throw new NoToolAnswered(steps);
  return { planner: 'rules', answer: answerByRules(steps), steps };
}

async function ask(messages: readonly object[], tools: readonly Tool[], client: Client) {
  const answer = await client.callJson('llm-wrapper', '/v1/chat/completions', Completion, {
    method: 'POST',
    json: { messages, tools: describeTools(tools), tool_choice: 'auto' },
    timeoutMs: MODEL_TIMEOUT_MS,
  });
  const [choice] = answer.choices;
  return { model: answer.model, message: choice?.message ?? {} };
}

/** What cannot be read is handed to the tool as it is, which then says what is wrong with it. */
function argumentsOf(text: string): unknown {
  try {
    return JSON.parse(text.trim() === '' ? '{}' : text);
  } catch {
    return text;
  }
}
