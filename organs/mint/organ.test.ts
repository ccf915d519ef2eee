import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Hono } from 'hono';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { generateKeys } from '../covenant/keys.ts';
import { covenant } from '../covenant/organ.ts';
import { RULES, type Rules } from '../covenant/rules.ts';
import { Client, type Organ } from '../kit/index.ts';
import { type Answer, type RunningOrgan, startOrgan, temporaryFolder } from '../kit/testing.ts';
import { VirtualAuthenticator } from './authenticator.fixture.ts';
import { type MintOptions, mint, passkeyText } from './organ.ts';
import { ed25519Signer, mlDsaSigner } from './selftest.ts';
import { signerId } from './signatures.ts';

const EASY: Rules = { ...RULES, initialDifficulty: 4, minDifficulty: 4, maxDifficulty: 6, reward: 1000 };
const ORIGIN = 'https://mint.example';
const [ann, ben, carol] = [ed25519Signer(), await mlDsaSigner(), ed25519Signer()];
const shop = generateKeys().address;
const matching = (pattern: RegExp) => expect.stringMatching(pattern);

/** Aegis as far as mint needs it: its health and its public keys. */
async function aegis() {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'EdDSA', use: 'sig' };
  const app = new Hono().get('/.well-known/jwks.json', (c) => c.json({ keys: [jwk] }));
  const organ: Organ = { name: 'aegis', app, health: () => ({ status: 'pass' }) };
  const token = (roles: string[], issuer = 'aegis') =>
    new SignJWT({ roles })
      .setProtectedHeader({ alg: 'EdDSA', kid: 'k1' })
      .setSubject('rosa')
      .setIssuer(issuer)
      .setAudience('azora-os')
      .setExpirationTime('1m')
      .sign(privateKey);
  return { ...(await startOrgan(organ)), token };
}

async function system(options: Partial<MintOptions> = {}) {
  const ledger = await startOrgan(await covenant({ folder: temporaryFolder(), rules: EASY, autoMineMs: 0 }));
  const guard = await aegis();
  const folder = temporaryFolder();
  const start = () => {
    const client = new Client({ env: { COVENANT_URL: ledger.url, AEGIS_URL: guard.url }, resetMs: 20 });
    const party = { name: 'Test', id: 'mint.example', origin: ORIGIN };
    return startOrgan(mint({ folder, client, party, settleEveryMs: 5, ...options }));
  };
  return { ledger, guard, start, mint: await start() };
}

/** A 2-of-3 wallet of Ed25519 and ML-DSA signers that owns 1000 coins. */
async function wallet(to: { ledger: RunningOrgan; mint: RunningOrgan }, more: object = {}) {
  const signers = [ann, ben, carol].map(({ key }) => key);
  const { status, body } = await to.mint.post('/wallets', { name: 'household', threshold: 2, signers, ...more });
  expect(status).toBe(201);
  expect((await to.ledger.post('/mine', { miner: body.address })).status).toBe(201);
  return body as { id: string; address: string };
}

type Signer = typeof ann;
const approval = ({ key, sign }: Signer, text: string) => ({ signer: signerId(key), signature: sign(text) });

async function approve(
  to: RunningOrgan,
  transfer: { id: string; approvalText: string },
  ...signers: Signer[]
): Promise<Answer> {
  let answer: Answer | undefined;
  for (const signer of signers) {
    answer = await to.post(`/transfers/${transfer.id}/approvals`, approval(signer, transfer.approvalText));
  }
  return answer as Answer;
}

const until = (to: RunningOrgan, id: string, status: string) =>
  vi.waitFor(async () => expect((await to.get(`/transfers/${id}`)).body).toMatchObject({ status }), {
    interval: 5,
    timeout: 3000,
  });

