import type { Step } from './tasks.ts';

export interface Choice {
  readonly tool: string;
  readonly input: object;
}

/** What follows from a word of the goal; all rules that fit are followed, in this order. */
const RULES: readonly {
  readonly when: RegExp;
  readonly choose: (goal: string, found: RegExpExecArray) => Choice | null;
}[] = [
  {
    when: /\b(forecast|predict|expect(ed)?|trend)\b/is,
    choose: (goal) => {
      const [, topic, type] =
        /\b(covenant|mint|sapiens|aegis|ai-agent|user-service|compliance)\b(?:[ /:]+([a-z]+-[a-z-]+))?/i.exec(goal) ??
        [];
      return topic ? { tool: 'forecast', input: { topic: topic.toLowerCase(), ...(type && { type }) } } : null;
    },
  },
  {
    when: /\b(balance|coins? of)\b.*?\b([0-9a-f]{40,128})\b/is,
    choose: (_, found) => ({ tool: 'get_balance', input: { address: found[2] } }),
  },
  {
    when: /\b(chain|ledger)\b.*\b(valid|height|state|status)\b/is,
    choose: () => ({ tool: 'chain_status', input: {} }),
  },
  { when: /\b(tvl|value locked)\b/is, choose: () => ({ tool: 'total_value_locked', input: {} }) },
  {
    when: /\bhow many\b.*\b(learners?|students?|courses?|enrolments?|agents?)\b|\beducation statistics\b/is,
    choose: () => ({ tool: 'education_statistics', input: {} }),
  },
  { when: /\b(activity|what happened)\b/is, choose: () => ({ tool: 'activity', input: {} }) },
  {
    when: /\b(which|how many|are (all|the)) organs\b|\bsystem status\b/is,
    choose: () => ({ tool: 'system_status', input: {} }),
  },
  {
    when: /\b(should|may|ought)\b.*\?|\bguidance\b/is,
    choose: (goal) => ({ tool: 'guidance', input: { question: goal } }),
  },
];

/** Which tools the goal's words call for. Without a model there is no more understanding than this; the documents are the default. */
export function planByRules(goal: string): Choice[] {
  const choices = RULES.flatMap(({ when, choose }) => {
    const found = when.exec(goal);
    return (found && choose(goal, found)) ?? [];
  });
  return choices.length > 0 ? choices : [{ tool: 'search_docs', input: { query: goal } }];
}

interface Passage {
  readonly quote: string;
  readonly path: string;
  readonly line: number;
}

/** What the tools said, put one below the other, and how it came to be asked. */
export function answerByRules(steps: readonly Step[]): string {
  const names = steps.map(({ tool }) => tool).join(', ');
  const who = `No language model is at hand: fixed rules chose the tools (${names}) by the words of the goal; this is what they answered.`;
  return [who, ...steps.map(tellStep)].join('\n\n');
}

function tellStep({ tool, output, error }: Step): string {
  if (error !== undefined) return `${tool} failed: ${error}`;
  const passages = passagesOf(output);
  if (passages === null) return `${tool}: ${JSON.stringify(output)}`;
  if (passages.length === 0) return 'The documents say nothing that fits.';
  return passages.map(({ quote, path, line }) => `> ${quote}\n  (${path}:${line})`).join('\n\n');
}

function passagesOf(output: unknown): readonly Passage[] | null {
  if (typeof output !== 'object' || output === null || !('passages' in output)) return null;
  return output.passages as readonly Passage[];
}
