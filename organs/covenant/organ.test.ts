import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { type RunningOrgan, startOrgan, temporaryFolder } from '../kit/testing.ts';
import { generateKeys, type KeyPair } from './keys.ts';
import { type CovenantOptions, covenant } from './organ.ts';
import { RULES, type Rules } from './rules.ts';
import { signTransaction, type Transaction } from './transaction.ts';

const EASY: Rules = { ...RULES, initialDifficulty: 4, minDifficulty: 4, maxDifficulty: 6, reward: 100 };
/** toMatchObject takes any string for a bare pattern. */
const matching = (pattern: RegExp) => expect.stringMatching(pattern);
const [alice, bob] = [generateKeys(), generateKeys()];

const start = async (options: Partial<CovenantOptions> = {}): Promise<RunningOrgan> =>
  startOrgan(await covenant({ folder: temporaryFolder(), rules: EASY, autoMineMs: 0, ...options }));

const pay = (from: KeyPair, to: KeyPair, amount: number, nonce: number, memo = ''): Transaction =>
  signTransaction({ to: to.address, amount, nonce, memo }, from, EASY.network);

const mine = (node: RunningOrgan, miner = alice) => node.post('/mine', { miner: miner.address });
const balance = async (node: RunningOrgan, { address }: KeyPair) => (await node.get(`/balances/${address}`)).body;
const blocksOf = async (node: RunningOrgan) => (await node.get('/chain?limit=1000')).body.blocks;

describe('the chain', () => {
  test('begins with a valid genesis', async () => {
    const node = await start();
    expect((await node.get('/blocks/0')).body).toMatchObject({ height: 0, transactions: [], reward: 0 });
    expect((await node.get('/chain/valid?full=true')).body).toMatchObject({ valid: true, height: 0 });
    expect(await node.get('/healthz')).toMatchObject({ status: 200, body: { status: 'pass', metrics: { height: 0 } } });
    expect(await node.get('/blocks/1')).toMatchObject({
      status: 404,
      body: { message: matching(/no block 1, the last is 0/) },
    });
  });

  test('moves coins from miner to payee, once mined', async () => {
    const node = await start();
    expect(await mine(node)).toMatchObject({ status: 201, body: { height: 1, reward: 100, miner: alice.address } });
    const { status, body } = await node.post('/transactions', pay(alice, bob, 30, 0));
    expect(status).toBe(201);
    expect(await balance(node, alice)).toMatchObject({ balance: 100, available: 70, nonce: 1 });
    expect((await node.get(`/transactions/${body.id}`)).body).toMatchObject({ status: 'pending' });
    expect((await mine(node, bob)).body).toMatchObject({ height: 2, transactions: 1 });
    expect(await balance(node, bob)).toMatchObject({ balance: 130 });
    expect((await node.get(`/balances?addresses=${alice.address},${bob.address}`)).body.balances).toMatchObject([
      { balance: 70 },
      { balance: 130 },
    ]);
    expect((await node.get(`/transactions/${body.id}`)).body).toMatchObject({
      status: 'confirmed',
      height: 2,
      confirmations: 1,
      transaction: { amount: 30 },
    });
    expect((await node.get('/mempool')).body).toMatchObject({ size: 0, oldestMs: 0 });
  });

  const refusals: [string, unknown, number, RegExp][] = [
    ['an overdraft', pay(alice, bob, 91, 1), 422, /has 90, not 91/],
    ['a replay', pay(alice, bob, 10, 0), 409, /nonce 0 was used already/],
    ['a gap', pay(alice, bob, 1, 5), 422, /leaves a gap, the next is 1/],
    ['a wrong signature', { ...pay(alice, bob, 1, 1), amount: 2 }, 422, /signature is not that of/],
    ['a fraction', { ...pay(alice, bob, 1, 1), amount: 0.5 }, 400, /body\.amount/],
    ['a negative amount', pay(alice, bob, -1, 1), 400, /body\.amount/],
    ['an unknown field', { ...pay(alice, bob, 1, 1), fee: 1 }, 400, /"fee"/],
    ['no address', { ...pay(alice, bob, 1, 1), to: 'bob' }, 400, /body\.to: must be an Ed25519 public key/],
  ];
  test.each(refusals)('refuses %s', async (_, transaction, status, message) => {
    const node = await start();
    await mine(node);
    expect((await node.post('/transactions', pay(alice, bob, 10, 0))).status).toBe(201);
    expect(await node.post('/transactions', transaction)).toMatchObject({
      status,
      body: { message: matching(message) },
    });
    expect((await node.get('/mempool')).body.size).toBe(1);
  });

  test('survives a restart, with what waits in the mempool', async () => {
    const folder = temporaryFolder();
    const before = await start({ folder });
    await mine(before);
    await before.post('/transactions', pay(alice, bob, 10, 0));
    await before.stop();
    const after = await start({ folder });
    expect(await balance(after, alice)).toMatchObject({ balance: 100, available: 90, nonce: 1 });
    expect((await mine(after, bob)).body).toMatchObject({ height: 2, transactions: 1 });
    expect(await balance(after, bob)).toMatchObject({ balance: 110 });
  });

  test('its self-test pays for real, also on an empty chain', async () => {
    const node = await start();
    expect(await node.post('/selftest/transaction')).toMatchObject({
      status: 201,
      body: { transaction: { amount: 1 } },
    });
    expect((await node.post('/mine')).body).toMatchObject({ height: 2, transactions: 1 });
    expect((await node.get('/chain/valid?full=true')).body.valid).toBe(true);
  });

  test('mines one block after the other when many ask at once', async () => {
    const node = await start();
    const mined = await Promise.all(Array.from({ length: 5 }, () => mine(node)));
    expect(mined.map(({ body }) => body.height).toSorted()).toEqual([1, 2, 3, 4, 5]);
    expect((await node.get('/chain/valid?full=true')).body).toMatchObject({ valid: true, height: 5 });
  });

  test('mines by itself what waits', async () => {
    const node = await start({ autoMineMs: 5 });
    await mine(node);
    const { body } = await node.post('/transactions', pay(alice, bob, 10, 0));
    await vi.waitFor(async () => expect((await node.get(`/transactions/${body.id}`)).body.status).toBe('confirmed'));
  });

  test('an old mempool is a warning until it is mined', async () => {
    let now = Date.now();
    const node = await start({ now: () => now, mempoolWarnMs: 60_000 });
    await mine(node);
    await node.post('/transactions', pay(alice, bob, 10, 0));
    now += 60_000;
    expect((await node.get('/healthz')).body.status).toBe('pass');
    now += 1000;
    expect(await node.get('/healthz')).toMatchObject({
      status: 200,
      body: { status: 'warn', reason: matching(/mempool old: .* 61 s/) },
    });
    await mine(node);
    expect((await node.get('/healthz')).body.status).toBe('pass');
  });
});

