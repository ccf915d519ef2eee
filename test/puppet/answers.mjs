// An HTTP server on $PORT that answers as it is asked to, and counts: what probes, checks and hooks of tests are sent to.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';

const seen = {};

/** By the first word of the path; `rest` is what follows. */
const ANSWERS = {
  status: (_, rest) => [Number(rest), ''],
  json: () => [200, JSON.stringify({ chain: { valid: true }, dimensions: 12 })],
  text: () => [200, 'all is well'],
  method: ({ method }) => [method === 'POST' ? 200 : 405, ''],
  header: ({ headers }) => [headers['x-key'] === 'open' ? 200 : 401, ''],
  body: (_, __, body) => [body === 'ping' || body === '{"say":"ping"}' ? 200 : 400, ''],
  slow: async (_, rest) => {
    await new Promise((resolve) => setTimeout(resolve, Number(rest)));
    return [200, ''];
  },
  /** As files of the working folder say: NAME.fails, NAME.slow. */
  as: async (_, rest) => {
    if (existsSync(`${rest}.slow`)) await new Promise((resolve) => setTimeout(resolve, 700));
    return [existsSync(`${rest}.fails`) ? 500 : 200, ''];
  },
  decide: () => [200, process.env.DECISION],
  seen: () => [200, JSON.stringify(seen)],
};

createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (text) => {
    body += text;
  });
  request.on('end', async () => {
    const path = new URL(request.url, 'http://here').pathname;
    if (path !== '/seen') seen[path] = [...(seen[path] ?? []), Date.now()];
    const [, word, ...rest] = path.split('/');
    const [status, text] = (await ANSWERS[word]?.(request, rest.join('/'), body)) ?? [404, 'not here'];
    response.writeHead(status).end(text);
  });
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));
