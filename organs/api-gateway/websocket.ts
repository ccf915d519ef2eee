import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Exchange } from './exchange.ts';
import type { Forwarder, Request } from './forwarder.ts';
import { responseHeaders } from './headers.ts';
import type { Traffic } from './traffic.ts';

/** Joins the caller's connection with an instance's, once that has agreed to speak WebSocket; resolves when either has ended. */
export async function passWebSocket(
  incoming: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { forwarder, traffic, request }: { forwarder: Forwarder; traffic: Traffic; request: Request },
): Promise<void> {
  const { exchange } = request;
  const headers = { ...request.headers, connection: 'Upgrade', upgrade: incoming.headers.upgrade };
  const { response, upgraded } = await forwarder.upgrade({ ...request, headers });
  exchange.status = response.statusCode ?? 502;
  const answered = responseHeaders(response.headers, exchange.id);
  if (!upgraded) {
    // Refused. The answer's length is told by the end of the connection.
    delete answered['content-length'];
    socket.write(headOf(exchange, { ...answered, connection: 'close' }));
    await pipeline(response, socket);
    return;
  }
  socket.write(headOf(exchange, { ...answered, connection: 'Upgrade', upgrade: response.headers.upgrade }));
  socket.write(upgraded.head);
  upgraded.socket.write(head);
  traffic.webSockets += 1;
  try {
    await pipeline(socket, upgraded.socket, socket);
  } finally {
    traffic.webSockets -= 1;
    socket.destroy();
    upgraded.socket.destroy();
  }
}

/** The head of an answer on a connection that node no longer speaks HTTP on. */
export function headOf({ status }: Pick<Exchange, 'status'>, headers: object): string {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((each) => `${name}: ${each}`),
  );
  return `${[`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines].join('\r\n')}\r\n\r\n`;
}