describe('a chain file that somebody changed', () => {
  const lines = (text: string) => text.trimEnd().split('\n');
  const changes: [string, (text: string) => string | undefined, RegExp][] = [
    ['an amount', (text) => text.replace('"amount":10', '"amount":99'), /block 2: its hash does not match its content/],
    [
      'a proof',
      (text) => text.replace(/"hash":"\w+"}\n$/, `"hash":"${'0'.repeat(64)}"}\n`),
      /block 3: its hash does not/,
    ],
    ['a block taken out', (text) => `${lines(text).toSpliced(1, 1).join('\n')}\n`, /block 2: the block after 0 must/],
    ['the last block cut off', (text) => `${lines(text).slice(0, -1).join('\n')}\n`, /block 3: it is missing/],
    ['a line torn in half', (text) => text.slice(0, -20), /block 3: its line is not JSON/],
    ['a space', (text) => text.replace('"height":2', '"height": 2'), /block 2: its line is not as it was written/],
    ['its last line feed', (text) => text.slice(0, -1), /block 3: its line does not end/],
    ['an unknown field', (text) => text.replace('"height":1', '"x":1,"height":1'), /block 1: .*"x"/],
    ['another genesis', (text) => text.replace(/"nonce":\d+/, '"nonce":1234567'), /block 0: it is not the genesis/],
    ['everything gone', () => '', /block 0: it is missing/],
    ['the file removed', () => undefined, /chain\.jsonl is gone/],
  ];

  test.each(changes)('%s: Critical at the next check, and well once it is put right', async (_, change, reason) => {
    const folder = temporaryFolder();
    const path = join(folder, 'chain.jsonl');
    const node = await start({ folder });
    await mine(node);
    await node.post('/transactions', pay(alice, bob, 10, 0));
    await mine(node);
    await mine(node);
    expect((await node.get('/healthz')).body.status).toBe('pass');

    const text = readFileSync(path, 'utf8');
    const { atime, mtime } = statSync(path);
    const changed = change(text);
    expect(changed).not.toBe(text);
    if (changed === undefined) rmSync(path);
    else writeFileSync(path, changed);
    if (changed !== undefined) utimesSync(path, atime, mtime); // as one would who hides the change

    expect(await node.get('/healthz')).toMatchObject({
      status: 503,
      body: { status: 'fail', reason: matching(reason) },
    });
    expect((await node.get('/chain/valid')).body).toMatchObject({ valid: false, reason: matching(reason) });
    expect(await mine(node)).toMatchObject({ status: 503, body: { message: matching(reason) } });
    expect((await node.post('/transactions', pay(alice, bob, 10, 1))).status).toBe(503);

    writeFileSync(path, text);
    expect((await node.get('/healthz')).body.status).toBe('pass');
    expect((await mine(node)).body.height).toBe(4);
  });

  test('another valid chain in its place is not the accepted one', async () => {
    const folder = temporaryFolder();
    const node = await start({ folder });
    await mine(node);
    const otherFolder = temporaryFolder();
    const other = await start({ folder: otherFolder });
    await mine(other, bob);
    writeFileSync(join(folder, 'chain.jsonl'), readFileSync(join(otherFolder, 'chain.jsonl')));
    const reason = /block 1: it is valid, but not the one that was accepted/;
    expect((await node.get('/healthz')).body).toMatchObject({ status: 'fail', reason: matching(reason) });
  });

  test('changed while covenant was down: it starts, says so, and goes on once it is put right', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'chain.jsonl');
    const before = await start({ folder });
    for (let i = 0; i < 3; i++) await mine(before);
    await before.post('/transactions', pay(alice, bob, 250, 0));
    await before.stop();
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('"height":2', '"height":5'));

    const after = await start({ folder });
    expect((await after.get('/healthz')).body).toMatchObject({
      status: 'fail',
      reason: matching(/block 5: the block after 1/),
    });
    expect((await mine(after)).status).toBe(503);
    writeFileSync(path, text);
    expect((await after.get('/healthz')).body).toMatchObject({ status: 'pass', metrics: { height: 3, mempool: 1 } });
    expect((await mine(after)).body).toMatchObject({ height: 4, transactions: 1 });
  });

  test('an equally long chain from another node heals it', async () => {
    const folder = temporaryFolder();
    const node = await start({ folder });
    await mine(node);
    await mine(node);
    const blocks = await blocksOf(node);
    expect((await node.post('/chain', { blocks })).status).toBe(409);
    const path = join(folder, 'chain.jsonl');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"reward":100', '"reward":900'));
    expect((await node.get('/healthz')).status).toBe(503);
    expect(await node.post('/chain', { blocks })).toMatchObject({ status: 200, body: { accepted: true, orphaned: 0 } });
    expect((await node.get('/healthz')).status).toBe(200);
  });

  test('a line torn by a power cut is dropped, the blocks before it stand', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'chain.jsonl');
    const before = await start({ folder });
    await mine(before);
    await before.stop();
    const text = readFileSync(path, 'utf8');
    for (const [tail, whole] of [
      [text.slice(0, -30), `${text.split('\n')[0]}\n`],
      [text.slice(0, -1), text],
    ] as const) {
      writeFileSync(path, tail);
      const after = await start({ folder });
      expect((await after.get('/healthz')).body.status).toBe('pass');
      expect(readFileSync(path, 'utf8')).toBe(whole);
      await after.stop();
    }
  });
});

