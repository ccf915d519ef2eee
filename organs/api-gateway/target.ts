import { BadRequest } from '../kit/index.ts';

export interface Target {
  /** As it was sent: what is percent-encoded stays so. */
  readonly path: string;
  /** With its question mark, or empty. */
  readonly query: string;
}

/** Encoded once or twice: what a server behind might decode once more than it should. */
const DECODINGS = 2;

/**
 * A request's target, if it is a plain path. Throws BadRequest for whatever could mean another path to the organ than to the
 * gateway: dot segments in any encoding, backslashes, control characters, a target that names a host.
 */
export function targetOf(url: string | undefined): Target {
  if (!url?.startsWith('/')) throw new BadRequest('the request target must be a path that begins with /');
  const fragment = url.indexOf('#');
  if (fragment >= 0) throw new BadRequest('the request target must not have a fragment');
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  let decoded = path;
  for (let i = 0; i <= DECODINGS; i++) {
    refuseOddPath(decoded);
    const next = decode(decoded, i === 0);
    if (next === decoded) break;
    decoded = next;
  }
  return { path, query: mark < 0 ? '' : url.slice(mark) };
}

function refuseOddPath(path: string): void {
  if (/[\u0000-\u001f\u007f]/.test(path)) throw new BadRequest('the path has control characters');
  if (path.includes('\\')) throw new BadRequest('the path has a backslash');
  if (path.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw new BadRequest('the path has . or .. segments');
  }
}

function decode(path: string, mustBeWellFormed: boolean): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    if (mustBeWellFormed) throw new BadRequest('the path has a malformed percent-encoding', { cause });
    return path; // decoded once it was plain text, in which a percent sign means itself
  }
}
