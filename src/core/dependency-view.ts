import { waves } from './config/graph.ts';
import type { Dependency, SystemConfig } from './config/model.ts';

/** The document of `azora graph --format json`: every organ, its place in the order, and what it needs. */
export interface GraphDocument {
  readonly version: 1;
  readonly organs: readonly GraphOrgan[];
}

export interface GraphOrgan {
  readonly organ: string;
  /** 0 needs nobody; each further level needs the one before it. */
  readonly level: number;
  readonly dependsOn: readonly Dependency[];
}

/** In the order of the file. */
export function graphDocument({ organs }: Pick<SystemConfig, 'organs'>): GraphDocument {
  const graph = new Map(Object.values(organs).map((organ) => [organ.name, organ.dependsOn.map((need) => need.organ)]));
  const level = new Map(waves(graph).flatMap((names, index) => names.map((name) => [name, index] as const)));
  return {
    version: 1,
    organs: Object.values(organs).map(({ name, dependsOn }) => ({
      organ: name,
      level: level.get(name)!,
      dependsOn: dependsOn.map(({ organ, condition, restart, required }) => ({ organ, condition, restart, required })),
    })),
  };
}
