import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { VirtualAuthenticator } from '../../organs/mint/authenticator.fixture.ts';
import { passkeyText } from '../../organs/mint/organ.ts';
import { ed25519Signer, mlDsaSigner } from '../../organs/mint/selftest.ts';
import { signerId } from '../../organs/mint/signatures.ts';
import type { InstanceStatus, StatusDocument } from '../../src/core/status.ts';
import { Caller, type CallerOptions } from './rig/caller.ts';
import { rig, type System } from './rig.ts';

/** Azora OS as it is in this checkout, with a state folder of its own. */
const root = resolve(import.meta.dirname, '../..');
const here = { AZORA_FILE: join(root, 'azora.yaml'), AZORA_STATE_DIR: '.azora', MONITORING_INTERVAL_MS: '2000' };

async function azoraOs(options: CallerOptions = {}): Promise<{ system: System; caller: Caller }> {
  const system = await rig.system({ yaml: { organs: {} }, env: here });
  await system.expect(0, ['up', '-d'], { timeoutMs: 120_000 });
  return { system, caller: new Caller((await system.instance('api-gateway')).url ?? '', options) };
}

/** A user's day, from signing up to reading the proof of what happened. Throws at the first thing that is not right. */
async function aDay(user: Caller, username: string): Promise<void> {
  // who I am
  const password = 'correct horse battery';
  await user.post('/auth/signup', { username, password }, { orElse: [409] }); // 409: an answer that was lost had let me in
  const { token } = await user.post('/auth/login', { username, password });
  expect(await user.status('GET', '/mint/tvl')).toBe(401);
  user.token = token;
  expect(await user.get('/users/me')).toMatchObject({ username });

  // school
  const { id: learner } = await user.post('/sapiens/learners', { name: 'Thandi', level: '8' });
  const [course] = await user.get('/sapiens/courses?level=8');
  await user.post('/sapiens/enrolments', { learner, course: course.code }, { orElse: [422] });
  expect((await user.get(`/sapiens/learners/${learner}`)).enrolments).toMatchObject([
    { course: course.code, state: 'active' },
  ]);

  // a wallet that two of three must sign for, one of them by ML-DSA, and that a passkey must confirm
  const [ann, ben, carol] = [ed25519Signer(), await mlDsaSigner(), ed25519Signer()];
  const signers = [ann, ben, carol].map(({ key }) => key);
  const wallet = await user.post('/mint/wallets', { name: 'household', threshold: 2, signers, requiresPasskey: true });
  const approvals = (text: string) =>
    [ben, ann].map(({ key, sign }) => ({ signer: signerId(key), signature: sign(text) }));
  const phone = new VirtualAuthenticator('http://localhost');
  const creation = await user.post(`/mint/wallets/${wallet.id}/passkeys/options`);
  await user.post(
    `/mint/wallets/${wallet.id}/passkeys`,
    { response: phone.create(creation), approvals: approvals(passkeyText(wallet.id, creation.challenge)) },
    { orElse: [409, 422] },
  );

  // coins, by mining, and a payment
  await user.post('/covenant/mine', { miner: wallet.address });
  const before = (await user.get(`/mint/wallets/${wallet.id}`)).balance;
  expect(before).toBeGreaterThan(0);
  const shop = (
    await user.post('/mint/wallets', { name: 'shop', threshold: 1, signers: [carol.key], requiresPasskey: false })
  ).address;
  const transfer = await user.post(`/mint/wallets/${wallet.id}/transfers`, { to: shop, amount: 300, memo: 'bread' });
  const [first, second] = approvals(transfer.approvalText);
  const approve = (approval: typeof first) =>
    user.post(`/mint/transfers/${transfer.id}/approvals`, approval, { orElse: [409] });
  await approve(first);
  expect((await user.get(`/mint/transfers/${transfer.id}`)).status).toBe('proposed'); // one of two, and no passkey yet
  await approve(second);
  expect((await user.get(`/mint/transfers/${transfer.id}`)).status).toBe('proposed');
  await user.until(`/mint/transfers/${transfer.id}`, async ({ status }) => {
    if (status !== 'proposed') return true;
    const request = await user.post(`/mint/transfers/${transfer.id}/passkey/options`, {}, { orElse: [409] });
    if (request.challenge)
      await user.post(
        `/mint/transfers/${transfer.id}/passkey`,
        { response: phone.get(request) },
        { orElse: [409, 422] },
      );
    return false;
  });
  await user.until(`/mint/transfers/${transfer.id}`, async ({ status }) => {
    expect(status).not.toMatch(/review|rejected|failed/);
    if (status === 'settled') return true;
    if (status === 'submitted') await user.post('/covenant/mine', {});
    return false;
  });
  expect(await user.get(`/covenant/balances/${shop}`)).toMatchObject({ balance: 300 });
  expect((await user.get(`/mint/wallets/${wallet.id}`)).balance).toBe(before - 300);
  expect(await user.get('/covenant/chain/valid?full=true')).toMatchObject({ valid: true });

  // the event, at both replicas of analytics
  const seenBy = new Set<string>();
  await user.until('/analytics/dashboards/overview?topic=mint', async ({ topics, replicas }) => {
    if (countOf({ topics }, 'mint', 'transfer-settled') >= 1)
      seenBy.add(replicas.find(({ from }: { from: string }) => from === 'self').instance);
    return seenBy.size === 2;
  });
  expect([...seenBy].toSorted()).toEqual(['analytics-1', 'analytics-2']);

  // a question, answered from the documents
  const { id: task } = await user.post('/agent/tasks', {
    goal: 'For how long are the EdDSA tokens of aegis good?',
    key: `${username}-1`,
  });
  const answered = await user.until(`/agent/tasks/${task}`, async ({ status }) => {
    expect(status).not.toBe('failed');
    return status === 'done';
  });
  expect(answered).toMatchObject({ planner: 'rules', steps: [{ tool: 'search_docs' }] });
  const { passages } = answered.steps[0].output;
  expect(passages.map(({ quote }: { quote: string }) => quote).join()).toMatch(/tokens are EdDSA JWTs for one hour/);
  for (const { quote, path, line } of passages) {
    expect(answered.answer).toContain(`${path}:${line}`);
    const from = readFileSync(join(root, path), 'utf8')
      .split('\n')
      .slice(line - 1)
      .join(' ');
    expect(wordsIn(from)).toContain(wordsIn(quote)); // it stands there, word by word
  }

  // the same door as any model's, streamed
  const stream = await user.text('/llm/v1/chat/completions', {
    messages: [{ role: 'user', content: 'For how long are the EdDSA tokens of aegis good?' }],
    stream: true,
  });
  const chunks = stream.split('\n\n').filter(Boolean);
  expect(chunks.at(-1)).toBe('data: [DONE]');
  const said = chunks.slice(0, -1).map((chunk) => JSON.parse(chunk.replace('data: ', '')));
  expect(new Set(said.map(({ model }) => model))).toEqual(new Set(['azora-extractive'])); // it says what it is
  expect(said.map(({ choices }) => choices[0]?.delta?.content ?? '').join('')).toMatch(/for one hour/);

  // a forecast, once a window of ten seconds is over
  const forecast = await user.until(
    '/oracle/forecasts?topic=covenant&type=block-mined&step=10s&horizon=3',
    async ({ forecast }) => forecast !== undefined,
  );
  expect(forecast.forecast).toHaveLength(3);
  for (const { value, low, high } of forecast.forecast) expect(low <= value && value <= high).toBe(true);

  // the trail of all this, which proves itself
  const trail = await user.until('/compliance/audit/verify', async ({ entries }) => entries >= 8);
  expect(trail).toMatchObject({ valid: true });
  expect((await trailOf(user)).length).toBeGreaterThanOrEqual(trail.entries);
}

