import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EventType, SystemEvent } from '../../core/events.ts';
import { type HttpError, refuse } from './guard.ts';

/** `GET /events`: the system's events as server-sent events, for as long as somebody listens. */

export interface EventSource {
  /** Those after an event, oldest first, as far as they are kept. */
  after(id: number): readonly SystemEvent[];
  /** Answers how to stop. */
  listen(listener: (event: SystemEvent) => void): () => void;
}

/** A listener that does not read falls behind by this much at most; then it is cut off, and resumes by its Last-Event-ID. */
const MAX_UNREAD_BYTES = 1024 * 1024;
/** Shorter than a connection may be silent. */
const HEARTBEAT_MS = 10_000;
const MAX_STREAMS = 64;
const RETRY_MS = 1000;

export class EventStreams {
  readonly #source: EventSource;
  readonly #open = new Set<ServerResponse>();

  constructor(source: EventSource) {
    this.#source = source;
  }

  /**
   * Answers a request: events from now on, or those after the `Last-Event-ID` first (header, or `?since=`); `?type=` (may be
   * repeated) picks some.
   */
  serve(request: IncomingMessage, response: ServerResponse): void {
    const refusal = this.#refusal(request);
    if (refusal) {
      refuse(response, refusal);
      return;
    }
    const { searchParams } = new URL(request.url ?? '/', 'http://registry');
    const types = new Set(searchParams.getAll('type').flatMap((text) => text.split(',')));
    const given = request.headers['last-event-id'] ?? searchParams.get('since');
    const since = given === null || !/^\d{1,15}$/.test(String(given)) ? null : Number(given);

    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    this.#open.add(response);
    const write = (text: string): void => {
      response.write(text);
      if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
    };
    const tell = (event: SystemEvent): void => {
      if (types.size === 0 || types.has(event.type as EventType)) write(frame(event));
    };
    write(`retry: ${RETRY_MS}\n\n`);
    // What is kept may be more than a listener can be sent at a stroke: it goes on with the last that it got.
    for (const event of since === null ? [] : this.#source.after(since)) if (!response.destroyed) tell(event);
    const stopListening = this.#source.listen(tell);
    const heartbeat = setInterval(() => write(': still here\n\n'), HEARTBEAT_MS);
    heartbeat.unref();
    response.on('close', () => {
      clearInterval(heartbeat);
      stopListening();
      this.#open.delete(response);
    });
  }

  /** Ends every stream. */
  close(): void {
    for (const response of this.#open) response.end();
  }

  #refusal({ method }: IncomingMessage): HttpError | null {
    if (method !== 'GET' && method !== 'HEAD') {
      return { status: 405, error: 'method-not-allowed', message: 'here one can GET, HEAD' };
    }
    if (this.#open.size < MAX_STREAMS) return null;
    return { status: 503, error: 'too-many', message: `${MAX_STREAMS} listeners are connected already` };
  }
}

/** JSON holds no newline, so that one data line is enough. */
function frame(event: SystemEvent): string {
  const { id, ts, bootId, type, organ, instance, message, data } = event;
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ id, ts, bootId, type, organ, instance, message, data })}\n\n`;
}
