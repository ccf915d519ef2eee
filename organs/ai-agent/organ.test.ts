import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Hono } from 'hono';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { elara } from '../elara/organ.ts';
import { eventBus } from '../event-bus/organ.ts';
import { type BusEvent, Client, connectEvents, type Organ } from '../kit/index.ts';
import { type RunningOrgan, startOrgan, temporaryFolder } from '../kit/testing.ts';
import { llmWrapper } from '../llm-wrapper/organ.ts';
import { type AiAgentOptions, aiAgent } from './organ.ts';
import { planByRules } from './rules.ts';

const root = join(import.meta.dirname, '../..');
const WAIT = { timeout: 8000 };
const settings = { dailyTokens: 100_000, documents: root };

/** A model that says what it is told to, in turn, and remembers what it was asked. */
async function model(...turns: ((messages: { role: string; content: string }[]) => object)[]) {
  const asked: { messages: { role: string; content: string }[]; tools: { function: { name: string } }[] }[] = [];
  const app = new Hono().post('/v1/chat/completions', async (c) => {
    const body = await c.req.json();
    asked.push(body);
    const turn = turns[Math.min(asked.length, turns.length) - 1];
    return c.json({
      model: 'big',
      choices: [{ message: { role: 'assistant', ...turn?.(body.messages) }, finish_reason: 'stop' }],
    });
  });
  const running = await startOrgan({ name: 'upstream', app, health: () => ({ status: 'pass' }) });
  return { upstream: { url: `${running.url}/v1`, key: null, model: 'big', timeoutMs: 2000 }, asked };
}
const calls = (name: string, input: unknown, id = 'c1') => ({
  content: null,
  tool_calls: [
    { id, type: 'function', function: { name, arguments: typeof input === 'string' ? input : JSON.stringify(input) } },
  ],
});

async function surroundings(upstream: Awaited<ReturnType<typeof model>>['upstream'] | null = null) {
  const bus = await startOrgan(eventBus({ folder: temporaryFolder() }));
  const wrapper = await startOrgan(llmWrapper({ folder: temporaryFolder(), upstream, ...settings }));
  const guide = await startOrgan(await elara({ folder: temporaryFolder() }));
  const env = { EVENT_BUS_URL: bus.url, LLM_WRAPPER_URL: wrapper.url, ELARA_URL: guide.url };
  return { bus, wrapper, env };
}

function agent(env: NodeJS.ProcessEnv, more: Partial<AiAgentOptions> = {}): Promise<RunningOrgan> {
  const client = new Client({ env, resetMs: 20, cacheMs: 0 });
  const bus = connectEvents({ source: 'ai-agent', client, env });
  const options = { folder: temporaryFolder(), instance: 'ai-agent-1', client, bus, worker: { restMs: 20 }, ...more };
  return startOrgan(aiAgent(options));
}

const ended = (organ: RunningOrgan, id: string, headers = {}) =>
  vi.waitUntil(async () => {
    const { body } = await organ.get(`/tasks/${id}`, headers);
    return body.status === 'done' || body.status === 'failed' ? body : null;
  }, WAIT);

async function listen(env: NodeJS.ProcessEnv): Promise<BusEvent[]> {
  const heard: BusEvent[] = [];
  const bus = connectEvents({ source: 'test', env });
  bus.subscribe({ topics: ['ai-agent'], group: 'test' }, (events) => void heard.push(...events));
  onTestFinished(() => bus.close());
  return heard;
}

