import { log, messageOf, type Outbox, Unavailable } from '../kit/index.ts';
import type { Outcome, Task, Tasks } from './tasks.ts';
import { NoToolAnswered } from './thinking.ts';

export interface WorkerOptions {
  readonly tasks: Tasks;
  readonly outbox: Outbox;
  readonly work: (task: Task) => Promise<Outcome>;
  /** Runs what belongs together as one transaction. */
  readonly together: (act: () => void) => void;
  /** Tasks at a time; default 2. */
  readonly width?: number;
  /** After this many attempts a task is given up; default 3. Those that found no model to ask do not count. */
  readonly mostAttempts?: number;
  /** Rest when there was nobody to work with, doubling up to 16 times that; default 1 s. */
  readonly restMs?: number;
  /** A task that waits for somebody to work with for so long is given up; default 15 min. */
  readonly giveUpMs?: number;
  readonly now: () => number;
}

/** Takes tasks from the queue, a few at a time, and tells the bus what came of them. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #width: number;
  readonly #mostAttempts: number;
  readonly #running = new Set<Promise<void>>();
  #rests = 0;
  #rest: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#width = options.width ?? 2;
    this.#mostAttempts = options.mostAttempts ?? 3;
    options.together(() => {
      for (const task of options.tasks.recover(this.#mostAttempts)) this.#tell(task);
    });
    this.wake();
  }

  /** To be called when there is something to do. */
  wake(): void {
    while (!this.#isClosed && !this.#rest && this.#running.size < this.#width) {
      const task = this.#options.tasks.take();
      if (!task) return;
      const run = this.#run(task).finally(() => {
        this.#running.delete(run);
        this.wake();
      });
      this.#running.add(run);
    }
  }

  /** What is running is left as it is: the next life takes it up again. */
  async close(graceMs = 2000): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#rest);
    const patience = new Promise((resolve) => setTimeout(resolve, graceMs).unref());
    await Promise.race([Promise.all(this.#running), patience]);
  }

  async #run(task: Task): Promise<void> {
    const { tasks, work, together, giveUpMs = 900_000, now } = this.#options;
    try {
      const outcome = await work(task);
      if (this.#isClosed) return;
      this.#rests = 0;
      together(() => {
        tasks.complete(task.id, outcome);
        this.#tell(tasks.get(task.id) as Task);
      });
    } catch (error) {
      if (this.#isClosed) return;
      const reason = messageOf(error);
      const mayWait = error instanceof Unavailable && now() - task.createdAt < giveUpMs;
      if (mayWait || (error instanceof NoToolAnswered && task.attempts < this.#mostAttempts)) {
        tasks.putBack(task.id, reason, !mayWait);
        return this.#pause(reason);
      }
      log(`task ${task.id} failed: ${reason}`);
      together(() => {
        tasks.fail(task.id, reason, []);
        this.#tell(tasks.get(task.id) as Task);
      });
    }
  }

  #pause(reason: string): void {
    if (this.#rests === 0) log(`tasks wait: ${reason}`);
    const ms = (this.#options.restMs ?? 1000) * 2 ** Math.min(4, this.#rests++);
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      this.#rest = undefined;
      this.wake();
    }, ms);
  }

  #tell({ id, owner, status, planner, reason, steps }: Task): void {
    const tools = steps.map(({ tool }) => tool);
    const data = { id, owner, planner, tools, ...(reason === null ? {} : { reason }) };
    this.#options.outbox.add(status === 'done' ? 'task-completed' : 'task-failed', data, { key: id });
  }
}
