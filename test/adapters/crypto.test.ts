import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';

afterEach(() => vi.restoreAllMocks());

describe.runIf(process.platform === 'linux')('SHA-256', () => {
  test.each(['', 'abc', 'für alle: ✓', 'x'.repeat(200_000)])('of %j, with koffi and without', async (text) => {
    const right = createHash('sha256').update(text).digest('hex');
    expect(await hashed(text)).toEqual({ hash: right, loaded: false });
    vi.doMock('../../src/adapters/libc.ts', () => ({ loadLibc: () => null }));
    expect(await hashed(text)).toEqual({ hash: right, loaded: true });
    vi.doUnmock('../../src/adapters/libc.ts');
  });
});

/** And whether node:crypto was asked for it. */
async function hashed(text: string) {
  vi.resetModules();
  const { sha256 } = await import('../../src/adapters/crypto.ts');
  const load = vi.spyOn(process, 'getBuiltinModule');
  const hash = sha256(text);
  const loaded = load.mock.calls.some(([name]) => name === 'node:crypto');
  load.mockRestore();
  return { hash, loaded };
}
