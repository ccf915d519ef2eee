/** Dependencies as a graph: cycles with their whole path, a flat order, waves. */
import toposort from 'toposort';

/** Who depends on whom: organ → the organs it depends on, every one of which is a key too. */
export type Graph = ReadonlyMap<string, readonly string[]>;

/**
 * One cycle for each knot of organs that depend on each other, shortest first found, as `[a, b, c]` for a -> b -> c -> a, starting
 * at the organ that comes first in the graph. A self-dependency is the cycle `[a]`.
 */
export function findCycles(graph: Graph): string[][] {
  const cycles: string[][] = [];
  for (const knot of knots(graph)) {
    const start = [...graph.keys()].find((organ) => knot.has(organ))!;
    cycles.push(shortestWayBack(graph, start, knot));
  }
  return cycles;
}

/** Dependencies before dependents. The graph must have no cycle. */
export function flatOrder(graph: Graph): string[] {
  const edges: [string, string][] = [];
  for (const [organ, needs] of graph) for (const need of needs) edges.push([need, organ]);
  return toposort.array([...graph.keys()], edges);
}

/** Wave 0 needs nobody; each later wave needs only earlier ones, and at least one of the wave just before. No cycles. */
export function waves(graph: Graph): string[][] {
  const level = new Map<string, number>();
  const result: string[][] = [];
  for (const organ of flatOrder(graph)) {
    const own = Math.max(-1, ...graph.get(organ)!.map((need) => level.get(need)!)) + 1;
    level.set(organ, own);
  }
  for (const organ of graph.keys()) {
    const own = level.get(organ)!;
    result[own] ??= [];
    result[own].push(organ);
  }
  return result;
}

/** `a -> b -> c -> a`. */
export function showCycle(cycle: readonly string[]): string {
  return [...cycle, cycle[0]].join(' -> ');
}

/** The strongly connected parts that hold a cycle (Tarjan's algorithm, with a stack of its own: a chain may be long). */
function knots(graph: Graph): Set<string>[] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const found: Set<string>[] = [];

  for (const root of graph.keys()) {
    if (index.has(root)) continue;
    const visits: { organ: string; next: number }[] = [];
    const enter = (organ: string) => {
      index.set(organ, index.size);
      low.set(organ, index.get(organ)!);
      open.push(organ);
      isOpen.add(organ);
      visits.push({ organ, next: 0 });
    };
    enter(root);
    while (visits.length > 0) {
      const visit = visits.at(-1)!;
      const needs = graph.get(visit.organ) ?? [];
      if (visit.next < needs.length) {
        const need = needs[visit.next++]!;
        if (!index.has(need)) enter(need);
        else if (isOpen.has(need)) low.set(visit.organ, Math.min(low.get(visit.organ)!, index.get(need)!));
        continue;
      }
      visits.pop();
      const parent = visits.at(-1);
      if (parent) low.set(parent.organ, Math.min(low.get(parent.organ)!, low.get(visit.organ)!));
      if (low.get(visit.organ) !== index.get(visit.organ)) continue;
      const part = new Set<string>();
      for (let organ = open.pop()!; ; organ = open.pop()!) {
        isOpen.delete(organ);
        part.add(organ);
        if (organ === visit.organ) break;
      }
      if (part.size > 1 || needs.includes(visit.organ)) found.push(part);
    }
  }
  return found;
}

/** Breadth first from `start` until an organ depends on `start` again. */
function shortestWayBack(graph: Graph, start: string, within: ReadonlySet<string>): string[] {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const organ of queue) {
    for (const need of graph.get(organ) ?? []) {
      if (need === start) {
        const path = [organ];
        while (path[0] !== start) path.unshift(cameFrom.get(path[0]!)!);
        return path;
      }
      if (!within.has(need) || cameFrom.has(need)) continue;
      cameFrom.set(need, organ);
      queue.push(need);
    }
  }
  return [start];
}
