import { randomUUID } from 'node:crypto';
import type { Caller } from '../../../src/core/registry.ts';

/** Tokens as the supervisor hands them out, without its book-keeping. */
export function someTokens(): { issue(caller: Caller): string; verify(token: string): Caller | null } {
  const callers = new Map<string, Caller>();
  return {
    issue(caller) {
      const token = randomUUID();
      callers.set(token, caller);
      return token;
    },
    verify: (token) => callers.get(token) ?? null,
  };
}