describe('without a model', () => {
  test('rules choose the tools, the answer says so, and the bus hears of it', async () => {
    const { env } = await surroundings();
    const a = await agent(env);
    const { status, body: task } = await a.post('/tasks', { goal: 'How long are tokens of aegis valid?' });
    expect(status).toBe(202);
    const done = await ended(a, task.id);
    expect(done).toMatchObject({ status: 'done', planner: 'rules', steps: [{ tool: 'search_docs' }], attempts: 1 });
    expect(done.answer).toMatch(/^No language model is at hand.*search_docs.*> .*\(.*\.md:\d+\)/s);
    const heard = await listen(env);
    await vi.waitFor(
      () =>
        expect(heard).toMatchObject([
          { type: 'task-completed', key: task.id, data: { id: task.id, tools: ['search_docs'] } },
        ]),
      WAIT,
    );
  });

  test.each([
    ['What is the balance of 302a300506032b6570032100aabbccddeeff00112233445566778899?', ['get_balance']],
    ['Forecast mint transfer-settled for tomorrow', ['forecast']],
    ['Should we restart the mint now?', ['guidance']],
    ['Is the chain valid, and what is the TVL?', ['chain_status', 'total_value_locked']],
    ['How many learners are enrolled?', ['education_statistics']],
    ['What does azora up do?', ['search_docs']],
  ])('%s → %j', (goal, tools) => {
    expect(planByRules(goal).map(({ tool }) => tool)).toEqual(tools);
  });
});

