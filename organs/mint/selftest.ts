import { Hono } from 'hono';
import { generateKeys, signText } from '../covenant/keys.ts';
import { adminOnly } from '../kit/index.ts';
import { assess, type PastTransfer } from './fraud.ts';
import type { Passkeys } from './passkeys.ts';
import { loadMlDsa, type SignerKey, signerId, verify } from './signatures.ts';
import type { Transfers } from './transfers.ts';
import { checkApproval, hasQuorum, type Wallets } from './wallets.ts';

/** Proofs, on the real code, that each part of the mint works; `verify` in azora.yaml asks for them at every start. */
export function selfTests(wallets: Wallets, transfers: Transfers, passkeys: Passkeys, now: () => number): Hono {
  return new Hono()
    .use('/selftest/*', adminOnly)
    .post('/selftest/wallet', async (c) => {
      const signers = [ed25519Signer(), ed25519Signer(), await mlDsaSigner()];
      const keys = signers.map(({ key }) => key);
      const wallet = wallets.create(
        { name: 'self-test', threshold: 2, signers: keys, requiresPasskey: false },
        now(),
        true,
      );
      const text = `approve ${wallet.id}`;
      const approvedBy: string[] = [];
      const quorums: boolean[] = [];
      for (const { key, sign } of signers.slice(1)) {
        const { id } = await checkApproval(wallet, text, { signer: signerId(key), signature: sign(text) });
        approvedBy.push(id);
        quorums.push(hasQuorum(wallet, approvedBy));
      }
      const { id, address, threshold } = wallet;
      const [approvedByOne, approvedByTwo] = quorums;
      return c.json({ id, address, threshold, signers: signers.length, approvedByOne, approvedByTwo }, 201);
    })
    .post('/selftest/post-quantum', async (c) => {
      const startedAt = performance.now();
      const { key, sign } = await mlDsaSigner();
      const signature = sign('a payment of 1');
      const verified = await verify(key, 'a payment of 1', signature);
      const forgeryRefused = !(await verify(key, 'a payment of 1000', signature));
      const elapsedMs = Math.round(performance.now() - startedAt);
      return c.json({
        algorithm: 'ML-DSA-65',
        verified,
        forgeryRefused,
        signatureBytes: signature.length / 2,
        elapsedMs,
      });
    })
    .post('/selftest/passkey', async (c) => {
      const { challenge, rp, pubKeyCredParams } = await passkeys.prepareRegistration({
        id: 'self-test',
        name: 'self-test',
      });
      const challengeBytes = Buffer.from(challenge, 'base64url').length;
      const algorithms = pubKeyCredParams.map(({ alg }) => alg);
      return c.json({ ready: challengeBytes >= 16 && algorithms.length > 0, challengeBytes, rpId: rp.id, algorithms });
    })
    .post('/selftest/fraud', (c) => {
      const at = now();
      const history: PastTransfer[] = Array.from({ length: 20 }, (_, day) => ({
        recipient: 'landlord',
        amount: 90 + day,
        at: at - (20 - day) * 86_400_000,
      }));
      const ordinary = assess({ recipient: 'landlord', amount: 100, at }, history, 1000);
      const odd = assess({ recipient: 'stranger', amount: 990, at: at + 12 * 3_600_000 }, history, 1000);
      const live = ordinary.decision === 'release' && odd.decision === 'review';
      return c.json({ live, ordinary: ordinary.score, odd: odd.score, queue: transfers.reviewQueue().size });
    });
}

interface TestSigner {
  readonly key: SignerKey;
  readonly sign: (text: string) => string;
}

export function ed25519Signer(): TestSigner {
  const keys = generateKeys();
  return { key: { kind: 'ed25519', publicKey: keys.address }, sign: (text) => signText(text, keys) };
}

export async function mlDsaSigner(): Promise<TestSigner> {
  const ml_dsa65 = await loadMlDsa();
  const { publicKey, secretKey } = ml_dsa65.keygen();
  return {
    key: { kind: 'ml-dsa-65', publicKey: Buffer.from(publicKey).toString('hex') },
    sign: (text) => Buffer.from(ml_dsa65.sign(Buffer.from(text), secretKey)).toString('hex'),
  };
}
