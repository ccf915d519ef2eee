import type { Database } from '../kit/index.ts';

/** queued → running → done | failed. A task that was running when its process ended is queued again. */
export type Status = 'queued' | 'running' | 'done' | 'failed';

/** One use of a tool. */
export interface Step {
  readonly tool: string;
  readonly input: unknown;
  readonly output?: unknown;
  readonly error?: string;
  readonly ms: number;
}

export interface Task {
  readonly id: string;
  /** The user who gave it; null when an organ did. */
  readonly owner: string | null;
  readonly goal: string;
  readonly status: Status;
  readonly attempts: number;
  /** Who chose the tools: the model by that name, or the rules. */
  readonly planner: string | null;
  readonly answer: string | null;
  readonly reason: string | null;
  readonly steps: readonly Step[];
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
}

export interface Outcome {
  readonly planner: string;
  readonly answer: string;
  readonly steps: readonly Step[];
}

interface Row {
  id: string;
  owner: string | null;
  goal: string;
  status: Status;
  attempts: number;
  planner: string | null;
  answer: string | null;
  reason: string | null;
  steps: string;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
}

/** The tasks of this instance, in its database: what was accepted is done at least once, whatever happens to the process. */
export class Tasks {
  readonly #db: Database;
  readonly #now: () => number;

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  /** Those that were running when the last life ended wait again; those that ended it too often are given up. */
  recover(mostAttempts: number): Task[] {
    const lost = this.#db
      .prepare(`SELECT id FROM tasks WHERE status = 'running' AND attempts >= ?`)
      .pluck()
      .all(mostAttempts) as string[];
    for (const id of lost) this.fail(id, `the process ended ${mostAttempts} times while this task ran`, []);
    this.#db.prepare(`UPDATE tasks SET status = 'queued' WHERE status = 'running'`).run();
    return lost.map((id) => this.get(id) as Task);
  }

  get(id: string): Task | null {
    const row = this.#db.prepare('SELECT * FROM tasks WHERE id = ?').get(id) as Row | undefined;
    return row ? taskOf(row) : null;
  }

  /** Newest first; `owner` null: everybody's. */
  list(owner: string | null, limit: number): Task[] {
    const rows =
      owner === null
        ? this.#db.prepare('SELECT * FROM tasks ORDER BY created_at DESC, id LIMIT ?').all(limit)
        : this.#db
            .prepare('SELECT * FROM tasks WHERE owner = ? ORDER BY created_at DESC, id LIMIT ?')
            .all(owner, limit);
    return (rows as Row[]).map(taskOf);
  }

  add(id: string, owner: string | null, goal: string): Task {
    this.#db
      .prepare(
        `INSERT OR IGNORE INTO tasks (id, owner, goal, status, attempts, steps, created_at) VALUES (?, ?, ?, 'queued', 0, '[]', ?)`,
      )
      .run(id, owner, goal, this.#now());
    return this.get(id) as Task;
  }

  /** The one that has waited longest, now running; null when none waits. */
  take(): Task | null {
    const id = this.#db
      .prepare(
        `UPDATE tasks SET status = 'running', attempts = attempts + 1, started_at = ?
         WHERE id = (SELECT id FROM tasks WHERE status = 'queued' ORDER BY created_at, id LIMIT 1) RETURNING id`,
      )
      .pluck()
      .get(this.#now()) as string | undefined;
    return id === undefined ? null : this.get(id);
  }

  complete(id: string, { planner, answer, steps }: Outcome): void {
    this.#db
      .prepare(
        `UPDATE tasks SET status = 'done', planner = ?, answer = ?, reason = NULL, steps = ?, ended_at = ? WHERE id = ?`,
      )
      .run(planner, answer, JSON.stringify(steps), this.#now(), id);
  }

  fail(id: string, reason: string, steps: readonly Step[]): void {
    this.#db
      .prepare(`UPDATE tasks SET status = 'failed', reason = ?, steps = ?, ended_at = ? WHERE id = ?`)
      .run(reason, JSON.stringify(steps), this.#now(), id);
  }

  /** Back into the queue, where it was; `counts`: whether that was an attempt. */
  putBack(id: string, reason: string, counts: boolean): void {
    this.#db
      .prepare(`UPDATE tasks SET status = 'queued', attempts = attempts - ?, reason = ? WHERE id = ?`)
      .run(counts ? 0 : 1, reason, id);
  }

  counts(): Record<Status, number> {
    const rows = this.#db.prepare('SELECT status, count(*) AS count FROM tasks GROUP BY status').all();
    const found = Object.fromEntries(
      (rows as { status: Status; count: number }[]).map(({ status, count }) => [status, count]),
    );
    return { queued: 0, running: 0, done: 0, failed: 0, ...found };
  }

  /** How long the oldest that waits has waited. */
  oldestMs(): number {
    const since = this.#db.prepare(`SELECT min(created_at) FROM tasks WHERE status = 'queued'`).pluck().get() as
      | number
      | null;
    return since === null ? 0 : Math.max(0, this.#now() - since);
  }
}

function taskOf({ steps, created_at, started_at, ended_at, ...row }: Row): Task {
  return { ...row, steps: JSON.parse(steps), createdAt: created_at, startedAt: started_at, endedAt: ended_at };
}
