import type { IncomingMessage, ServerResponse } from 'node:http';

/** Largest body of a request. */
export const MAX_BODY_BYTES = 64 * 1024;

export interface HttpError {
  readonly status: number;
  /** A word for programs. */
  readonly error: string;
  /** A sentence for people. */
  readonly message: string;
}

/** `host:port` as it may stand in a Host header, for each name of this server; without a port only where 80 is implied. */
export function ownAuthorities(host: string, port: number): ReadonlySet<string> {
  const names = ['127.0.0.1', 'localhost', '[::1]', host.includes(':') ? `[${host}]` : host];
  return new Set(
    names.flatMap((name) => [`${name}:${port}`, ...(port === 80 ? [name] : [])]).map((name) => name.toLowerCase()),
  );
}

/**
 * What no request of an organ looks like, refused before a byte of its body is read. A foreign Host is a name that somebody
 * else's DNS points at loopback; a foreign Origin, or a fetch that the browser calls cross-site, is a web page that tries.
 */
export function guard(request: IncomingMessage, own: ReadonlySet<string>): HttpError | null {
  const { host = '', origin, 'content-length': length } = request.headers;
  if (!own.has(host.toLowerCase())) {
    return { status: 403, error: 'foreign-host', message: `this server is not ${JSON.stringify(host.slice(0, 100))}` };
  }
  const isOwnPage = origin === undefined || own.has(origin.toLowerCase().replace(/^http:\/\//, ''));
  const site = request.headers['sec-fetch-site'];
  if (!isOwnPage || site === 'cross-site' || site === 'same-site') {
    return { status: 403, error: 'foreign-origin', message: 'pages of other sites may not use this registry' };
  }
  if (Number(length ?? 0) > MAX_BODY_BYTES) return tooLarge();
  return null;
}

export function tooLarge(): HttpError {
  return { status: 413, error: 'too-large', message: `the body is over ${MAX_BODY_BYTES} bytes` };
}

/** Answers and ends the connection: what the caller still sends is not read. */
export function refuse(response: ServerResponse, { status, error, message }: HttpError): void {
  const body = JSON.stringify({ error, message });
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  };
  response.writeHead(status, headers).end(body);
}

/** The answer to what is not even HTTP, by the code of Node's parser. */
export function rawRefusal(code: string | undefined): string {
  const [status, text, error] =
    code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'Request Header Fields Too Large', 'too-large']
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'Request Timeout', 'timed-out']
        : [400, 'Bad Request', 'bad-request'];
  const body = JSON.stringify({ error, message: `the request was not understood: ${text}` });
  const head = `HTTP/1.1 ${status} ${text}\r\ncontent-type: application/json\r\nconnection: close`;
  return `${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