describe('a multi-signature transfer', () => {
  test('settles on covenant once two of three have signed, one of them with ML-DSA', async () => {
    const s = await system();
    const { id, address } = await wallet(s);
    const { body: transfer } = await s.mint.post(`/wallets/${id}/transfers`, { to: shop, amount: 300, memo: 'bread' });
    expect(transfer).toMatchObject({ status: 'proposed', approvedBy: [], assessment: { decision: 'release' } });
    expect((await approve(s.mint, transfer, ben)).body).toMatchObject({
      status: 'proposed',
      approvedBy: [signerId(ben.key)],
    });
    expect((await approve(s.mint, transfer, ann)).body).toMatchObject({ status: 'approved' });
    await until(s.mint, transfer.id, 'submitted');
    expect((await s.ledger.post('/mine')).body.transactions).toBe(1);
    await until(s.mint, transfer.id, 'settled');
    expect((await s.ledger.get(`/balances/${shop}`)).body.balance).toBe(300);
    expect((await s.mint.get(`/wallets/${id}`)).body).toMatchObject({ address, balance: 700, available: 700 });
    expect((await s.mint.get('/tvl')).body).toEqual({ total: 700, wallets: 1, height: 2 });
    expect(
      (await s.ledger.get(`/transactions/${(await s.mint.get(`/transfers/${transfer.id}`)).body.settlementId}`)).body,
    ).toMatchObject({
      status: 'confirmed',
      transaction: { from: address, to: shop, amount: 300, memo: 'bread' },
    });
  });

  test('takes no approval that is forged, foreign, repeated or late', async () => {
    const s = await system();
    const { id } = await wallet(s);
    const { body: transfer } = await s.mint.post(`/wallets/${id}/transfers`, { to: shop, amount: 1 });
    const path = `/transfers/${transfer.id}/approvals`;
    const other = JSON.stringify(['azora-mint-transfer-1', transfer.id, id, shop, 1000, '']);
    const refused: [object, number, RegExp][] = [
      [approval(ann, other), 422, /ed25519 signature of \w+ does not verify/],
      [approval(ben, other), 422, /ml-dsa-65 signature of \w+ does not verify/],
      [{ ...approval(ann, transfer.approvalText), signer: signerId(ben.key) }, 422, /ml-dsa-65 signature/],
      [approval(ed25519Signer(), transfer.approvalText), 422, /is no signer of this wallet/],
      [{ signer: signerId(ann.key), signature: 'zz' }, 400, /body\.signature/],
    ];
    for (const [body, status, message] of refused) {
      expect(await s.mint.post(path, body)).toMatchObject({ status, body: { message: matching(message) } });
    }
    expect((await approve(s.mint, transfer, ann)).status).toBe(201);
    expect(await approve(s.mint, transfer, ann)).toMatchObject({
      status: 409,
      body: { message: matching(/approved this transfer already/) },
    });
    expect((await approve(s.mint, transfer, carol)).body.status).toBe('approved');
    expect(await approve(s.mint, transfer, ben)).toMatchObject({
      status: 409,
      body: { message: matching(/the transfer is \w+ already/) },
    });
    expect((await s.mint.get('/transfers/4f5b5a4e-0d6c-4d3b-9f6e-0e3b8f1d2c3a')).status).toBe(404);
  });

  test('fails, with the reason, when the wallet has not the coins', async () => {
    const s = await system();
    const { id } = await wallet(s);
    const { body: transfer } = await s.mint.post(`/wallets/${id}/transfers`, { to: shop, amount: 1001 });
    await approve(s.mint, transfer, ann, ben);
    await until(s.mint, transfer.id, 'failed');
    expect((await s.mint.get(`/transfers/${transfer.id}`)).body.reason).toBe('the wallet has 1000, not 1001');
  });

  test('of one wallet, many at once, are each paid exactly once', async () => {
    const s = await system();
    const { id } = await wallet(s);
    const transfers = await Promise.all(
      Array.from(
        { length: 4 },
        async () => (await s.mint.post(`/wallets/${id}/transfers`, { to: shop, amount: 10 })).body,
      ),
    );
    await Promise.all(transfers.map((transfer) => approve(s.mint, transfer, ann, carol)));
    await Promise.all(transfers.map((transfer) => until(s.mint, transfer.id, 'submitted')));
    await s.ledger.post('/mine');
    await Promise.all(transfers.map((transfer) => until(s.mint, transfer.id, 'settled')));
    expect((await s.ledger.get(`/balances/${shop}`)).body.balance).toBe(40);
  });

  test('is paid once when covenant took it but its answer was lost', async () => {
    const ledger = await startOrgan(await covenant({ folder: temporaryFolder(), rules: EASY, autoMineMs: 0 }));
    let lost = 0;
    const app = new Hono().all('/*', async (c) => {
      const body = c.req.method === 'POST' ? await c.req.text() : null;
      const answer = await fetch(new URL(c.req.url.slice(new URL(c.req.url).origin.length), ledger.url), {
        method: c.req.method,
        body,
      });
      if (c.req.path !== '/transactions' || lost++ > 0) return answer;
      return c.json({ error: 'internal', message: 'lost' }, 500);
    });
    const lossy = await startOrgan({ name: 'covenant', app, health: () => ({ status: 'pass' }) });
    const client = new Client({ env: { COVENANT_URL: lossy.url } });
    const organ = await startOrgan(mint({ folder: temporaryFolder(), client, settleEveryMs: 5 }));
    const { id } = await wallet({ ledger, mint: organ });
    const { body: transfer } = await organ.post(`/wallets/${id}/transfers`, { to: shop, amount: 10 });
    await approve(organ, transfer, ann, carol);
    await until(organ, transfer.id, 'submitted');
    expect(lost).toBe(2);
    await ledger.post('/mine');
    await until(organ, transfer.id, 'settled');
    expect((await ledger.get(`/balances/${shop}`)).body.balance).toBe(10);
    expect((await ledger.get('/mempool')).body.size).toBe(0);
  });

  test('waits while covenant is away, and survives a restart of mint', async () => {
    const folder = temporaryFolder();
    const open = async () => startOrgan(await covenant({ folder, rules: EASY, autoMineMs: 0 }));
    const ledger = await open();
    const env: NodeJS.ProcessEnv = { COVENANT_URL: ledger.url };
    const mintFolder = temporaryFolder();
    const start = () =>
      startOrgan(mint({ folder: mintFolder, client: new Client({ env, resetMs: 20 }), settleEveryMs: 5 }));
    const before = await start();
    const { id } = await wallet({ ledger, mint: before });
    const { body: transfer } = await before.post(`/wallets/${id}/transfers`, { to: shop, amount: 10 });
    await ledger.stop();
    expect((await approve(before, transfer, ann, ben)).body.status).toBe('complete');
    expect(await before.get('/tvl')).toMatchObject({
      status: 503,
      body: { message: matching(/covenant cannot be reached/) },
    });
    await before.stop();

    const back = await open();
    env.COVENANT_URL = back.url;
    const after = await start();
    await until(after, transfer.id, 'submitted');
    await back.post('/mine');
    await until(after, transfer.id, 'settled');
    expect((await back.get(`/balances/${shop}`)).body.balance).toBe(10);
  });
});

