import type { OrganConfig } from '../../core/config/model.ts';
import type { Normalized } from '../../core/config/normalize.ts';
import { sha256 } from '../crypto.ts';

/** SHA-256 of what the file means: without the caller's environment, the file's place and the lines that things stand on. */
export function configHash({ file: _file, callerEnv: _env, organs, ...system }: Normalized['config']): string {
  const inOrderOf = once(inOrder);
  const meanings = Object.keys(organs)
    .sort()
    .map((name) => meaningOf(organs[name]!, inOrderOf));
  return sha256(JSON.stringify([inOrder(system), meanings]));
}

/** An organ has its keys in the order of `normalizeOrgan`; below these are maps in the order of the file. */
function meaningOf(organ: OrganConfig, inOrderOf: (value: object) => unknown): unknown {
  const { source: _source, command, env, health, verify, stop, hooks, labels, ...others } = organ;
  return [others, ...[command, env, health, verify, stop, hooks, labels].map(inOrderOf)];
}

/** The same with the keys of every map in order, so that their order in the file changes nothing. */
function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(inOrder);
  const map = value as Record<string, unknown>;
  // Of a command only what is executed counts, not how it was written.
  if (Array.isArray(map.argv) && typeof map.shell === 'boolean') return inOrder(map.argv);
  const keys = Object.keys(map).sort();
  return Object.fromEntries(keys.map((key) => [key, inOrder(map[key])]));
}

/** What is made of values of which most are alike: of 147 organs nearly all have the same health, stop and hooks. */
function once(make: (value: object) => unknown): (value: object) => unknown {
  const made = new Map<string, unknown>();
  return (value) => {
    const text = JSON.stringify(value);
    if (!made.has(text)) made.set(text, make(value));
    return made.get(text);
  };
}
