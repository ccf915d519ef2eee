import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pidsIn, surveyHere } from '../../src/adapters/cgroup.ts';
import { linkedCgroup } from '../../src/keeper/cgroups.ts';
import type { SpawnRequest } from '../../src/keeper/protocol.ts';
import { puppet, Rig } from './rig.ts';

/** What the kernel holds is tested in test/e2e/limits.test.ts; here it is enough that cgroups can be made, whatever they hold. */

const { place, lack } = surveyHere();
const limits = { cpu: 0.5, memory: 512 * 1024 * 1024 };

describe.skipIf(!place).each(['posix_spawn', 'child_process'])('%s: a life with limits', (kind) => {
  let rig: Rig;
  const base = (): string | null => linkedCgroup(join(rig.folder.run, 'cgroup'));
  beforeEach(async () => {
    rig = await Rig.start({ AZORA_SPAWNER: kind });
  });
  afterEach(() => rig.end());

  async function sixKinds(request: SpawnRequest): Promise<number[]> {
    await rig.channel.request('spawn', request);
    const kinds = ['plain', 'setsid', 'double-fork', 'ignores-term', 'setsid-ignores-term', 'emptied-environment'];
    for (const name of [...kinds, 'leader']) await rig.logged(`${name} `);
    return [...rig.log().matchAll(/^\S+ (\d+)$/gm)].map(([, pid]) => Number(pid));
  }

  test('is born in a cgroup of its own, with all that it forks; the keeper is not in it', async () => {
    const request = rig.request(['sh', '-c', 'sleep 1000 & setsid sleep 1000 & wait'], { limits });
    const answer = await rig.channel.request('spawn', request);
    expect(answer).toMatchObject({ ok: true, limits: { held: place!.controllers } });
    const path = join(base()!, 'mint.1');
    await expect.poll(() => pidsIn(path).length).toBe(3);
    expect(pidsIn(path)).not.toContain(rig.keeper.pid);
    expect((await rig.channel.request('tree', request)).map(({ pid }) => pid).toSorted()).toEqual(
      pidsIn(path).toSorted(),
    );
    const plain = rig.request(['sleep', '1000'], { instance: 'plain' });
    const { pid } = (await rig.channel.request('spawn', plain)) as { pid: number };
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toBe(readFileSync('/proc/self/cgroup', 'utf8'));
  });

  test('is killed to the last by way of it, and its cgroup is gone once it is forgotten', async () => {
    const request = rig.request([puppet('six-kinds.sh')], { limits });
    const members = await sixKinds(request);
    const path = join(base()!, 'mint.1');
    expect(await rig.channel.request('killTree', { ...request, timeoutMs: 5000 })).toEqual([]);
    expect(members.filter((pid) => existsSync(`/proc/${pid}/exe`))).toEqual([]);
    await rig.exitOf(request);
    await rig.channel.request('forget', { lives: [request] });
    expect(existsSync(path)).toBe(false);
  });

  test('is found again by the next keeper, which kills even whom nothing else gives away', async () => {
    const request = rig.request([puppet('six-kinds.sh')], { limits });
    const members = await sixKinds(request);
    const path = join(base()!, 'mint.1');
    await rig.killKeeper();
    await rig.startKeeper();
    const tree = (await rig.channel.request('tree', request)).map(({ pid }) => pid);
    // The one with an emptied environment and a session of its own, too.
    expect(tree).toEqual(expect.arrayContaining(members));
    expect(await rig.channel.request('killTree', { ...request, timeoutMs: 5000 })).toEqual([]);
    await rig.end();
    expect(existsSync(path)).toBe(false);
  });
});

test.runIf(!place)(`no cgroup can be made here: ${lack?.why}`, async () => {
  const rig = await Rig.start();
  const answer = await rig.channel.request('spawn', rig.request(['sleep', '1000'], { limits }));
  expect(answer).toMatchObject({ ok: true, limits: { held: [], reason: expect.stringContaining(lack!.why) } });
  await rig.end();
});

test('where no cgroup is wanted, the life begins without one, and why is said', async () => {
  const rig = await Rig.start({ AZORA_CGROUPS: 'no' });
  const answer = await rig.channel.request('spawn', rig.request(['sleep', '1000'], { limits }));
  expect(answer).toMatchObject({ ok: true, limits: { held: [], reason: expect.stringContaining('AZORA_CGROUPS=no') } });
  expect(linkedCgroup(join(rig.folder.run, 'cgroup'))).toBeNull();
  await rig.end();
});
