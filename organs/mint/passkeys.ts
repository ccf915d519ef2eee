import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import * as z from 'zod';
import { Conflict, type Database, messageOf, Unprocessable } from '../kit/index.ts';

/** Whom browsers bind a passkey to (WebAuthn's relying party). */
export interface RelyingParty {
  readonly name: string;
  /** A domain, `localhost` for instance. */
  readonly id: string;
  readonly origin: string;
}

const Base64Url = z.string().regex(/^[A-Za-z0-9_-]+$/, 'must be base64url');
const credential = {
  id: Base64Url,
  rawId: Base64Url,
  type: z.literal('public-key'),
  clientExtensionResults: z.record(z.string(), z.unknown()),
};

export const Registration = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: Base64Url,
    attestationObject: Base64Url,
    transports: z.array(z.string()).optional(),
  }),
});
export const Assertion = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: Base64Url,
    authenticatorData: Base64Url,
    signature: Base64Url,
    userHandle: Base64Url.optional(),
  }),
});

/** COSE numbers of EdDSA, ES256 and RS256: what authenticators sign with today. */
const ALGORITHMS = [-8, -7, -257];

const CHALLENGE_MS = 5 * 60_000;

interface Owner {
  readonly id: string;
  readonly name: string;
}

interface Row {
  id: string;
  public_key: Buffer;
  counter: number;
  transports: string;
}

/** WebAuthn ceremonies. A challenge is good for one answer, for five minutes, for the one wallet or transfer it was made for. */
export class Passkeys {
  readonly #db: Database;
  readonly #party: RelyingParty;

  constructor(db: Database, party: RelyingParty) {
    this.#db = db;
    this.#party = party;
  }

  /** What a browser needs to make a passkey for this wallet; its challenge must then be answered by `register`. */
  async registrationOptions(wallet: Owner, now: number) {
    const options = await this.prepareRegistration(wallet);
    this.#remember(options.challenge, wallet.id, null, now);
    return options;
  }

  /** The same options for nobody to answer. */
  async prepareRegistration({ id, name }: Owner) {
    const { generateRegistrationOptions } = await import('@simplewebauthn/server');
    return generateRegistrationOptions({
      rpName: this.#party.name,
      rpID: this.#party.id,
      userName: name,
      userID: new TextEncoder().encode(id),
      attestationType: 'none',
      supportedAlgorithmIDs: ALGORITHMS,
      excludeCredentials: this.#of(id).map((passkey) => ({ id: passkey.id })),
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
    });
  }

  /** Keeps the new passkey. Throws Unprocessable when the authenticator's answer does not verify. */
  async register(
    walletId: string,
    challenge: string,
    response: z.output<typeof Registration>,
    now: number,
  ): Promise<{ id: string }> {
    const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
    this.#consume(challenge, walletId, null, now);
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: response as RegistrationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: this.#party.origin,
      expectedRPID: this.#party.id,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    }).catch(refuse);
    if (!verified) throw new Unprocessable('the passkey does not verify');
    const { id, publicKey, counter } = registrationInfo.credential;
    const transports = JSON.stringify(response.response.transports ?? []);
    const { changes } = this.#db
      .prepare('INSERT OR IGNORE INTO passkeys VALUES (?, ?, ?, ?, ?)')
      .run(id, walletId, Buffer.from(publicKey), counter, transports);
    if (changes === 0) throw new Conflict('this passkey is registered already');
    return { id };
  }

  async authenticationOptions(walletId: string, transferId: string, now: number) {
    const passkeys = this.#of(walletId);
    if (passkeys.length === 0) throw new Conflict('this wallet has no passkey yet');
    const { generateAuthenticationOptions } = await import('@simplewebauthn/server');
    const options = await generateAuthenticationOptions({
      rpID: this.#party.id,
      userVerification: 'required',
      allowCredentials: passkeys.map(({ id, transports }) => ({ id, transports: JSON.parse(transports) })),
    });
    this.#remember(options.challenge, walletId, transferId, now);
    return options;
  }

  /** Throws Unprocessable unless a passkey of the wallet signed the transfer's own challenge. */
  async authenticate(
    walletId: string,
    transferId: string,
    response: z.output<typeof Assertion>,
    now: number,
  ): Promise<void> {
    const row = this.#of(walletId).find(({ id }) => id === response.id);
    if (!row) throw new Unprocessable('this passkey is not one of the wallet');
    const challenge = challengeOf(response.response.clientDataJSON);
    this.#consume(challenge, walletId, transferId, now);
    const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: response as AuthenticationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: this.#party.origin,
      expectedRPID: this.#party.id,
      requireUserVerification: true,
      credential: { id: row.id, publicKey: new Uint8Array(row.public_key), counter: row.counter },
    }).catch(refuse);
    if (!verified) throw new Unprocessable('the passkey does not verify');
    this.#db.prepare('UPDATE passkeys SET counter = ? WHERE id = ?').run(authenticationInfo.newCounter, row.id);
  }

  #of(walletId: string): Row[] {
    return this.#db.prepare<[string], Row>('SELECT * FROM passkeys WHERE wallet_id = ?').all(walletId);
  }

  #remember(challenge: string, walletId: string, transferId: string | null, now: number): void {
    this.#db.prepare('DELETE FROM challenges WHERE expires_at < ?').run(now);
    this.#db
      .prepare('INSERT INTO challenges VALUES (?, ?, ?, ?)')
      .run(challenge, walletId, transferId, now + CHALLENGE_MS);
  }

  /** Gone at its first use, even when that fails. */
  #consume(challenge: string, walletId: string, transferId: string | null, now: number): void {
    const { changes } = this.#db
      .prepare('DELETE FROM challenges WHERE challenge = ? AND wallet_id = ? AND transfer_id IS ? AND expires_at >= ?')
      .run(challenge, walletId, transferId, now);
    if (changes === 0) throw new Unprocessable('the challenge is unknown, used already or older than five minutes');
  }
}

export function challengeOf(clientDataJSON: string): string {
  try {
    const { challenge } = JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString()) as { challenge?: unknown };
    if (typeof challenge === 'string') return challenge;
  } catch (cause) {
    throw new Unprocessable('clientDataJSON is not JSON', { cause });
  }
  throw new Unprocessable('clientDataJSON names no challenge');
}

function refuse(error: unknown): never {
  throw new Unprocessable(`the passkey does not verify: ${messageOf(error)}`, { cause: error });
}
