import { loadLibc } from './libc.ts';

/**
 * node:crypto, loaded by the first call: that takes 4 ms, for which no process should wait while it starts. Whoever has a moment to spare before
 * it is needed calls this then.
 */
export const crypto = (): typeof import('node:crypto') => process.getBuiltinModule('node:crypto');

/** In hex. By the OpenSSL that is inside Node where koffi reaches it, as a command that has started daemons has koffi at hand. */
export function sha256(text: string): string {
  const bytes = Buffer.from(text);
  const digest = Buffer.alloc(32);
  const done = loadLibc()?.bind('void *SHA256(const void *data, size_t size, void *digest)')?.(
    bytes,
    bytes.length,
    digest,
  );
  return done ? digest.toString('hex') : crypto().createHash('sha256').update(bytes).digest('hex');
}