describe('a model', () => {
  test('chooses tools until it has an answer', async () => {
    const m = await model(
      () => calls('guidance', { question: 'May the system begin to serve its learners?' }),
      (messages) => ({ content: `Elara says ${JSON.parse(messages.at(-1)?.content ?? '{}').action}.` }),
    );
    const { env } = await surroundings(m.upstream);
    const a = await agent(env);
    const { body } = await a.post('/tasks', { goal: 'May we serve learners?' });
    expect(await ended(a, body.id)).toMatchObject({
      status: 'done',
      planner: 'big',
      answer: 'Elara says proceed.',
      steps: [{ tool: 'guidance', output: { action: 'proceed' } }],
    });
    expect(m.asked[0]?.tools.map((tool) => tool.function.name)).toContain('search_docs');
    expect(m.asked[1]?.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool']);
  });

  test('is told when a tool is not there, its input is wrong, or it fails', async () => {
    const m = await model(
      () => calls('format_disk', {}),
      () => calls('get_balance', 'not JSON'),
      () => calls('get_balance', { address: 'a b' }),
      () => calls('total_value_locked', {}),
      () => ({ content: 'I could not find out.' }),
    );
    const { env } = await surroundings(m.upstream);
    const a = await agent(env);
    const done = await ended(a, (await a.post('/tasks', { goal: 'try' })).body.id);
    expect(done).toMatchObject({ status: 'done', answer: 'I could not find out.' });
    expect(done.steps.map(({ error }: { error: string }) => error.split('\n')[0])).toEqual([
      'there is no tool format_disk',
      expect.stringMatching(/the input is wrong/),
      expect.stringMatching(/the input is wrong/),
      expect.stringMatching(/no instance of mint/),
    ]);
  });

  test('that never ends is ended', async () => {
    const m = await model(() => calls('guidance', { question: 'again?' }));
    const { env } = await surroundings(m.upstream);
    const a = await agent(env);
    const failed = await ended(a, (await a.post('/tasks', { goal: 'loop' })).body.id);
    expect(failed).toMatchObject({ status: 'failed', reason: expect.stringMatching(/no answer in 8 rounds/) });
    const heard = await listen(env);
    await vi.waitFor(() => expect(heard).toMatchObject([{ type: 'task-failed' }]), WAIT);
  });
});

describe('a task', () => {
  test('survives kill -9 of its process, and is done by the next one', { timeout: 30_000 }, async () => {
    let isOpen = false;
    const gate = await startOrgan({
      name: 'llm-wrapper',
      app: new Hono().post('/v1/chat/completions', async (c) =>
        isOpen
          ? c.json({ model: 'big', choices: [{ message: { content: 'at last' } }] })
          : new Promise<Response>(() => {}),
      ),
      health: () => ({ status: 'pass' }),
    });
    const folder = temporaryFolder();
    const start = async () => {
      const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, FOLDER: folder, LLM_WRAPPER_URL: gate.url };
      const child = spawn(process.execPath, [join(import.meta.dirname, 'task.fixture.ts')], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      const [said] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
      return { child, url: /http:\S+/.exec(said)?.[0] ?? '' };
    };
    const first = await start();
    const accepted = await fetch(`${first.url}/tasks`, { method: 'POST', body: '{"goal":"wait"}' });
    const { id } = (await accepted.json()) as { id: string };
    await vi.waitFor(async () =>
      expect(await (await fetch(`${first.url}/tasks/${id}`)).json()).toMatchObject({ status: 'running' }),
    );
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    isOpen = true;
    const second = await start();
    await vi.waitFor(
      async () =>
        expect(await (await fetch(`${second.url}/tasks/${id}`)).json()).toMatchObject({
          status: 'done',
          answer: 'at last',
          attempts: 2,
        }),
      WAIT,
    );
  });

  test('given twice under one key is one task, whichever replica gets it; any replica tells how it is', async () => {
    const { env } = await surroundings();
    const instances: { instance: string; url: string; health: string }[] = [];
    const registry: Organ = {
      name: 'registry',
      health: () => ({ status: 'pass' }),
      app: new Hono().get('/services', (c) =>
        c.json([{ name: 'ai-agent', url: 'http://x', health: 'Healthy', instances, metadata: {} }]),
      ),
    };
    const { url } = await startOrgan(registry);
    const both = { ...env, AZORA_REGISTRY_URL: url };
    const replicas = [await agent(both), await agent(both, { instance: 'ai-agent-2' })] as const;
    for (const [i, replica] of replicas.entries())
      instances.push({ instance: `ai-agent-${i + 1}`, url: replica.url, health: 'Healthy' });
    const [one, two] = replicas;
    const ann = { 'x-azora-user': 'ann', 'idempotency-key': 'k1' };
    const { status, body } = await one.post('/tasks', { goal: 'What is azora?' }, ann);
    expect(status).toBe(202);
    expect(await two.post('/tasks', { goal: 'What is azora?' }, ann)).toMatchObject({
      status: 200,
      body: { id: body.id },
    });
    expect((await two.post('/tasks', { goal: 'something else' }, ann)).status).toBe(409);
    expect((await ended(two, body.id, ann)).status).toBe('done');
    expect((await two.get('/tasks', ann)).body.tasks.map(({ id }: { id: string }) => id)).toEqual([body.id]);
    const ben = { 'x-azora-user': 'ben' };
    expect((await two.get(`/tasks/${body.id}`, ben)).status).toBe(404);
    expect((await one.get(`/tasks/${body.id}`, ben)).status).toBe(404);
    expect((await two.get('/tasks', ben)).body.tasks).toEqual([]);
    await one.stop();
    expect(await two.get(`/tasks/${body.id}`, ann)).toMatchObject({
      status: 503,
      body: { message: expect.stringMatching(/ai-agent-1/) },
    });
  });

  test('waits while llm-wrapper is away, and is done once it is back', async () => {
    const { env, wrapper } = await surroundings();
    await wrapper.stop(0);
    const a = await agent(env, { oldMs: 0 });
    const { body } = await a.post('/tasks', { goal: 'What is azora?' });
    await vi.waitFor(async () =>
      expect((await a.get(`/tasks/${body.id}`)).body.reason).toMatch(/llm-wrapper cannot be reached/),
    );
    expect(await a.get('/healthz')).toMatchObject({
      status: 503,
      body: { status: 'fail', reason: expect.stringMatching(/llm-wrapper is gone/) },
    });
    const { listen: listenAt } = await import('../kit/index.ts');
    const again = await listenAt(
      llmWrapper({ folder: temporaryFolder(), upstream: null, ...settings }),
      wrapper.port,
      '127.0.0.1',
    );
    onTestFinished(() => again.stop(0));
    expect((await ended(a, body.id)).status).toBe('done');
  });

  test.each([[{}], [{ goal: '' }], [{ goal: 5 }], [{ goal: 'x', extra: 1 }], [{ goal: 'x'.repeat(4001) }]])(
    '%j is refused',
    async (body) => {
      expect((await (await agent({})).post('/tasks', body)).status).toBe(400);
    },
  );
});

test('health warns when the queue is old', async () => {
  const { env } = await surroundings();
  const a = await agent(env, { worker: { width: 0 }, oldMs: 10 });
  await a.post('/tasks', { goal: 'wait' });
  await vi.waitFor(async () =>
    expect((await a.get('/healthz')).body).toMatchObject({
      status: 'warn',
      metrics: { queued: 1 },
      reason: expect.stringMatching(/queue is old/),
    }),
  );
});
