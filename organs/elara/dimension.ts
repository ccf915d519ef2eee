import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Case } from './case.ts';

/** What a facet says of a case: a figure in 0..1 and the ground for it. */
export interface Reading {
  readonly value: number;
  readonly because: string;
}

/** A known case and the range in which a sound facet reads it. */
export interface Trial {
  readonly name: string;
  readonly given: Case;
  readonly between: readonly [low: number, high: number];
}

/**
 * A reasoning facet ("dimension"): one question put to every case. Each lives in its own file under `dimensions/` as
 * the default export and brings the trials by which it is tested at start and on every `GET /dimensions`.
 */
export interface Dimension {
  readonly name: string;
  readonly asks: string;
  /** What 0 and 1 mean. */
  readonly scale: readonly [zero: string, one: string];
  readonly read: (about: Case) => Reading;
  readonly trials: readonly Trial[];
}

export interface SelfTest {
  readonly dimension: string;
  readonly passed: boolean;
  readonly trials: number;
  /** What went wrong, one line per trial; empty when passed. */
  readonly failures: readonly string[];
}

/** A facet's file, and the facet unless the file could not be loaded. */
export interface Loaded {
  readonly name: string;
  readonly dimension: Dimension | null;
  readonly failure: string | null;
}

export type Readings = ReadonlyMap<string, Reading>;

/** Loads every facet in a folder. One that cannot be loaded is kept, with the reason, as one that fails its test. */
export async function loadDimensions(folder: string): Promise<Loaded[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts')).sort();
  return Promise.all(files.map((file) => load(join(folder, file), file.slice(0, -'.ts'.length))));
}

async function load(path: string, name: string): Promise<Loaded> {
  try {
    const module: { default?: Dimension } = await import(pathToFileURL(path).href);
    if (!module.default) return { name, dimension: null, failure: `${path} has no default export` };
    return { name, dimension: module.default, failure: null };
  } catch (cause) {
    return { name, dimension: null, failure: `${path} cannot be loaded: ${String(cause)}` };
  }
}

/** Puts a facet to its trials: it must read each within its range, and twice the same. */
export function selfTest({ name, dimension, failure }: Loaded): SelfTest {
  if (!dimension) return { dimension: name, passed: false, trials: 0, failures: [failure ?? 'not loaded'] };
  const failures = dimension.trials.flatMap((trial) => attempt(dimension, trial) ?? []);
  if (dimension.trials.length === 0) failures.push('has no trials');
  return { dimension: name, passed: failures.length === 0, trials: dimension.trials.length, failures };
}

function attempt(dimension: Dimension, { name, given, between: [low, high] }: Trial): string | null {
  try {
    const { value } = dimension.read(given);
    if (!(value >= 0 && value <= 1)) return `${name}: read ${value}, outside 0..1`;
    if (value < low || value > high) return `${name}: read ${value}, expected ${low} to ${high}`;
    return dimension.read(given).value === value ? null : `${name}: two readings of one case differ`;
  } catch (cause) {
    return `${name}: ${String(cause)}`;
  }
}

/** Reads a case with every facet that passes its self-test; the others are left out, and so are principles needing them. */
export function readAll(loaded: readonly Loaded[], about: Case): Readings {
  const sound = loaded.flatMap((entry) => (entry.dimension && selfTest(entry).passed ? [entry.dimension] : []));
  return new Map(sound.map((dimension) => [dimension.name, dimension.read(about)]));
}

export const round = (value: number): number => Math.round(value * 1000) / 1000;
