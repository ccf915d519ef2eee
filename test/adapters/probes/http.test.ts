import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ProbeOutcome, runProbe } from '../../../src/adapters/probes/index.ts';
import type { CheckProbe, Expectation } from '../../../src/core/config/model.ts';
import { answering, at, EXPECT, freePort, httpAnswer, rawServer, TARGET } from './support.ts';

const GET = { kind: 'http', target: '/healthz', method: 'GET' } as const;

async function probing(
  onConnection: (socket: Socket) => void,
  options: { expect?: Partial<Expectation>; timeoutMs?: number } = {},
): Promise<ProbeOutcome & { port: number; open: number }> {
  await using server = await rawServer(onConnection);
  const outcome = await runProbe(GET, { ...EXPECT, ...options.expect }, at(server.port), options.timeoutMs ?? 5000);
  // The server sees the end of the connection only after the probe has settled.
  await Promise.all(
    server.sockets.map(
      (socket) => new Promise((resolve) => (socket.destroyed ? resolve(0) : socket.once('close', resolve))),
    ),
  );
  return { ...outcome, port: server.port, open: server.sockets.filter((socket) => !socket.destroyed).length };
}

describe('an honest server', () => {
  test('passes, with what its body says', async () => {
    const body = JSON.stringify({ status: 'warn', reason: 'queue is old', metrics: { queue: 7 } });
    expect(await probing(answering(httpAnswer(200, body)))).toMatchObject({
      verdict: 'pass',
      bodyStatus: 'degraded',
      bodyReason: 'queue is old',
      metrics: { queue: 7 },
    });
  });

  test('a 503 fails and still carries that its body says critical', async () => {
    const outcome = await probing(answering(httpAnswer(503, '{"status":"fail","reason":"chain is broken"}')));
    expect(outcome).toMatchObject({
      verdict: 'fail',
      reason: 'status 503, expected 200-299: chain is broken',
      bodyStatus: 'critical',
    });
  });

  test('a failed expectation shows the beginning of the body', async () => {
    const outcome = await probing(answering(httpAnswer(404, `no such\n page ${'x'.repeat(500)}`)));
    expect(outcome).toMatchObject({ reason: `status 404, expected 200-299: no such page ${'x'.repeat(187)}…` });
  });

  test('every probe comes over a connection of its own, which is closed', async () => {
    await using server = await rawServer(answering(httpAnswer(200, 'ok')));
    for (let i = 0; i < 3; i++) {
      expect(await runProbe(GET, EXPECT, at(server.port), 5000)).toMatchObject({ verdict: 'pass' });
    }
    expect(server.sockets).toHaveLength(3);
  });

  test('a check sends its method, headers and body', async () => {
    const seen: { request: IncomingMessage; body: string }[] = [];
    const server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      seen.push({ request, body });
      response.writeHead(201).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address() as { port: number };
    const check: CheckProbe = {
      kind: 'http',
      target: '/mine?deep=1',
      method: 'POST',
      headers: { 'Content-Type': 'application/x-own', authorization: 'Bearer t' },
      body: '{"blöck":1}',
    };
    expect(await runProbe(check, { ...EXPECT, status: [201] }, at(address.port), 5000)).toMatchObject({
      verdict: 'pass',
    });
    server.close();
    expect(seen[0]).toMatchObject({ body: '{"blöck":1}', request: { method: 'POST', url: '/mine?deep=1' } });
    expect(seen[0]!.request.headers).toMatchObject({ 'content-type': 'application/x-own', authorization: 'Bearer t' });
  });

  test('a whole URL goes where it says', async () => {
    await using server = await rawServer(answering(httpAnswer(200, 'ok')));
    const probe = { ...GET, target: `http://localhost:${server.port}/x` };
    expect(await runProbe(probe, EXPECT, at(1), 5000)).toMatchObject({ verdict: 'pass' });
  });

  const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
  test.skipIf(!hasIpv6)('answers on [::1]', async () => {
    await using server = await rawServer(answering(httpAnswer(200, 'ok')), '::1');
    expect(await runProbe(GET, EXPECT, at(server.port, '::1'), 5000)).toMatchObject({ verdict: 'pass' });
    const probe = { ...GET, target: `http://[::1]:${server.port}/` };
    expect(await runProbe(probe, EXPECT, TARGET, 5000)).toMatchObject({ verdict: 'pass' });
  });
});

