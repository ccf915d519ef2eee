import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { EventBus, NewEvent } from '../kit/index.ts';
import { type RunningOrgan, startOrgan, temporaryFolder } from '../kit/testing.ts';
import { generateKeys } from './keys.ts';
import { covenant } from './organ.ts';
import { RULES, type Rules } from './rules.ts';
import { signTransaction } from './transaction.ts';

const EASY: Rules = { ...RULES, initialDifficulty: 4, minDifficulty: 4, maxDifficulty: 6, reward: 100 };
const alice = generateKeys();

/** A node in `folder`, and what it told the bus in this life. */
async function node(folder: string): Promise<RunningOrgan & { told: () => string[] }> {
  const events: NewEvent[] = [];
  const bus: Pick<EventBus, 'publish' | 'close'> = {
    async publish(_, list) {
      events.push(...[list].flat());
      return [];
    },
    async close() {},
  };
  const organ = await startOrgan(await covenant({ folder, rules: EASY, autoMineMs: 0, bus: bus as EventBus }));
  const told = () =>
    events.map(({ type, data }) => {
      const { height, orphaned, amount } = data as Record<string, unknown>;
      return [type, height ?? amount, ...(orphaned === undefined ? [] : [orphaned])].join(' ');
    });
  return { ...organ, told };
}

const mine = (at: RunningOrgan) => at.post('/mine', { miner: alice.address });
const blocksOf = async (at: RunningOrgan) => (await at.get('/chain?limit=1000')).body.blocks;

test('blocks, transactions and a change of chain are told, in order, and once', async () => {
  const [folder, elsewhere] = [temporaryFolder(), temporaryFolder()];
  const [here, there] = [await node(folder), await node(elsewhere)];
  await mine(here);
  await here.post(
    '/transactions',
    signTransaction({ to: alice.address, amount: 7, nonce: 0, memo: '' }, alice, EASY.network),
  );
  await mine(here);
  await vi.waitFor(() => expect(here.told()).toEqual(['block-mined 1', 'transaction-accepted 7', 'block-mined 2']));

  for (let i = 0; i < 3; i++) await mine(there);
  await here.post('/chain', { blocks: await blocksOf(there) });
  await vi.waitFor(() => expect(here.told().slice(3)).toEqual(['chain-replaced 3 2']));
  await here.stop();

  const again = await node(folder);
  await mine(again);
  await vi.waitFor(() => expect(again.told()).toEqual(['block-mined 4']));
});

test('what a kill left untold is told by the next life: blocks that are in the file, another chain in its place', async () => {
  const [folder, elsewhere, other] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
  const [here, there] = [await node(folder), await node(elsewhere)];
  await mine(here);
  await there.post('/chain', { blocks: await blocksOf(here) });
  await here.stop();
  for (let i = 0; i < 2; i++) await mine(there);

  // as if the process had ended each time between the file and the outbox
  const chain = (of: string) => join(of, 'chain.jsonl');
  await there.stop();
  copyFileSync(chain(elsewhere), chain(folder));
  const second = await node(folder);
  await vi.waitFor(() => expect(second.told()).toEqual(['block-mined 2', 'block-mined 3']));
  await second.stop();

  const foreign = await node(other);
  for (let i = 0; i < 4; i++) await mine(foreign);
  await foreign.stop();
  copyFileSync(chain(other), chain(folder));
  const third = await node(folder);
  await vi.waitFor(() => expect(third.told()).toEqual(['chain-replaced 4 ']));
});
