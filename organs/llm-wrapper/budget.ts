import { type Database, TooManyRequests } from '../kit/index.ts';

export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE usage (day TEXT PRIMARY KEY, requests INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,
     completion_tokens INTEGER NOT NULL) STRICT;`,
];

export interface Usage {
  readonly requests: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** The upstream's tokens, by day (UTC), and how many a day may have. What is under way counts as if it came to its most. */
export class Budget {
  readonly daily: number;
  readonly #db: Database;
  readonly #now: () => number;
  #reserved = 0;

  constructor(db: Database, daily: number, now: () => number) {
    this.#db = db;
    this.daily = daily;
    this.#now = now;
  }

  today(): Usage {
    const row = this.#db
      .prepare(
        'SELECT requests, prompt_tokens AS promptTokens, completion_tokens AS completionTokens FROM usage WHERE day = ?',
      )
      .get(this.#day()) as Usage | undefined;
    return row ?? { requests: 0, promptTokens: 0, completionTokens: 0 };
  }

  get left(): number {
    const { promptTokens, completionTokens } = this.today();
    return Math.max(0, this.daily - promptTokens - completionTokens - this.#reserved);
  }

  /** Sets tokens aside for a request; the returned function tells what it really took. Throws TooManyRequests. */
  reserve(tokens: number): (spent: { prompt: number; completion: number } | null) => void {
    if (tokens > this.left) {
      throw new TooManyRequests(
        `the budget of ${this.daily} tokens for today has ${this.left} left, this may need ${tokens}`,
      );
    }
    this.#reserved += tokens;
    let isOpen = true;
    return (spent) => {
      if (!isOpen) return;
      isOpen = false;
      this.#reserved -= tokens;
      if (!spent) return;
      this.#db
        .prepare(
          `INSERT INTO usage VALUES (?, 1, ?, ?) ON CONFLICT (day) DO UPDATE SET requests = requests + 1,
             prompt_tokens = prompt_tokens + excluded.prompt_tokens,
             completion_tokens = completion_tokens + excluded.completion_tokens`,
        )
        .run(this.#day(), spent.prompt, spent.completion);
    };
  }

  #day(): string {
    return new Date(this.#now()).toISOString().slice(0, 10);
  }
}
