/** Where in which file a finding is. Loaded only when there is one. */
import type { Finding, Path, Problem } from '../../core/config/problem.ts';
import type { MapNode, Node } from './nodes.ts';
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
  const node = (wantsKey ? (key ?? value) : value) ?? source.root;
  const [start, end] = node.range;
  const piece = finding.piece === undefined ? -1 : source.text.slice(start, end).indexOf(finding.piece);
  const range: Range = piece < 0 ? [start, end] : [start + piece, start + piece + finding.piece!.length];
  return problemAt(source, range, finding.message, hint);
}

/** A value that stands beside its key, rather than in a block below it or nowhere. */
function isInline(value: Node | null): boolean {
  if (value === null || value.range[0] === value.range[1]) return false;
  return value.kind === 'scalar' || value.kind === 'alias' || value.flow;
}

function find(source: Source, path: Path): Place {
  let place: Place = { depth: 0, key: null, value: source.root };
  for (const part of path) {
    const node = follow(place.value, source);
    let next: Omit<Place, 'depth'> | null = null;
    if (node?.kind === 'seq' && typeof part === 'number' && part < node.items.length)
      next = { key: null, value: node.items[part]! };
    else if (node?.kind === 'map') next = findKey(node, String(part), source);
    // A shorthand (`depends_on: x`, one path for a list of them) has no deeper place than its own.
    if (next === null) return part === 0 && node?.kind === 'scalar' ? { ...place, depth: path.length } : place;
    place = { ...next, depth: place.depth + 1 };
  }
  return place;
}

function findKey(map: MapNode, key: string, source: Source): Omit<Place, 'depth'> | null {
  const nameOf = (node: Node | null) => (node?.kind === 'scalar' ? (node.source ?? String(node.value)) : null);
  const own = map.items.find((pair) => nameOf(pair.key) === key);
  if (own) return own;
  for (const pair of map.items) {
    if (nameOf(pair.key) !== '<<') continue;
    const merged = follow(pair.value, source);
    for (const item of merged?.kind === 'seq' ? merged.items : [merged]) {
      const target = follow(item, source);
      const inherited = target?.kind === 'map' ? findKey(target, key, source) : null;
      if (inherited) return inherited;
    }
  }
  return null;
}

/** An alias means the last anchor of its name before it. */
function follow(node: Node | null, source: Source): Node | null {
  if (node?.kind !== 'alias') return node;
  let target: Node | null = null;
  for (const each of nodesOf(source.root)) {
    if (each === node) break;
    if (each.anchor === node.source) target = each;
  }
  return target;
}

/** All of them, in the order of the file. */
function* nodesOf(node: Node | null): Generator<Node> {
  if (node === null) return;
  yield node;
  if (node.kind === 'seq') for (const item of node.items) yield* nodesOf(item);
  if (node.kind !== 'map') return;
  for (const { key, value } of node.items) {
    yield* nodesOf(key);
    yield* nodesOf(value);
  }
}
