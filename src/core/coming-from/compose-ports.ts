import type { Found } from './draft.ts';
import { asMap, isMap, isScalar } from './draft.ts';

/** In containers two may listen on the same port, on one machine they cannot. */
export interface PortsSeen {
  /** Those that an organ has already. */
  readonly taken: Set<number>;
  /** Those that some service publishes: one that only its image exposes leaves them to it. */
  readonly published: ReadonlySet<number>;
}

export function portsIn(services: readonly unknown[]): PortsSeen {
  const published = services.flatMap((service) => {
    const ports = asMap(service).ports;
    return (Array.isArray(ports) ? ports : []).flatMap((port: unknown) =>
      wantedOf(port, []).map(({ inside }) => inside),
    );
  });
  return { taken: new Set(), published: new Set(published) };
}

interface Wanted {
  readonly inside: number;
  readonly published: number | null;
}

/** Where a service listens, by the port inside its container, which is the one that its program knows. */
export function portsOf(
  ports: Found,
  expose: Found,
  exposed: readonly number[],
  seen: PortsSeen,
  notes: string[],
  isActive: boolean,
): Record<string, number | 'auto'> | null {
  const published = (Array.isArray(ports) ? ports : []).flatMap((port: unknown) => wantedOf(port, notes));
  const inside = (Array.isArray(expose) ? expose : [])
    .filter(isScalar)
    .map((port) => Number.parseInt(String(port), 10));
  const known = new Set(published.map((port) => port.inside));
  const more = [
    ...inside,
    ...(published.length === 0 ? exposed.filter((port) => !seen.published.has(port) && !seen.taken.has(port)) : []),
  ].filter((port) => port > 0 && !known.has(port));
  const wanted = [...published, ...[...new Set(more)].map((port): Wanted => ({ inside: port, published: null }))];
  if (wanted.length === 0) return null;
  const chosen = wanted.map((port): readonly [Wanted, number | 'auto'] => [
    port,
    isActive ? free(port, seen) : (port.published ?? port.inside),
  ]);
  for (const [{ inside: own, published: outer }, port] of isActive ? chosen : []) {
    if (port === 'auto')
      notes.push(`port ${own} is another organ's here: azora chooses one, and the program must listen on $PORT`);
    else if (port !== own) notes.push(`port ${own} is another organ's here: the program must listen on $PORT, ${port}`);
    else if (outer !== null && outer !== own)
      notes.push(`port ${own} was published as ${outer}: here it is reached as ${own}`);
  }
  return Object.fromEntries(
    chosen.map(([{ inside: own }, port], index) => [index === 0 ? 'http' : `port-${own}`, port]),
  );
}

function free({ inside, published }: Wanted, seen: PortsSeen): number | 'auto' {
  for (const port of [inside, published]) {
    if (port === null || seen.taken.has(port)) continue;
    seen.taken.add(port);
    return port;
  }
  return 'auto';
}

/** `3000`, `8080:3000`, `127.0.0.1:8080:3000`, `3000-3005:3000-3005`, each with `/tcp` or `/udp`, and the long form. */
function wantedOf(port: unknown, notes: string[]): Wanted[] {
  if (isMap(port)) {
    const { target, published, protocol } = asMap(port);
    if (protocol === 'udp') return skipped(`port ${target}/udp`, notes);
    return [{ inside: Number(target), published: isScalar(published) ? Number.parseInt(String(published), 10) : null }];
  }
  if (!isScalar(port)) return [];
  // Variables are filled in by azora as well, but a port must be a number here: the default counts.
  const text = String(port).replace(/\$\{\w+:?-(\d+)\}/g, '$1');
  const [numbers = '', protocol] = text.split('/');
  if (protocol === 'udp') return skipped(`port ${text}`, notes);
  const parts = numbers.split(':');
  const inside = parts.at(-1) ?? '';
  const outer = parts.length > 1 ? parts.at(-2)! : '';
  const [from, to = from] = inside.split('-').map(Number);
  if (!from || !to || Number.isNaN(from) || Number.isNaN(to)) return skipped(`port ${text}`, notes);
  const first = Number(outer.split('-')[0]) || null;
  return Array.from({ length: Math.min(to - from, 20) + 1 }, (_, index) => ({
    inside: from + index,
    published: first === null ? null : first + index,
  }));
}

function skipped(what: string, notes: string[]): [] {
  notes.push(`${what}: azora's ports are TCP ports; the program may use it all the same`);
  return [];
}
