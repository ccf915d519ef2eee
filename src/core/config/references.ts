/**
 * References between organs, `${organs.NAME.port|url|host}`. Ports are known only once the supervisor has chosen them, so
 * reading a file turns such a reference into a mark, and the supervisor replaces the marks at each start.
 *
 * A mark is written between NUL characters: no text of a valid file can hold one (a NUL in an argument or the environment is a
 * configuration error), so a literal `$${organs.x.url}` is never mistaken for a reference.
 */

export type EndpointField = 'port' | 'url' | 'host';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const MARK = /\0([a-z][a-z0-9-]*)\.(port|url|host)\0/g;

/** The mark that stands for a reference to `organ`'s endpoint. */
export function referenceMark(organ: string, field: EndpointField): string {
  return `\0${organ}.${field}\0`;
}

/** Every organ that a text refers to. */
export function referencedOrgans(text: string): string[] {
  return [...text.matchAll(MARK)].map((match) => match[1]!);
}

/** Replaces each mark by what it refers to; an organ without an endpoint leaves the reference readable. */
export function fillReferences(text: string, endpointOf: (organ: string) => Endpoint | undefined): string {
  if (!text.includes('\0')) return text;
  return text.replace(MARK, (_, organ: string, field: EndpointField) => {
    const endpoint = endpointOf(organ);
    if (!endpoint) return `\${organs.${organ}.${field}}`;
    switch (field) {
      case 'host':
        return endpoint.host;
      case 'port':
        return String(endpoint.port);
      case 'url':
        return `http://${endpoint.host}:${endpoint.port}`;
    }
  });
}

/** The text as the user wrote it, for `azora config`. */
export function showReferences(text: string): string {
  return text.replace(MARK, (_, organ: string, field: string) => `\${organs.${organ}.${field}}`);
}
