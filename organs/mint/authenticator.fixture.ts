/**
 * A virtual authenticator for tests: what a phone or a security key does, with real P-256 keys. It attests with format
 * "none" and encodes CBOR itself, so that nothing of the library under test is used on both sides.
 */
import { createHash, createSign, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';

interface CreationOptions {
  readonly challenge: string;
  readonly rp: { readonly id?: string };
}

interface RequestOptions {
  readonly challenge: string;
  readonly rpId?: string;
}

/** What a test may have it do wrong. */
export interface Lies {
  readonly origin?: string;
  readonly challenge?: string;
  readonly userVerified?: boolean;
  readonly signature?: string;
}

export class VirtualAuthenticator {
  readonly #origin: string;
  readonly #id = randomBytes(32);
  readonly #privateKey: KeyObject;
  readonly #publicKey: { readonly x: Buffer; readonly y: Buffer };
  #counter = 0;

  constructor(origin: string) {
    this.#origin = origin;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    this.#privateKey = privateKey;
    this.#publicKey = { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') };
  }

  /** As `navigator.credentials.create`, in JSON. */
  create({ challenge, rp }: CreationOptions, lies: Lies = {}) {
    const { x, y } = this.#publicKey;
    const coseKey = cborMap([
      [1, 2], // kty: EC2
      [3, -7], // alg: ES256
      [-1, 1], // crv: P-256
      [-2, x],
      [-3, y],
    ]);
    const idLength = Buffer.alloc(2);
    idLength.writeUInt16BE(this.#id.length);
    const attested = Buffer.concat([Buffer.alloc(16), idLength, this.#id, coseKey]);
    const authData = Buffer.concat([this.#authenticatorData(rp.id ?? '', 0x40, lies), attested]);
    const attestationObject = cborMap([
      ['fmt', 'none'],
      ['attStmt', EMPTY],
      ['authData', authData],
    ]);
    return this.#credential({
      clientDataJSON: this.#clientData('webauthn.create', challenge, lies).toString('base64url'),
      attestationObject: attestationObject.toString('base64url'),
      transports: ['internal'],
    });
  }

  /** As `navigator.credentials.get`, in JSON. */
  get({ challenge, rpId }: RequestOptions, lies: Lies = {}) {
    this.#counter += 1;
    const authenticatorData = this.#authenticatorData(rpId ?? '', 0, lies);
    const clientData = this.#clientData('webauthn.get', challenge, lies);
    const signed = Buffer.concat([authenticatorData, createHash('sha256').update(clientData).digest()]);
    const signature = createSign('sha256').update(signed).sign(this.#privateKey);
    return this.#credential({
      clientDataJSON: clientData.toString('base64url'),
      authenticatorData: authenticatorData.toString('base64url'),
      signature: lies.signature ?? signature.toString('base64url'),
    });
  }

  /** Pretends to have been used less often than it was, as a copy of it would. */
  rewind(): void {
    this.#counter = 0;
  }

  #credential<R>(response: R) {
    const id = this.#id.toString('base64url');
    return { id, rawId: id, type: 'public-key' as const, clientExtensionResults: {}, response };
  }

  #authenticatorData(rpId: string, flags: number, { userVerified = true }: Lies): Buffer {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.#counter);
    const present = 0x01 | (userVerified ? 0x04 : 0);
    return Buffer.concat([createHash('sha256').update(rpId).digest(), Buffer.from([present | flags]), counter]);
  }

  #clientData(type: string, challenge: string, lies: Lies): Buffer {
    return Buffer.from(
      JSON.stringify({
        type,
        challenge: lies.challenge ?? challenge,
        origin: lies.origin ?? this.#origin,
        crossOrigin: false,
      }),
    );
  }
}

type Cbor = number | string | Buffer | typeof EMPTY;
const EMPTY: unique symbol = Symbol('an empty map');

/** RFC 8949, as far as attestation needs it: small integers, text, bytes, maps. */
function cborMap(entries: readonly (readonly [Cbor, Cbor])[]): Buffer {
  return Buffer.concat([head(5, entries.length), ...entries.flat().map(cbor)]);
}

function cbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value === EMPTY) return cborMap([]);
  return Buffer.concat([head(2, value.length), value]);
}

function head(major: number, argument: number): Buffer {
  if (argument < 24) return Buffer.from([(major << 5) | argument]);
  if (argument < 256) return Buffer.from([(major << 5) | 24, argument]);
  return Buffer.from([(major << 5) | 25, argument >> 8, argument & 0xff]);
}