/** The words, without the marks of Markdown. */
const wordsIn = (text: string) => (text.replace(/\]\([^)]*\)/g, ']').match(/[\p{L}\p{N}]+/gu) ?? []).join(' ');

/** What was counted of each topic and type of event, and by whom. */
interface Counted {
  readonly topics: readonly { topic: string; events: number; types: readonly { type: string; events: number }[] }[];
}

function countOf({ topics }: Counted, topic: string, type: string): number {
  const of = topics.find((one) => one.topic === topic);
  return of?.types.find((one) => one.type === type)?.events ?? 0;
}

/** No event was lost and none was counted twice, wherever they went: what the organs have is what was counted of it. */
async function everythingAddsUp(user: Caller, days: number): Promise<void> {
  const { height } = await user.get('/covenant/chain/valid?full=true');
  const { learners, enrolments } = await user.get('/sapiens/statistics');
  const truth: [topic: string, type: string, events: number][] = [
    ['aegis', 'identity-created', days],
    ['user-service', 'account-opened', days],
    ['mint', 'transfer-settled', days],
    ['covenant', 'block-mined', height],
    ['sapiens', 'learner-admitted', learners],
    ['sapiens', 'learner-enrolled', Object.values<number>(enrolments).reduce((sum, n) => sum + n, 0)],
  ];
  let found: unknown;
  const agrees = async (counted: Counted) => {
    found = truth.map(([topic, type]) => [topic, type, countOf(counted, topic, type)]);
    return JSON.stringify(found) === JSON.stringify(truth);
  };
  await user.until('/analytics/dashboards/overview', agrees).catch((error) => {
    expect(found).toEqual(truth);
    throw error;
  });

  // the trail holds each of them once, but for what compliance itself has told
  await user.until('/compliance/audit/verify', async () => {
    const { topics } = await user.get('/analytics/dashboards/overview');
    const told = topics.filter(({ topic }: { topic: string }) => topic !== 'compliance');
    const events = told.reduce((sum: number, one: { events: number }) => sum + one.events, 0);
    return (await trailOf(user)).filter(({ kind }) => kind === 'event').length === events;
  });

  // the oracle's series has every payment, once their windows are over
  await user.until('/oracle/series?topic=mint&type=transfer-settled&step=10s', async ({ points }) => {
    return points?.reduce((sum: number, { value }: { value: number }) => sum + value, 0) === days;
  });
}

