// An organ that does what a test tells it, step by step. It connects to the unix socket in $PUPPET_SOCKET, introduces itself,
// and obeys orders, one JSON document a line: {"id": 1, "order": {"say": "hello"}} is answered by {"id": 1, …} when it is done.
// When the test goes away, so does it. `--listen` serves HTTP on $PORT from the start.
import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { floodChunks } from './flood.mjs';

const well = { status: 200, body: { status: 'pass' }, delayMs: 0, times: Number.POSITIVE_INFINITY };
let health = { ...well };
let asked = 0;

const server = createServer((request, response) => {
  if (request.url === '/healthz') asked++;
  const { status, body, delayMs } = health;
  if (--health.times <= 0) health = { ...well };
  setTimeout(() => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }, delayMs);
});

const listen = () =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(process.env.PORT), '127.0.0.1', () => resolve({ port: server.address().port }));
  });

/** Every order: what it takes, and what it answers once it is done. */
const ORDERS = {
  say: (text, { to = 'stdout', raw = false }) => void write(to === 'stderr' ? 2 : 1, raw ? text : `${text}\n`),
  exit: (code) => process.exit(code),
  kill: (signal) => void process.kill(process.pid, signal),
  /** From now on `/healthz` answers this: {status, body, delayMs}; with `times`, so often, and then as at first. */
  health: (given) => void Object.assign(health, given),
  /** How often `/healthz` was asked for. */
  asked: () => ({ asked }),
  listen,
  unlisten: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  /** Says that it is ready: `port`, `ipc` (the word), `fd`, or `log` (the line). */
  ready: (how, { word = 'ready', fd = 3 }) => {
    if (how === 'port') return listen();
    if (how === 'ipc') return new Promise((resolve) => process.send(word, resolve));
    write(how === 'fd' ? fd : 1, how === 'fd' ? '\n' : `${word}\n`);
  },
  flood: (bytes) => {
    for (const chunk of floodChunks(bytes)) write(1, chunk);
  },
  ignore: (signal) => void process.on(signal, () => {}),
  heed: (signal) => void process.removeAllListeners(signal),
  env: () => ({ env: process.env, cwd: process.cwd(), argv: process.argv }),
  /** Starts a child; `detached` gives it a session of its own. */
  spawn: ([file, ...args], { detached = false, env = process.env }) => {
    const child = spawn(file, args, { detached, env, stdio: 'ignore' });
    return new Promise((resolve, reject) => {
      child.once('spawn', () => resolve({ pid: child.pid }));
      child.once('error', reject);
    });
  },
  /** Hears nothing for so long, health checks included. */
  block: (ms) => {
    const until = performance.now() + ms;
    while (performance.now() < until);
  },
};

function write(fd, text) {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
}

async function obey({ id, order }) {
  const [name] = Object.keys(order);
  try {
    if (!Object.hasOwn(ORDERS, name)) throw new Error(`unknown order ${name}`);
    const { [name]: argument, ...more } = order;
    socket.write(`${JSON.stringify({ id, ...(await ORDERS[name](argument, more)) })}\n`);
  } catch (error) {
    socket.write(`${JSON.stringify({ id, error: error.message })}\n`);
  }
}

const socket = connect(process.env.PUPPET_SOCKET);
socket.on('error', () => process.exit(98));
socket.on('close', () => process.exit(99));
let rest = '';
socket.setEncoding('utf8').on('data', (text) => {
  const lines = (rest + text).split('\n');
  rest = lines.pop();
  for (const line of lines) void obey(JSON.parse(line));
});
if (process.argv.includes('--listen')) await listen();
const { AZORA_INSTANCE: instance, AZORA_ORGAN: organ } = process.env;
socket.write(`${JSON.stringify({ hello: instance ?? organ, pid: process.pid })}\n`);
