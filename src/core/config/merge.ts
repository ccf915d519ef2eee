/** How two files, or `defaults` and an organ, become one: the later one wins, maps merge, lists replace. */
import type { WrittenOrgan } from './schema.ts';

type Data = Record<string, unknown>;

/** The kinds of probe; naming one replaces any other that was named before. */
export const PROBE_KINDS = ['http', 'tcp', 'exec', 'log', 'fd', 'ipc'] as const;

/** Parsed YAML over parsed YAML. Neither is changed. */
export function mergeData(base: unknown, over: unknown, key = ''): unknown {
  if (!isMap(base) || !isMap(over)) return over;
  const merged: Data = { ...base };
  if (key === 'health') dropReplacedProbe(merged, over);
  for (const [name, value] of Object.entries(over)) {
    merged[name] = Object.hasOwn(base, name) ? mergeData(base[name], value, name) : value;
  }
  return merged;
}

/** An organ with the keys that it lacks taken from `defaults`, map by map. */
export function mergeOrgan(defaults: WrittenOrgan | undefined, organ: WrittenOrgan): WrittenOrgan {
  if (defaults === undefined) return organ;
  return mergeMaps(defaults, organ) as WrittenOrgan;
}

function mergeMaps(base: Data, over: Data): Data {
  const merged: Data = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = base[key];
    if (!isMap(value) || !isMap(before) || isCommand(value)) {
      if (value !== undefined) merged[key] = value;
      continue;
    }
    merged[key] = mergeMaps(key === 'health' ? dropReplacedProbe({ ...before }, value) : before, value);
  }
  return merged;
}

function dropReplacedProbe(base: Data, over: Data): Data {
  if (PROBE_KINDS.some((kind) => over[kind] !== undefined)) for (const kind of PROBE_KINDS) delete base[kind];
  return base;
}

const isCommand = (value: Data) => 'argv' in value;

function isMap(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