describe('a wallet', () => {
  const keys = [ann.key, ben.key];
  const wrong: [string, object, RegExp][] = [
    ['more approvals than signers', { name: 'x', threshold: 3, signers: keys }, /3 approvals cannot come from 2/],
    ['the same key twice', { name: 'x', threshold: 1, signers: [ann.key, ann.key] }, /a key of their own/],
    ['no signer', { name: 'x', threshold: 1, signers: [] }, /body\.signers/],
    ['no threshold', { name: 'x', threshold: 0, signers: keys }, /body\.threshold/],
    [
      'a short key',
      { name: 'x', threshold: 1, signers: [{ kind: 'ml-dsa-65', publicKey: ann.key.publicKey }] },
      /1952 bytes/,
    ],
    [
      'an unknown kind',
      { name: 'x', threshold: 1, signers: [{ kind: 'rsa', publicKey: 'aa' }] },
      /body\.signers\.0\.kind/,
    ],
  ];
  test.each(wrong)('with %s is refused', async (_, body, message) => {
    const organ = await startOrgan(mint({ folder: temporaryFolder(), client: new Client({ env: {} }) }));
    expect(await organ.post('/wallets', body)).toMatchObject({ status: 400, body: { message: matching(message) } });
  });
});

describe('a passkey', () => {
  async function withPasskey() {
    const s = await system();
    const { id } = await wallet(s, { requiresPasskey: true });
    const device = new VirtualAuthenticator(ORIGIN);
    const { body: options } = await s.mint.post(`/wallets/${id}/passkeys/options`);
    const approvals = [ann, ben].map((signer) => approval(signer, passkeyText(id, options.challenge)));
    const registered = await s.mint.post(`/wallets/${id}/passkeys`, { response: device.create(options), approvals });
    expect(registered.status).toBe(201);
    const { body: transfer } = await s.mint.post(`/wallets/${id}/transfers`, { to: shop, amount: 10 });
    const challenge = async () => (await s.mint.post(`/transfers/${transfer.id}/passkey/options`)).body;
    return { ...s, walletId: id, device, transfer, challenge };
  }

  test('is asked for beside the signatures, and lets the transfer go', async () => {
    const { mint: organ, device, transfer, challenge } = await withPasskey();
    expect((await approve(organ, transfer, ann, carol)).body.status).toBe('proposed');
    const answer = await organ.post(`/transfers/${transfer.id}/passkey`, { response: device.get(await challenge()) });
    expect(answer).toMatchObject({ status: 200, body: { status: 'approved' } });
  });

  test('is not believed when the ceremony is not exactly right', async () => {
    const { mint: organ, walletId, device, transfer, challenge } = await withPasskey();
    const path = `/transfers/${transfer.id}/passkey`;
    const refuse = async (response: unknown, message: RegExp) =>
      expect(await organ.post(path, { response })).toMatchObject({ status: 422, body: { message: matching(message) } });

    await refuse(device.get(await challenge(), { origin: 'https://evil.example' }), /origin/);
    await refuse(device.get(await challenge(), { userVerified: false }), /verif/);
    await refuse(device.get({ ...(await challenge()), rpId: 'evil.example' }), /RP ID/);
    await refuse(device.get(await challenge(), { challenge: 'AAAA' }), /challenge is unknown/);
    const { response: old } = device.get(await challenge());
    await refuse(device.get(await challenge(), { signature: old.signature }), /does not verify/);
    await refuse(new VirtualAuthenticator(ORIGIN).get(await challenge()), /not one of the wallet/);

    const { body: other } = await organ.post(`/wallets/${walletId}/transfers`, { to: shop, amount: 500 });
    const elsewhere = (await organ.post(`/transfers/${other.id}/passkey/options`)).body;
    await refuse(device.get(elsewhere), /challenge is unknown/);

    const good = device.get(await challenge());
    expect((await organ.post(path, { response: good })).status).toBe(200);
    await refuse(good, /challenge is unknown, used already/);
    device.rewind();
    await refuse(device.get(await challenge()), /counter/);
  });

  test('is not registered without the signers, or for another site', async () => {
    const s = await system();
    const { id } = await wallet(s);
    const attempt = async (lies: object, signers: Signer[], message: RegExp) => {
      const { body: options } = await s.mint.post(`/wallets/${id}/passkeys/options`);
      const approvals = signers.map((signer) => approval(signer, passkeyText(id, options.challenge)));
      const response = new VirtualAuthenticator(ORIGIN).create(options, lies);
      const answer = await s.mint.post(`/wallets/${id}/passkeys`, { response, approvals });
      expect(answer).toMatchObject({ status: 422, body: { message: matching(message) } });
    };
    await attempt({}, [], /approval of 2 signers/);
    await attempt({}, [ann, ann], /approval of 2 signers/);
    await attempt({}, [ann, ed25519Signer()], /is no signer/);
    await attempt({ origin: 'https://evil.example' }, [ann, ben], /origin/);
    await attempt({ userVerified: false }, [ann, ben], /[Vv]erification/);
  });

  test('challenge is good for five minutes', async () => {
    let now = Date.now();
    const s = await system({ now: () => now });
    const { id } = await wallet(s);
    const { body: options } = await s.mint.post(`/wallets/${id}/passkeys/options`);
    const approvals = [ann, ben].map((signer) => approval(signer, passkeyText(id, options.challenge)));
    now += 301_000;
    const answer = await s.mint.post(`/wallets/${id}/passkeys`, {
      response: new VirtualAuthenticator(ORIGIN).create(options),
      approvals,
    });
    expect(answer).toMatchObject({ status: 422, body: { message: matching(/older than five minutes/) } });
  });
});

