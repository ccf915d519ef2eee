import { createHash, randomUUID } from 'node:crypto';
import { type Context, Hono } from 'hono';
import * as z from 'zod';
import {
  type Client,
  Conflict,
  type EventBus,
  type Health,
  messageOf,
  NotFound,
  type Organ,
  Outbox,
  openDatabase,
  readBody,
  readParams,
  readQuery,
  TooManyRequests,
  Unavailable,
} from '../kit/index.ts';
import { MIGRATIONS } from './schema.ts';
import { SIBLING_HEADER, Siblings } from './siblings.ts';
import { type Task, Tasks } from './tasks.ts';
import { think } from './thinking.ts';
import { describeTools, TOOLS, type Tool } from './tools.ts';
import { Worker, type WorkerOptions } from './worker.ts';

export interface AiAgentOptions {
  readonly folder: string;
  /** The name of this instance: its tasks are in a database of that name. */
  readonly instance: string;
  readonly client: Client;
  readonly bus?: EventBus;
  readonly tools?: readonly Tool[];
  readonly now?: () => number;
  readonly worker?: Pick<WorkerOptions, 'width' | 'restMs' | 'mostAttempts' | 'giveUpMs'>;
  /** A task that has waited longer makes the organ Degraded; default 60 s. */
  readonly oldMs?: number;
  /** Most tasks that may wait; default 1000. */
  readonly mostWaiting?: number;
}

const NewTask = z.strictObject({
  goal: z.string().trim().min(1).max(4000),
  key: z.string().min(1).max(200).optional(),
});
const TaskId = z.strictObject({ id: z.uuid() });
const Page = z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(50) });

/** Runs tasks with the other organs as tools. What was accepted is on disk, and done at least once. */
export function aiAgent(options: AiAgentOptions): Organ {
  const { folder, instance, client, bus, tools = TOOLS, now = Date.now, oldMs = 60_000, mostWaiting = 1000 } = options;
  const db = openDatabase(folder, instance, MIGRATIONS);
  const tasks = new Tasks(db, now);
  const outbox = new Outbox(db, { topic: 'ai-agent', bus });
  const siblings = new Siblings(client, instance);
  const worker = new Worker({
    tasks,
    outbox,
    work: ({ goal }) => think(goal, tools, client),
    together: (act) => db.transaction(act)(),
    now,
    ...options.worker,
  });

  /** A task of the caller's, here or at a sibling; null when there is none. */
  const find = async (c: Context, id: string): Promise<{ task: unknown; unheard: string[] }> => {
    const owner = ownerOf(c);
    const own = tasks.get(id);
    if (own) return { task: owner === null || own.owner === owner ? present(own) : null, unheard: [] };
    if (c.req.header(SIBLING_HEADER) !== undefined) return { task: null, unheard: [] };
    return siblings.find(id, owner);
  };

  const app = new Hono()
    .post('/tasks', async (c) => {
      const { goal, key = c.req.header('idempotency-key') } = await readBody(c, NewTask);
      const owner = ownerOf(c);
      const id = key === undefined ? randomUUID() : idOf(owner, key);
      const { task: known } = key === undefined ? { task: null } : await find(c, id);
      if (known !== null) {
        if ((known as Task).goal !== goal) throw new Conflict(`the key ${key} belongs to a task with another goal`);
        return c.json(known as object, 200);
      }
      if (tasks.counts().queued >= mostWaiting) throw new TooManyRequests(`${mostWaiting} tasks wait already`);
      const task = tasks.add(id, owner, goal);
      worker.wake();
      return c.json(present(task), 202, { location: `/tasks/${id}` });
    })
    .get('/tasks/:id', async (c) => {
      const { id } = readParams(c, TaskId);
      const { task, unheard } = await find(c, id);
      if (task !== null) return c.json(task as object);
      if (unheard.length > 0)
        throw new Unavailable(`the task ${id} is not here, and not all were heard: ${unheard.join('; ')}`);
      throw new NotFound(`there is no task ${id}`);
    })
    .get('/tasks', async (c) => {
      const { limit } = readQuery(c, Page);
      const owner = ownerOf(c);
      const own = tasks.list(owner, limit).map(present);
      const isSibling = c.req.header(SIBLING_HEADER) !== undefined;
      const others = isSibling ? { tasks: [], unheard: [] } : await siblings.list(owner, limit);
      const all = [...own, ...others.tasks].toSorted((a, b) => b.createdAt - a.createdAt).slice(0, limit);
      return c.json({ tasks: all, ...(others.unheard.length > 0 && { incomplete: others.unheard }) });
    })
    .get('/tools', (c) => c.json({ tools: describeTools(tools) }));

  const health = async (): Promise<Health> => {
    const { queued, running, done, failed } = tasks.counts();
    const oldestMs = tasks.oldestMs();
    const metrics = {
      queued,
      running,
      done,
      failed,
      oldestSeconds: Math.round(oldestMs / 1000),
      unpublished: outbox.waiting,
    };
    try {
      if ((await client.condition('llm-wrapper')) === 'sick') {
        return { status: 'warn', reason: 'llm-wrapper says that it is not well', metrics };
      }
    } catch (error) {
      return { status: 'fail', reason: `llm-wrapper is gone: ${messageOf(error)}`, metrics };
    }
    if (oldestMs > oldMs)
      return { status: 'warn', reason: `the queue is old: a task has waited ${metrics.oldestSeconds} s`, metrics };
    return { status: 'pass', metrics };
  };

  return {
    name: 'ai-agent',
    app,
    health,
    async close() {
      await worker.close();
      await outbox.close();
      client.close();
      db.close();
    },
  };
}

/** As the gateway says; what comes from another organ belongs to nobody in particular. */
function ownerOf(c: Context): string | null {
  return c.req.header('x-azora-user') ?? null;
}

/** The same for the same key of the same caller, on whichever replica: a UUID (version 8) of their hash. */
function idOf(owner: string | null, key: string): string {
  const hex = createHash('sha256')
    .update(JSON.stringify([owner, key]))
    .digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function present({ owner: _, ...task }: Task) {
  return task;
}
