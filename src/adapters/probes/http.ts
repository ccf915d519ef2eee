import { type IncomingMessage, request as plainRequest, type RequestOptions } from 'node:http';
import type { CheckProbe, Expectation, Probe } from '../../core/config/model.ts';
import { readHealthBody, SILENT, unmet } from '../../core/expectation.ts';
import { connectionReason, failed, failedBy, type ProbeOutcome, type ProbeRun, passed, withWords } from './probe.ts';

type HttpProbe = Extract<Probe | CheckProbe, { kind: 'http' }>;

/** No more of a body than this is read. */
const MAX_BODY_BYTES = 64 * 1024;

/**
 * Asks for a path on the organ's endpoint, or for a URL. Redirects are not followed.
 *
 * Every probe opens its own connection and closes it: that the organ still accepts is part of the question, a server that
 * handles one connection at a time is not blocked by an idle one of ours, and no idle connection delays an organ's own
 * orderly stop. It costs 0.18 ms of CPU instead of 0.09: 0.6 % of a core for 1000 probes in 30 s.
 */
export async function httpProbe(probe: HttpProbe, expect: Expectation, run: ProbeRun): Promise<ProbeOutcome> {
  const url = resolveTarget(probe.target, run);
  if (typeof url === 'string') return failed(0, url);
  const request = url.protocol === 'https:' ? (await import('node:https')).request : plainRequest;
  const where = url.host;

  return new Promise((resolve) => {
    let answered: { response: IncomingMessage; chunks: Buffer[]; bytes: number } | undefined;
    const outgoing = request(url, optionsOf(probe));

    const settle = (outcome: ProbeOutcome) => {
      resolve(outcome); // whatever comes after the first one changes nothing
      outgoing.destroy();
    };
    const conclude = (cut: boolean) => {
      const { response, chunks } = answered!;
      const text = Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString('utf8');
      const latencyMs = run.watch.elapsedMs();
      const body = readHealthBody(text);
      const reason = unmet(expect, { kind: 'http', status: response.statusCode ?? 0, text, cut });
      settle(
        reason === null
          ? passed(latencyMs, body)
          : failed(latencyMs, withWords(withLocation(reason, response), text, body), body),
      );
    };

    outgoing.on('response', (response) => {
      const got = { response, chunks: [] as Buffer[], bytes: 0 };
      answered = got;
      response.on('data', (chunk: Buffer) => {
        got.chunks.push(chunk);
        got.bytes += chunk.length;
        if (got.bytes > MAX_BODY_BYTES) conclude(true);
      });
      response.on('end', () => conclude(false));
      response.on('error', (error) =>
        settle(failed(run.watch.elapsedMs(), `the answer of ${where} broke off: ${error.message}`)),
      );
    });
    outgoing.on('error', (error) => settle(failedBy(error, run.watch.elapsedMs(), reasonOf(error, where))));
    run.signal.addEventListener(
      'abort',
      () => {
        const got = answered
          ? `after its status ${answered.response.statusCode} and ${answered.bytes} bytes of body`
          : null;
        const stage =
          got ?? (outgoing.socket?.connecting === false ? 'after the connection was accepted' : 'while connecting');
        const text = answered ? Buffer.concat(answered.chunks).toString('utf8') : '';
        const late = `${String(run.signal.reason)} (${where}, ${stage})`;
        settle(failed(run.watch.elapsedMs(), withWords(late, text, SILENT)));
      },
      { once: true },
    );
    outgoing.end('body' in probe && probe.body !== null ? probe.body : undefined);
  });
}

function resolveTarget(target: string, run: ProbeRun): URL | string {
  if (!target.startsWith('/')) {
    const url = URL.parse(target);
    return url && (url.protocol === 'http:' || url.protocol === 'https:')
      ? url
      : `"${target}" is neither a path nor an http URL`;
  }
  const { endpoint } = run.target;
  if (!endpoint)
    return `the path ${target} needs a port, and the organ has none: give it \`ports\`, or write a whole URL`;
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  // A path that begins with two slashes must not be taken for a host.
  return URL.parse(`http://${host}:${endpoint.port}${target}`) ?? `"${target}" is not a path`;
}

function optionsOf(probe: HttpProbe): RequestOptions {
  const declared = 'headers' in probe ? probe.headers : {};
  const body = 'body' in probe ? probe.body : null;
  return {
    method: probe.method,
    agent: false,
    headers: {
      accept: 'application/json, */*',
      'user-agent': 'azora-probe',
      ...(body === null ? {} : { 'content-length': Buffer.byteLength(body), 'content-type': typeOf(body) }),
      ...Object.fromEntries(Object.entries(declared).map(([name, value]) => [name.toLowerCase(), value])),
    },
  };
}

const typeOf = (body: string): string => (/^\s*[{[]/.test(body) ? 'application/json' : 'text/plain; charset=utf-8');

function withLocation(reason: string, response: IncomingMessage): string {
  const { location } = response.headers;
  return location === undefined ? reason : `${reason} (a redirect to ${location}, which is not followed)`;
}

function reasonOf(error: Error, where: string): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code.startsWith('HPE_')) return `${where} answered, but not in HTTP: ${error.message}`;
  if (code === 'ECONNRESET' && error.message === 'socket hang up') {
    return `${where} accepted the connection and closed it without an answer`;
  }
  return connectionReason(error, where);
}
