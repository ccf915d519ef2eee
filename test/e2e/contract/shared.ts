import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect } from 'vitest';
import { rig, type System, type SystemOptions } from '../rig.ts';

/**
 * One boot of many keys for all tests of a file or a describe block: each test is about one of them, named first in its title, and
 * fails when that key is ignored. test/contract.md names the test of each key.
 */
export function booted(
  options: SystemOptions,
  up: { readonly code?: number | 'any'; readonly args?: readonly string[] } = {},
) {
  let system: System;
  beforeAll(async () => {
    system = await rig.system({ ...options, concurrent: true });
    const args = ['up', '-d', ...(up.args ?? [])];
    if (up.code === 'any') await system.run(args);
    else await system.expect(up.code ?? 0, args);
    system.listen();
  });
  afterAll(() => system?.[Symbol.asyncDispose]());
  return () => system;
}

/** Sleeps at once, and lives: the least that an organ can be. */
export const rest = (more: object = {}): object => ({ command: 'sleep 1000', ...more });

/** See test/puppet/answers.mjs. */
export const answers = (more: object = {}): object => ({
  command: [rig.node, rig.program('answers.mjs')],
  ports: { http: 'auto' },
  health: { log: '^listening$' },
  ...more,
});

/** Who asked `answers`, by path: the times, epoch ms. */
export async function seenBy(system: System, organ: string): Promise<Record<string, number[]>> {
  const { url } = await system.instance(organ);
  return (await (await fetch(`${url}/seen`)).json()) as Record<string, number[]>;
}

/** A file of the system's folder, once it is there and `holds`. */
export async function written(system: System, name: string, holds: (text: string) => boolean = () => true) {
  const read = () => (existsSync(system.path(name)) ? readFileSync(system.path(name), 'utf8') : '');
  await expect.poll(() => read() !== '' && holds(read()), { timeout: 10_000 }).toBe(true);
  return read();
}