describe('a hostile server', () => {
  test('refuses the connection', async () => {
    const port = await freePort();
    expect(await runProbe(GET, EXPECT, at(port), 5000)).toMatchObject({
      verdict: 'fail',
      reason: `connection to 127.0.0.1:${port} refused: nothing listens there`,
    });
  });

  test('resets it', async () => {
    const outcome = await probing((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(outcome).toMatchObject({ reason: `connection to 127.0.0.1:${outcome.port} was reset before it answered` });
  });

  test('closes it without a word', async () => {
    const outcome = await probing((socket) => socket.once('data', () => socket.end()));
    expect(outcome).toMatchObject({
      reason: `127.0.0.1:${outcome.port} accepted the connection and closed it without an answer`,
    });
  });

  test('hangs after accepting', async () => {
    const outcome = await probing((socket) => socket.resume(), { timeoutMs: 150 });
    expect(outcome).toMatchObject({
      verdict: 'fail',
      reason: `timed out after 150 ms (127.0.0.1:${outcome.port}, after the connection was accepted)`,
      open: 0,
    });
    expect(outcome.latencyMs).toBeGreaterThanOrEqual(140);
  });

  test('drips a byte at a time: the deadline is that of the whole exchange', async () => {
    const outcome = await probing(
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
        const drip = setInterval(() => socket.write('x'), 20);
        socket.on('close', () => clearInterval(drip));
        socket.resume();
      },
      { timeoutMs: 200 },
    );
    expect(outcome.verdict).toBe('fail');
    expect(outcome).toMatchObject({
      open: 0,
      reason: expect.stringMatching(/^timed out .*after its status 200 and \d+ bytes of body\): x+$/),
    });
    expect(outcome.latencyMs).toBeLessThan(1000);
  });

  test('sends 200 MB: 64 KiB are read and the connection is cut', async () => {
    let sent = 0;
    const outcome = await probing((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 200000000\r\n\r\n');
        const chunk = Buffer.alloc(64 * 1024, 'y');
        const more = () => {
          while (!socket.destroyed && sent < 200_000_000) {
            sent += chunk.length;
            if (!socket.write(chunk)) return void socket.once('drain', more);
          }
        };
        more();
      });
    });
    expect(outcome).toMatchObject({ verdict: 'pass', open: 0 });
    expect(sent).toBeLessThan(20_000_000); // what the kernel's buffers took
  });

  test('redirects: not followed, and said', async () => {
    const outcome = await probing(answering(httpAnswer(302, '', { location: 'http://elsewhere.invalid/' })));
    expect(outcome).toMatchObject({
      reason: 'status 302, expected 200-299 (a redirect to http://elsewhere.invalid/, which is not followed)',
    });
    expect(
      await probing(answering(httpAnswer(302, '', { location: '/' })), { expect: { status: [302] } }),
    ).toMatchObject({
      verdict: 'pass',
    });
  });

  test('answers with invalid JSON', async () => {
    const outcome = await probing(answering(httpAnswer(200, '{"valid": tru')), { expect: { json: { valid: true } } });
    expect(outcome).toMatchObject({ reason: 'the body is not JSON: {"valid": tru' });
  });

  test('speaks something else', async () => {
    const outcome = await probing(answering('220 mail.example ESMTP\r\n'));
    expect(outcome).toMatchObject({
      reason: expect.stringContaining(`127.0.0.1:${outcome.port} answered, but not in HTTP`),
    });
  });

  test('breaks off in the middle of a body', async () => {
    const outcome = await probing(answering('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'));
    expect(outcome).toMatchObject({ verdict: 'fail', reason: expect.stringContaining('broke off') });
  });

  test('is a name that does not exist', async () => {
    const outcome = await runProbe({ ...GET, target: 'http://no-such-host.invalid/' }, EXPECT, TARGET, 5000);
    expect(outcome).toMatchObject({ verdict: 'fail', reason: expect.stringMatching(/no-such-host\.invalid/) });
  });
});

/** A machine of its own as far as names go: an own network, whose only name server is 127.0.0.1. Linux, where namespaces may be made. */
function withADeafResolver(command: string) {
  const script = `ip link set lo up && echo "nameserver 127.0.0.1" >"$0" && mount --bind "$0" /etc/resolv.conf && ${command}`;
  const folder = mkdtempSync(join(tmpdir(), 'azora-resolver-'));
  try {
    const namespaces = ['--user', '--map-root-user', '--mount', '--net'];
    return spawnSync('unshare', [...namespaces, 'sh', '-c', script, join(folder, 'resolv.conf')], {
      encoding: 'utf8',
      timeout: 20_000,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
const canHaveOne = withADeafResolver('true').status === 0;

test.skipIf(!canHaveOne)('a name server that never answers: the deadline holds, and others are not held up', () => {
  const fixture = join(import.meta.dirname, 'fixtures/deaf-resolver.ts');
  const { stdout, stderr, status } = withADeafResolver(`exec "${process.execPath}" "${fixture}"`);
  expect(status, stderr).toBe(0); // it has ended in spite of the lookup
  const { asked, beside, outcomes } = JSON.parse(stdout);
  expect(asked).toBeGreaterThan(0);
  expect(beside).toMatchObject({ verdict: 'pass' });
  expect(outcomes).toHaveLength(6);
  for (const [n, outcome] of outcomes.entries()) {
    expect(outcome).toMatchObject({
      verdict: 'fail',
      reason: `timed out after 400 ms (host-${n}.example:8080, while connecting)`,
    });
    expect(outcome.latencyMs).toBeLessThan(3000);
  }
});

test('a path without any port says what is missing', async () => {
  expect(await runProbe(GET, EXPECT, TARGET, 5000)).toMatchObject({ reason: expect.stringContaining('needs a port') });
});

test('a cancelled probe settles at once and lets go of its connection', async () => {
  const abort = new AbortController();
  await using server = await rawServer((socket) => {
    socket.resume();
    abort.abort();
  });
  const outcome = await runProbe(GET, EXPECT, at(server.port), 60_000, abort.signal);
  expect(outcome).toMatchObject({ verdict: 'fail', reason: expect.stringContaining('the probe was cancelled') });
  expect(await runProbe(GET, EXPECT, at(server.port), 60_000, abort.signal)).toMatchObject({ verdict: 'fail' });
});

test('time in which azora itself stood still counts neither against the deadline nor as latency', async () => {
  const answer = answering(httpAnswer(200, 'ok'));
  const outcome = await probing(
    (socket) => {
      answer(socket);
      // Server and probe share this event loop: blocking it here is a supervisor that is stopped after it has asked.
      const until = performance.now() + 900;
      while (performance.now() < until);
    },
    { timeoutMs: 400 },
  );
  expect(outcome).toMatchObject({ verdict: 'pass' });
  expect(outcome.latencyMs).toBeLessThan(400);
});