describe('a suspicious transfer', () => {
  /** A wallet with ten ordinary payments behind it. */
  async function habitual(options: Partial<MintOptions> = {}) {
    let now = Date.UTC(2026, 4, 1, 12);
    const s = await system({ now: () => now, ...options });
    const { id } = await wallet(s);
    for (let day = 0; day < 10; day++) {
      now += 86_400_000;
      const { body } = await s.mint.post(`/wallets/${id}/transfers`, { to: shop, amount: 5 });
      expect((await approve(s.mint, body, ann, carol)).body.status).toBe('approved');
    }
    now += 86_400_000;
    const propose = async () => {
      const { body } = await s.mint.post(`/wallets/${id}/transfers`, { to: generateKeys().address, amount: 900 });
      return (await approve(s.mint, body, ann, carol)).body;
    };
    const later = (ms: number) => {
      now += ms;
    };
    return { ...s, propose, later };
  }

  test('waits for a reviewer, whom aegis vouches for', async () => {
    const { mint: organ, guard, propose } = await habitual();
    const transfer = await propose();
    expect(transfer).toMatchObject({ status: 'review', assessment: { decision: 'review' } });
    expect((await organ.get('/reviews')).body).toMatchObject({ size: 1, transfers: [{ id: transfer.id }] });

    const path = `/reviews/${transfer.id}`;
    const decide = async (token: string | undefined, decision = 'release') =>
      organ.post(
        path,
        { decision, reason: 'asked the owner' },
        token === undefined ? {} : { authorization: `Bearer ${token}` },
      );
    const admin = await guard.token(['admin']);
    const table: [string | undefined, number][] = [
      [undefined, 401],
      ['a.b.c', 401],
      [`${admin.slice(0, -8)}AAAAAAAA`, 401],
      [await guard.token(['admin'], 'somebody-else'), 401],
      [await (await aegis()).token(['admin']), 401],
      [await guard.token(['learner']), 403],
    ];
    for (const [token, status] of table) expect((await decide(token)).status).toBe(status);
    expect((await decide(admin, 'perhaps')).status).toBe(400);
    expect((await organ.get('/reviews')).body.size).toBe(1);

    expect((await decide(admin)).body).toMatchObject({
      status: 'approved',
      reviewedBy: 'rosa',
      reason: 'asked the owner',
    });
    await until(organ, transfer.id, 'submitted');
    expect(await decide(admin)).toMatchObject({ status: 409, body: { message: matching(/not in review/) } });
  });

  test('is never paid when it is rejected', async () => {
    const { mint: organ, ledger, guard, propose } = await habitual();
    const transfer = await propose();
    const authorization = `Bearer ${await guard.token(['admin'])}`;
    const { body } = await organ.post(
      `/reviews/${transfer.id}`,
      { decision: 'reject', reason: 'stolen' },
      { authorization },
    );
    expect(body.status).toBe('rejected');
    await ledger.post('/mine');
    expect((await ledger.get(`/balances/${transfer.to}`)).body).toMatchObject({ balance: 0, available: 0 });
  });

  test('makes mint Degraded when too many wait, or one for too long', async () => {
    const many = await habitual({ reviewWarn: { size: 1, ageMs: 60_000 } });
    await many.propose();
    expect((await many.mint.get('/healthz')).body).toMatchObject({ status: 'pass', metrics: { reviewQueue: 1 } });
    await many.propose();
    expect((await many.mint.get('/healthz')).body).toMatchObject({
      status: 'warn',
      reason: matching(/2 transfers wait for a review/),
    });

    const long = await habitual({ reviewWarn: { size: 1, ageMs: 60_000 } });
    await long.propose();
    long.later(61_000);
    expect((await long.mint.get('/healthz')).body).toMatchObject({
      status: 'warn',
      reason: matching(/waited 61 s for a review/),
    });
  });
});

