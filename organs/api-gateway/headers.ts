import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Principal } from '../kit/index.ts';
import type { Route } from './route.ts';

/** They speak of one connection, not of the message (RFC 9110, 7.6.1). */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Only the gateway says these; whoever sends them from outside is not believed. */
const GATEWAYS_OWN = /^(x-azora-|x-forwarded-(host|proto|prefix)$|forwarded$|x-real-ip$)/;

export interface Passage {
  readonly id: string;
  readonly address: string;
  readonly route: Route;
  readonly principal: Principal | null;
}

/** The caller's own id for the request where it is a plain word, else a new one. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}

/** What the instance gets: the caller's headers, without those of the connection, with those that only the gateway may set. */
export function requestHeaders(
  { headers, rawHeaders }: Pick<IncomingMessage, 'headers' | 'rawHeaders'>,
  { id, address, route, principal }: Passage,
): OutgoingHttpHeaders {
  const passed = endToEnd(headers);
  for (const name of Object.keys(passed)) if (GATEWAYS_OWN.test(name)) delete passed[name];
  delete passed.expect; // answered here already
  delete passed.host; // the instance has its own
  if (headers['transfer-encoding'] !== undefined) passed['transfer-encoding'] = 'chunked';
  const earlier = allOf(rawHeaders, 'x-forwarded-for');
  return {
    ...passed,
    'x-forwarded-for': [...earlier, address].join(', '),
    'x-forwarded-proto': 'http',
    'x-forwarded-prefix': route.prefix || '/',
    ...(headers.host === undefined ? {} : { 'x-forwarded-host': headers.host }),
    'x-request-id': id,
    ...(principal && {
      'x-azora-user': principal.subject,
      'x-azora-username': encodeURIComponent(principal.username),
      'x-azora-roles': principal.roles.join(','),
    }),
  };
}

/** What the caller gets. */
export function responseHeaders(headers: IncomingHttpHeaders, id: string): OutgoingHttpHeaders {
  return { ...endToEnd(headers), 'x-request-id': id };
}

function endToEnd(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const passed: OutgoingHttpHeaders = { ...headers };
  for (const name of [...HOP_BY_HOP, ...named]) delete passed[name];
  return passed;
}

function allOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name);
}
