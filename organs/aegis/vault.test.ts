import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../kit/testing.ts';
import { KeyStore } from './key-store.ts';
import { seal, unseal } from './seal.ts';
import { Vault } from './vault.ts';

const key = Buffer.alloc(32, 7);

describe('what is sealed', () => {
  test('opens as it was, for its purpose and key alone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, purpose) => {
        const sealed = seal(key, purpose, text);
        expect(unseal(key, purpose, sealed)).toBe(text);
        expect(unseal(key, `${purpose}!`, sealed)).toBeNull();
        expect(unseal(Buffer.alloc(32, 8), purpose, sealed)).toBeNull();
      }),
    );
  });

  test('does not open when any bit of it was changed', () => {
    const [version, ...parts] = seal(key, 'test', 'the text').split('.');
    const bytes = parts.map((part) => Buffer.from(part, 'base64url'));
    const opened = () => unseal(key, 'test', [version, ...bytes.map((part) => part.toString('base64url'))].join('.'));
    expect(opened()).toBe('the text');
    for (const part of bytes) {
      for (let bit = 0; bit < part.length * 8; bit++) {
        const flip = () => part.writeUInt8(part.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        flip();
        expect(opened()).toBeNull();
        flip();
      }
    }
    expect(unseal(key, 'test', 'not sealed')).toBeNull();
  });

  test('never looks the same twice', () => {
    expect(seal(key, 'test', 'text')).not.toBe(seal(key, 'test', 'text'));
  });
});

describe('the vault', () => {
  test('makes its key once, for its owner only', () => {
    const folder = temporaryFolder();
    const sealed = new Vault(folder, true).seal('test', 'text');
    const path = join(folder, 'master.key');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(new Vault(folder, true).unseal('test', sealed)).toBe('text');
  });

  test('takes others’ access to the key away, and says that they had it', () => {
    const folder = temporaryFolder();
    const { path } = new Vault(folder, true);
    chmodSync(path, 0o644);
    expect(new Vault(folder, true).exposed).toEqual([path]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(new Vault(folder, true).exposed).toEqual([]);
  });

  test.each([
    ['is lost', (path: string) => rmSync(path), /is missing/],
    ['is damaged', (path: string) => writeFileSync(path, 'zz'), /not a master key/],
  ])('stays shut when its key %s', (_, spoil, reason) => {
    const folder = temporaryFolder();
    spoil(new Vault(folder, true).path);
    const vault = new Vault(folder, false);
    expect(vault.failure).toMatch(reason);
    expect(() => vault.seal('test', 'text')).toThrow(reason);
  });
});

describe('the key store', () => {
  const open = (folder: string, clock = { now: 0 }) => {
    const vault = new Vault(folder, true);
    return { store: new KeyStore(folder, vault, 1000, () => clock.now), clock };
  };

  test('outlives the process, sealed and for its owner only', () => {
    const folder = temporaryFolder();
    const { kid } = open(folder).store.signing();
    expect(open(folder).store.signing().kid).toBe(kid);
    expect(statSync(KeyStore.path(folder)).mode & 0o777).toBe(0o600);
    const text = readFileSync(KeyStore.path(folder), 'utf8');
    const { d } = open(folder).store.signing().privateKey.export({ format: 'jwk' });
    expect(d).toBeDefined();
    expect(text).not.toContain(d);
  });

  test('rotation keeps the old public key until the last token it signed has expired', () => {
    const { store, clock } = open(temporaryFolder());
    const first = store.signing().kid;
    const second = store.rotate();
    expect(store.signing().kid).toBe(second);
    clock.now = 999;
    expect(store.jwks().keys.map(({ kid }) => kid)).toEqual([second, first]);
    expect(store.verifying(first)).not.toBeNull();
    clock.now = 1000;
    expect(store.jwks().keys.map(({ kid }) => kid)).toEqual([second]);
    expect(store.verifying(first)).toBeNull();
  });

  test('drops the private half of a retired key', () => {
    const folder = temporaryFolder();
    const { store } = open(folder);
    store.rotate();
    const kept = JSON.parse(readFileSync(KeyStore.path(folder), 'utf8'));
    expect(kept.map((entry: { sealed: string | null }) => entry.sealed === null)).toEqual([false, true]);
  });
});
