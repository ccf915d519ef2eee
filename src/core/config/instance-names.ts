import type { OrganConfig } from './model.ts';

/** The organ that is called as one of so many instances of another would be; null: none. */
export function takenInstanceName(
  organs: Readonly<Record<string, OrganConfig>>,
  name: string,
  replicas: number,
): string | null {
  if (replicas === 1) return null;
  for (let n = 1; n <= replicas; n++) if (organs[`${name}-${n}`]) return `${name}-${n}`;
  return null;
}
