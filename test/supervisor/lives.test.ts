import { expect, test } from 'vitest';
import { fail } from '../../src/core/failures.ts';
import type { KeeperMethods, SpawnRequest } from '../../src/keeper/protocol.ts';
import type { KeeperChannel } from '../../src/supervisor/keeper-link.ts';
import { Lives } from '../../src/supervisor/lives.ts';

const REQUEST: SpawnRequest = {
  instance: 'web',
  generation: 1,
  organ: 'web',
  argv: ['true'],
  cwd: '/',
  env: {},
  cookie: 'c',
  logs: { maxSize: 1, maxFiles: 1, compress: 'none', merge: false },
  readiness: null,
};

/** A keeper that notes what it is asked. */
function keeper(): { readonly channel: KeeperChannel; readonly asked: string[] } {
  const asked: string[] = [];
  const request = async (method: keyof KeeperMethods, params: unknown) => {
    asked.push(method === 'inherit' ? `inherit ${JSON.stringify(params)}` : method);
    return method === 'spawn' ? { ok: true, pid: 1, startTime: '1', at: 0 } : null;
  };
  return { channel: { request } as unknown as KeeperChannel, asked };
}

const livesWith = (present: () => KeeperChannel): Lives =>
  new Lives(
    present,
    async () => {},
    async () => {},
  );

test('what is to be spawned while the keeper is being replaced is left to the next one', async () => {
  const lives = livesWith(() => fail('unreachable', 'the keeper is being replaced at the moment'));
  expect(await lives.spawn(REQUEST, {})).toBeNull();
});

test('each keeper is told once what is inherited, and again when that is another', async () => {
  const [first, second] = [keeper(), keeper()];
  let present = first.channel;
  const lives = livesWith(() => present);
  const env = { A: '1' };
  await lives.spawn(REQUEST, env);
  await lives.spawn(REQUEST, env);
  present = second.channel;
  await lives.spawn(REQUEST, env);
  await lives.spawn(REQUEST, { A: '2' });
  expect(first.asked).toEqual(['inherit {"env":{"A":"1"}}', 'spawn', 'spawn']);
  expect(second.asked).toEqual(['inherit {"env":{"A":"1"}}', 'spawn', 'inherit {"env":{"A":"2"}}', 'spawn']);
});