/** The inventory has every organ in its category, and monitoring has read what each instance tells of itself. */
async function everyoneIsSeen(user: Caller): Promise<void> {
  const { organs } = parse(readFileSync(join(root, 'azora.yaml'), 'utf8')) as {
    organs: Record<string, { category: string; replicas?: number }>;
  };
  const inventory = await user.get('/system/inventory');
  const listed = inventory.organs.map(({ name, category }: { name: string; category: string }) => [name, category]);
  expect(listed.toSorted()).toEqual(
    Object.entries(organs)
      .map(([name, { category }]) => [name, category])
      .toSorted(),
  );
  const instances = Object.values(organs).reduce((sum, { replicas = 1 }) => sum + replicas, 0);
  await user.until('/monitoring/targets', async ({ targets }) => {
    const read = targets.filter(
      ({ up, instance }: { up: boolean; instance: string }) => up && instance !== 'service-registry',
    );
    return read.length >= instances;
  });
  const { series } = await user.get('/monitoring/history?metric=covenant_height');
  expect(series.length).toBe(1);
}

interface Link {
  readonly seq: number;
  readonly at: number;
  readonly kind: string;
  readonly dataHash: string;
  readonly previousHash: string;
  readonly hash: string;
}

/** The whole audit trail, each entry of which must prove the one before it. */
async function trailOf(user: Caller): Promise<Link[]> {
  const links: Link[] = [];
  for (;;) {
    const proof = await user.get(`/compliance/audit/proof?from=${links.length + 1}&limit=1000`);
    links.push(...proof.links);
    if (proof.links.length < 1000) break;
  }
  let previous = '0'.repeat(64);
  for (const { seq, at, kind, dataHash, previousHash, hash } of links) {
    expect(previousHash).toBe(previous);
    previous = createHash('sha256')
      .update(JSON.stringify(['azora-audit-1', seq, at, kind, dataHash, previousHash]))
      .digest('hex');
    expect(hash).toBe(previous);
  }
  return links;
}

