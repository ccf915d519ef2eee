import * as z from 'zod';
import type { Service, ServiceInstance } from '../kit/index.ts';

/** What azora.yaml's `route:` says, as the registry passes it on. */
const Declared = z.object({
  route: z.object({
    prefix: z.string().startsWith('/'),
    rateLimit: z
      .string()
      .regex(/^[1-9]\d*\/[smh]$/)
      .nullish(),
    auth: z.enum(['required', 'optional', 'none']).nullish(),
  }),
});

export interface Rate {
  readonly points: number;
  readonly seconds: number;
}

/** A prefix of the public paths, and who answers behind it. */
export interface Route {
  readonly organ: string;
  /** Without a slash at its end; empty for the whole path. */
  readonly prefix: string;
  readonly rate: Rate | null;
  readonly auth: 'required' | 'optional' | 'none';
  readonly instances: readonly ServiceInstance[];
}

const SECONDS = { s: 1, m: 60, h: 3600 } as const;

/** The routes that services declare; `complaints` names what cannot be one. */
export function routesOf(services: readonly Service[]): { routes: Route[]; complaints: string[] } {
  const routes = new Map<string, Route>();
  const complaints: string[] = [];
  for (const { name, url, health, instances, metadata } of services) {
    if (typeof metadata !== 'object' || metadata === null || !('route' in metadata)) continue;
    const declared = Declared.safeParse(metadata);
    if (!declared.success) {
      complaints.push(`the route of ${name} cannot be read: ${z.prettifyError(declared.error)}`);
      continue;
    }
    const { prefix: written, rateLimit, auth } = declared.data.route;
    const prefix = written.replace(/\/+$/, '');
    const other = routes.get(prefix);
    if (other) {
      complaints.push(`${other.organ} and ${name} both want ${prefix || '/'}: ${other.organ} has it`);
      continue;
    }
    routes.set(prefix, {
      organ: name,
      prefix,
      rate: rateLimit ? rateOf(rateLimit) : null,
      auth: auth ?? 'none',
      instances: instances.length > 0 ? instances : [{ instance: name, url, health }],
    });
  }
  // The longest prefix first, so that the first that fits is the one meant.
  return { routes: [...routes.values()].toSorted((a, b) => b.prefix.length - a.prefix.length), complaints };
}

/** The route of a path, by whole segments. */
export function routeOf(routes: readonly Route[], path: string): Route | null {
  return routes.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`)) ?? null;
}

/** `100/s` → 100 points each second. */
function rateOf(text: string): Rate {
  const [points, unit] = text.split('/') as [string, keyof typeof SECONDS];
  return { points: Number(points), seconds: SECONDS[unit] };
}
