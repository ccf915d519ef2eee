import { describe, expect, test } from 'vitest';
import { runProbe } from '../../../src/adapters/probes/index.ts';
import { at, EXPECT, freePort, rawServer, TARGET } from './support.ts';

const tcp = (target: string | number) => ({ kind: 'tcp', target: String(target) }) as const;

describe('a tcp probe', () => {
  test('passes once the connection is accepted, and closes it without a byte', async () => {
    const heard: Promise<number>[] = [];
    await using server = await rawServer((socket) => {
      heard.push(
        new Promise((resolve) => {
          let bytes = 0;
          socket.on('data', (chunk) => (bytes += chunk.length));
          socket.on('close', () => resolve(bytes));
        }),
      );
    });
    expect(await runProbe(tcp(server.port), EXPECT, TARGET, 5000)).toMatchObject({ verdict: 'pass', bodyStatus: null });
    expect(await runProbe(tcp(`127.0.0.1:${server.port}`), EXPECT, TARGET, 5000)).toMatchObject({ verdict: 'pass' });
    expect(await runProbe(tcp(`localhost:${server.port}`), EXPECT, TARGET, 5000)).toMatchObject({ verdict: 'pass' });
    expect(await Promise.all(heard)).toEqual([0, 0, 0]);
  });

  test("a bare port is looked for on the endpoint's host", async () => {
    await using server = await rawServer(() => {}, '127.0.0.2');
    expect(await runProbe(tcp(server.port), EXPECT, at(1, '127.0.0.2'), 5000)).toMatchObject({ verdict: 'pass' });
    expect(await runProbe(tcp(server.port), EXPECT, at(1), 5000)).toMatchObject({ verdict: 'fail' });
  });

  test('names what refuses', async () => {
    const port = await freePort();
    const reason = `connection to 127.0.0.1:${port} refused: nothing listens there`;
    expect(await runProbe(tcp(port), EXPECT, TARGET, 5000)).toMatchObject({ verdict: 'fail', reason });
    expect(await runProbe(tcp(`localhost:${port}`), EXPECT, TARGET, 5000)).toMatchObject({
      reason: `connection to localhost:${port} refused: nothing listens there`,
    });
  });

  test.each(['0', '65536', 'x', 'host', ':1', '[::1]', '1:2:3'])('%s is no target', async (target) => {
    expect(await runProbe(tcp(target), EXPECT, TARGET, 5000)).toMatchObject({
      reason: `"${target}" is neither a port nor host:port`,
    });
  });
});

test('a probe that an organ answers by itself cannot be asked', async () => {
  expect(await runProbe({ kind: 'fd', fd: 3 }, EXPECT, TARGET, 5000)).toMatchObject({
    verdict: 'fail',
    reason: 'a probe of kind "fd" cannot be asked, only waited for',
  });
});
