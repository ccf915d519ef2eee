import type { IncomingMessage } from 'node:http';
import { requestIdOf } from './headers.ts';

/** One request on its way through the gateway, as the access log will tell it. */
export interface Exchange {
  readonly id: string;
  readonly method: string;
  /** Without the query, which may hold what no log should. */
  path: string;
  /** The peer's address. */
  readonly address: string;
  readonly startedAt: number;
  organ: string | null;
  instance: string | null;
  user: string | null;
  /** How many instances were asked. */
  attempts: number;
  status: number;
  /** Of the answer's body. */
  bytes: number;
  /** Why it was not answered as wished. */
  failure: string | null;
}

export function beginExchange(request: IncomingMessage): Exchange {
  return {
    id: requestIdOf(request.headers),
    method: request.method ?? 'GET',
    path: (request.url ?? '').split('?', 1)[0]?.slice(0, 2048) ?? '',
    address: (request.socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, ''),
    startedAt: performance.now(),
    organ: null,
    instance: null,
    user: null,
    attempts: 0,
    status: 0,
    bytes: 0,
    failure: null,
  };
}
