import { ORGAN_NAME, SYSTEM_NAME } from '../config/schema-common.ts';
import { formatDuration } from '../config/units.ts';

/**
 * What another tool's file becomes: an azora.yaml in the making. A converter carries over what has an equivalent, and writes a
 * note for everything else: a note is printed and stands as a comment beside what it is about. Nothing is dropped without one.
 */
export interface Draft {
  readonly name: string | null;
  /** Keys of the system beside `organs`, as they are written. */
  readonly system: Readonly<Record<string, unknown>>;
  readonly organs: readonly DraftOrgan[];
  /** About the file as a whole. */
  readonly notes: readonly string[];
}

export interface DraftOrgan {
  readonly name: string;
  /** The organ as it is written. */
  readonly keys: Readonly<Record<string, unknown>>;
  readonly notes: readonly string[];
  /** It cannot run as it is: it stands in the file as a comment, with what to do. */
  readonly inactive: boolean;
}

/** What is found in another tool's file: anything at all. */
export type Found = unknown;
export type FoundMap = Readonly<Record<string, unknown>>;

export const isMap = (value: Found): value is FoundMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const asMap = (value: Found): FoundMap => (isMap(value) ? value : {});
export const isScalar = (value: Found): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
/** A list of texts; one text is a list of one. */
export const asTexts = (value: Found): string[] =>
  isScalar(value) ? [String(value)] : Array.isArray(value) ? value.filter(isScalar).map(String) : [];

/** The keys of a map one after the other; what nobody asked for is told at the end. */
export class Reader {
  readonly #map: FoundMap;
  readonly #left: Set<string>;

  constructor(map: FoundMap) {
    this.#map = map;
    // Extensions say of themselves that no tool reads them.
    this.#left = new Set(Object.keys(map).filter((key) => !key.startsWith('x-')));
  }

  take(key: string): Found {
    this.#left.delete(key);
    return this.#map[key] ?? undefined;
  }

  get left(): readonly string[] {
    return [...this.#left].filter((key) => this.#map[key] !== null && this.#map[key] !== undefined);
  }
}

/** Names that azora takes, one for each that was found, none twice. */
export function organNames(found: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const name of found) {
    const slug = slugOf(name, 'organ');
    let free = slug;
    for (let n = 2; taken.has(free); n++) free = `${slug.slice(0, 58)}-${n}`;
    taken.add(free);
    names.set(name, free);
  }
  return names;
}

function slugOf(name: string, otherwise: string): string {
  if (ORGAN_NAME.test(name)) return name;
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 60);
  return slug === '' ? otherwise : slug;
}

export const systemName = (name: string): string | null => {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63);
  return SYSTEM_NAME.test(slug) ? slug : null;
};

export const renamed = (from: string, to: string): string[] => (from === to ? [] : [`it was called ${from}`]);

/** Text that azora is to take as it stands: it would read `${…}` and `$$` as its own. */
export const literal = (text: string): string => text.replaceAll('$$', '$$$$$$$$').replace(/\$\{/g, '$$${');

/** `$NAME` of tools that interpolate it as well, in azora's one way of writing it. */
export const braced = (text: string): string =>
  text.replace(/\$\$|\$([A-Za-z_]\w*)/g, (all, name: string | undefined) => (name === undefined ? all : `\${${name}}`));

/** Of a tool that interpolates what a shell then runs: left to the shell, which finds the same variables and the organ's own. */
export const forShell = (text: string): string => literal(text.replaceAll('$$', '$'));

/** Milliseconds or seconds as azora writes them. */
export const milliseconds = (ms: number): string => formatDuration(Math.round(ms));
export const seconds = (s: number): string => formatDuration(Math.round(s * 1000));

/** A map without the keys that have no value; null when none is left. */
export function filled(map: FoundMap): FoundMap | null {
  const entries = Object.entries(map).filter(([, value]) => {
    if (value === undefined || value === null) return false;
    return typeof value !== 'object' || Object.keys(value).length > 0;
  });
  return entries.length === 0 ? null : Object.fromEntries(entries);
}

/** The dependencies of a draft that stand on nothing active are taken out, with a note. */
export function withoutDangling(draft: Draft): Draft {
  const active = new Set(draft.organs.filter(({ inactive }) => !inactive).map(({ name }) => name));
  return {
    ...draft,
    organs: draft.organs.map((organ) => {
      const needs = organ.keys.depends_on;
      if (needs === undefined || organ.inactive) return organ;
      const wanted = Array.isArray(needs) ? (needs as string[]) : Object.keys(asMap(needs));
      const dangling = wanted.filter((name) => !active.has(name));
      if (dangling.length === 0) return organ;
      const kept = Array.isArray(needs)
        ? wanted.filter((name) => active.has(name))
        : Object.fromEntries(Object.entries(asMap(needs)).filter(([name]) => active.has(name)));
      const { depends_on: _before, ...keys } = organ.keys;
      return {
        ...organ,
        keys: { ...keys, ...filled({ depends_on: kept }) },
        notes: [
          ...organ.notes,
          `depends_on ${dangling.join(', ')}: not started by azora here, so nothing waits for it`,
        ],
      };
    }),
  };
}