describe('two nodes', () => {
  test('agree on the longer chain; what only the shorter one held waits again', async () => {
    const [here, there] = [await start(), await start()];
    await mine(here);
    await there.post('/chain', { blocks: await blocksOf(here) });
    await here.post('/transactions', pay(alice, bob, 10, 0));
    await mine(here, bob);
    await mine(there, bob);
    await mine(there, bob);

    const longer = await blocksOf(there);
    expect(await here.post('/chain', { blocks: longer })).toMatchObject({
      status: 200,
      body: { height: 3, orphaned: 1 },
    });
    expect(await balance(here, bob)).toMatchObject({ balance: 200, available: 210 });
    expect((await here.get('/mempool')).body).toMatchObject({ size: 1, transactions: [{ amount: 10 }] });
    expect((await here.get('/healthz')).body.status).toBe('pass');
    expect((await mine(here)).body).toMatchObject({ height: 4, transactions: 1 });
    expect((await here.get('/chain/valid?full=true')).body.valid).toBe(true);
  });

  const wrong: [string, (blocks: Record<string, unknown>[]) => unknown[], number, RegExp][] = [
    ['shorter', (blocks) => blocks.slice(0, 2), 409, /not longer/],
    ['no longer', (blocks) => blocks.slice(0, 3), 409, /not longer/],
    [
      'tampered',
      (blocks) => blocks.map((b) => (b.height === 2 ? { ...b, miner: bob.address } : b)),
      422,
      /block 2: its hash/,
    ],
    ['malformed', (blocks) => [...blocks.slice(0, 3), { height: 3 }], 422, /block 3: previousHash/],
    ['rootless', (blocks) => blocks.slice(1), 422, /block 0: it is not the genesis/],
    ['empty', () => [], 400, /body\.blocks/],
  ];
  test.each(wrong)('a %s chain is refused', async (_, change, status, message) => {
    const [here, there] = [await start(), await start()];
    for (let i = 0; i < 2; i++) await mine(here);
    for (let i = 0; i < 4; i++) await mine(there);
    const tip = (await here.get('/blocks/tip')).body.hash;
    const blocks = change(await blocksOf(there));
    expect(await here.post('/chain', { blocks })).toMatchObject({ status, body: { message: matching(message) } });
    expect((await here.get('/blocks/tip')).body.hash).toBe(tip);
  });

  test('a chain from the future is refused', async () => {
    const [here, there] = [await start(), await start({ now: () => Date.now() + 600_000 })];
    await mine(there);
    const answer = await here.post('/chain', { blocks: await blocksOf(there) });
    expect(answer).toMatchObject({ status: 422, body: { message: matching(/time lies in the future/) } });
  });
});