describe('health', () => {
  test.each(['ledger', 'guard'] as const)('without its %s mint is Critical', async (gone) => {
    const s = await system();
    expect(await s.mint.get('/healthz')).toMatchObject({ status: 200, body: { status: 'pass' } });
    await s[gone].stop();
    const name = gone === 'ledger' ? 'covenant' : 'aegis';
    const reason = matching(new RegExp(`^${name} cannot be reached`));
    expect(await s.mint.get('/healthz')).toMatchObject({ status: 503, body: { status: 'fail', reason } });
  });
});

test('a covenant that is not well makes mint Degraded, however often it failed to answer', async () => {
  const folder = temporaryFolder();
  const ledger = await startOrgan(await covenant({ folder, rules: EASY, autoMineMs: 0 }));
  const guard = await aegis();
  const client = new Client({ env: { COVENANT_URL: ledger.url, AEGIS_URL: guard.url } });
  const organ = await startOrgan(mint({ folder: temporaryFolder(), client }));
  writeFileSync(join(folder, 'chain.jsonl'), 'not a chain\n');
  for (let i = 0; i < 8; i++) {
    await client.call('covenant', '/healthz').catch(() => {}); // until its breaker is open
    expect((await organ.get('/healthz')).body).toMatchObject({
      status: 'warn',
      reason: 'covenant says that it is not well',
    });
  }
});

test('the self-tests that azora asks for at every start', async () => {
  const { mint: organ } = await system();
  for (let i = 0; i < 2; i++) {
    expect(await organ.post('/selftest/wallet')).toMatchObject({
      status: 201,
      body: { threshold: 2, signers: 3, approvedByOne: false, approvedByTwo: true },
    });
  }
  expect((await organ.get('/wallets')).body.wallets).toHaveLength(1);
  expect((await organ.post('/selftest/post-quantum')).body).toMatchObject({
    algorithm: 'ML-DSA-65',
    verified: true,
    forgeryRefused: true,
    signatureBytes: 3309,
  });
  expect((await organ.post('/selftest/passkey')).body).toMatchObject({
    ready: true,
    rpId: 'mint.example',
    challengeBytes: 32,
  });
  expect((await organ.post('/selftest/fraud')).body).toMatchObject({ live: true, queue: 0 });
});
