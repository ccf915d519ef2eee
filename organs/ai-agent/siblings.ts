import * as z from 'zod';
import { BadGateway, type Client, messageOf } from '../kit/index.ts';

/** Marks a question from one replica to another, which then answers from its own tasks only. */
export const SIBLING_HEADER = 'x-azora-sibling';

const Listed = z.object({ tasks: z.array(z.looseObject({ id: z.string(), createdAt: z.number() })) });
export type ForeignTask = z.output<typeof Listed>['tasks'][number];

/** The other replicas: each has tasks of its own. */
export class Siblings {
  readonly #client: Client;
  readonly #self: string;

  /** `self`: the name of this instance. */
  constructor(client: Client, self: string) {
    this.#client = client;
    this.#self = self;
  }

  /** A task that another replica has; null when none has it. `unheard` names those that could not be asked. */
  async find(id: string, owner: string | null): Promise<{ task: unknown; unheard: string[] }> {
    const { answers, unheard } = await this.#ask(`/tasks/${id}`, owner);
    return { task: answers[0] ?? null, unheard };
  }

  async list(owner: string | null, limit: number): Promise<{ tasks: ForeignTask[]; unheard: string[] }> {
    const { answers, unheard } = await this.#ask(`/tasks?limit=${limit}`, owner);
    return { tasks: answers.flatMap((answer) => Listed.safeParse(answer).data?.tasks ?? []), unheard };
  }

  async #ask(path: string, owner: string | null): Promise<{ answers: unknown[]; unheard: string[] }> {
    const others = (await this.#client.discover('ai-agent').catch(() => [])).filter(
      ({ instance }) => instance !== this.#self,
    );
    const headers = { [SIBLING_HEADER]: this.#self, ...(owner === null ? {} : { 'x-azora-user': owner }) };
    const asked = await Promise.all(
      others.map(async ({ instance, url }) => {
        try {
          const response = await fetch(`${url}${path}`, { headers, signal: AbortSignal.timeout(2000) });
          if (response.status === 404) return { answer: null };
          if (!response.ok) throw new BadGateway(`answered ${response.status}`, response.status);
          return { answer: (await response.json()) as unknown };
        } catch (error) {
          return { answer: null, unheard: `${instance}: ${messageOf(error)}` };
        }
      }),
    );
    return {
      answers: asked.map(({ answer }) => answer).filter((answer) => answer !== null),
      unheard: asked.flatMap(({ unheard }) => unheard ?? []),
    };
  }
}