/** The same seed gives the same victims: `CHAOS_SEED=… vitest run …`. */
const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1e9);

describe('Azora OS, through its gateway only', () => {
  test('a user’s day', { timeout: 240_000 }, async () => {
    const { system, caller } = await azoraOs();
    await using _ = system;
    await aDay(caller, 'thandi');
    await everythingAddsUp(caller, 1);
    await everyoneIsSeen(caller);
    expect(caller.refusals).toEqual([]); // nobody was killed, so nothing was unavailable
    const { organs } = await system.waitFor(({ system: { status } }) => status === 'Operational', 60_000); // a busy machine may be slow once
    expect(new Set(organs.map(({ organ }) => organ)).size).toBeGreaterThanOrEqual(16);
    await system.expect(0, ['down'], { timeoutMs: 60_000 });
    await system.expectNothingLeft();
  });

  test(`a user’s day while organs are killed at random (seed ${seed})`, { timeout: 300_000 }, async () => {
    const { system, caller } = await azoraOs({ mayVanish: true });
    await using _ = system;
    const killer = new Killer(system, (await system.status()).organs, rig.full ? 40 : 8);
    const killing = killer.run();
    killing.catch(() => {}); // awaited below, once the day is over
    let days = 0;
    let refused = 0;
    do {
      const user = new Caller(caller.gateway, { mayVanish: true });
      await aDay(user, `sipho-${days++}`);
      refused += user.refusals.length;
      caller.token = user.token;
    } while (!killer.isDone);
    await killing;
    console.log(
      `${days} days; killed: ${killer.victims.join(' ')} (seed ${seed}); ${refused} requests had to be made again`,
    );
    const isWell = ({ organs }: StatusDocument) =>
      organs.every(({ state, health }) => state === 'ready' && health === 'Healthy');
    await system.waitFor(isWell, 90_000);
    expect(await caller.get('/compliance/audit/verify')).toMatchObject({ valid: true });
    expect(await caller.get('/covenant/chain/valid?full=true')).toMatchObject({ valid: true });
    await everythingAddsUp(caller, days);
    await system.expect(0, ['down'], { timeoutMs: 60_000 });
    await system.expectNothingLeft();
  });
});

/** Kills instances with -9, one after the other, each once those before it are back. None more than three times. */
class Killer {
  readonly victims: readonly string[];
  readonly #system: System;
  isDone = false;

  constructor(system: System, organs: readonly InstanceStatus[], kills: number) {
    this.#system = system;
    const thrice = organs.flatMap(({ instance }) => [instance, instance, instance]);
    const [shuffled = []] = fc.sample(fc.shuffledSubarray(thrice, { minLength: kills, maxLength: kills }), {
      seed,
      numRuns: 1,
    });
    this.victims = shuffled;
  }

  async run(): Promise<void> {
    try {
      for (const victim of this.victims) await this.#kill(victim);
    } finally {
      this.isDone = true;
    }
  }

  async #kill(victim: string): Promise<void> {
    const living = await this.#whenReady(victim, 0);
    process.kill(living, 'SIGKILL');
    await this.#whenReady(victim, living);
  }

  /** Its process id, once it is ready and not `before`. */
  async #whenReady(victim: string, before: number): Promise<number> {
    const found = ({ organs }: StatusDocument) =>
      organs.find(({ instance, state, pid }) => instance === victim && state === 'ready' && pid !== before);
    return found(await this.#system.waitFor((status) => found(status) !== undefined, 60_000))?.pid ?? 0;
  }
}
