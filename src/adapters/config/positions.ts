/** Where in which file a finding is. Loaded only when there is one. */
import { isAlias, isCollection, isMap, isScalar, isSeq, type Node, type Pair } from 'yaml';
import type { Finding, Path, Problem } from '../../core/config/problem.ts';
import { problemAt, type Range, type Source } from './source.ts';

interface Place {
  /** How many parts of the path were found. */
  readonly depth: number;
  readonly key: Node | null;
  readonly value: Node | null;
}

/** The finding at its place: in the last file that holds it, else in the first that comes nearest. */
export function locate(finding: Finding, sources: readonly Source[]): Problem {
  const found = sources.map((source) => ({ source, ...find(source, finding.path) }));
  const deepest = Math.max(...found.map(({ depth }) => depth));
  const isWhole = deepest === finding.path.length;
  const { source, key, value } = (
    isWhole ? found.findLast(({ depth }) => depth === deepest) : found.find(({ depth }) => depth === deepest)
  )!;
  const hint = finding.hint ?? null;

  const wantsKey = finding.at === 'key' || !isWhole || !isInline(value);
  const node = (wantsKey ? (key ?? value) : value) ?? source.doc.contents;
  const [start, end] = node?.range ?? [0, 1];
  const piece = finding.piece === undefined ? -1 : source.text.slice(start, end).indexOf(finding.piece);
  const range: Range = piece < 0 ? [start, end] : [start + piece, start + piece + finding.piece!.length];
  return problemAt(source, range, finding.message, hint);
}

/** A value that stands beside its key, rather than in a block below it or nowhere. */
function isInline(value: Node | null): boolean {
  if (value === null || !value.range || value.range[0] === value.range[1]) return false;
  return !isCollection(value) || value.flow === true;
}

function find(source: Source, path: Path): Place {
  let place: Place = { depth: 0, key: null, value: source.doc.contents };
  for (const part of path) {
    const node = follow(place.value, source);
    let next: Omit<Place, 'depth'> | null = null;
    if (isSeq(node) && typeof part === 'number' && part < node.items.length)
      next = { key: null, value: node.items[part] as Node | null };
    else if (isMap(node)) next = findKey(node, String(part), source);
    // A shorthand (`depends_on: x`, one path for a list of them) has no deeper place than its own.
    if (next === null) return part === 0 && isScalar(node) ? { ...place, depth: path.length } : place;
    place = { ...next, depth: place.depth + 1 };
  }
  return place;
}

function findKey(
  map: { readonly items: readonly unknown[] },
  key: string,
  source: Source,
): Omit<Place, 'depth'> | null {
  const pairs = map.items as Pair[];
  const nameOf = (pair: Pair) => (isScalar(pair.key) ? (pair.key.source ?? String(pair.key.value)) : null);
  const own = pairs.find((pair) => nameOf(pair) === key);
  if (own) return { key: own.key as Node, value: own.value as Node | null };
  for (const pair of pairs) {
    if (nameOf(pair) !== '<<') continue;
    const merged = follow(pair.value as Node | null, source);
    for (const item of isSeq(merged) ? merged.items : [merged]) {
      const target = follow(item as Node | null, source);
      const inherited = isMap(target) ? findKey(target, key, source) : null;
      if (inherited) return inherited;
    }
  }
  return null;
}

function follow(node: Node | null, source: Source): Node | null {
  return isAlias(node) ? (node.resolve(source.doc) ?? null) : node;
}
