import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { rig, type System } from './rig.ts';

const root = resolve(import.meta.dirname, '../..');

/** The root azora.yaml, with its state in the system's own folder and health asked for more often than every 30 s. */
async function azoraOs(): Promise<System> {
  return rig.system({
    yaml: {
      name: 'azora-os',
      include: [join(root, 'azora.yaml'), './often.yaml'],
      organs: {},
    },
    files: { 'often.yaml': JSON.stringify({ organs: { covenant: { health: { interval: '200ms' } } } }) },
    env: { NODE_COMPILE_CACHE: '' },
  });
}

const STEPS = [
  '👑 Supreme Orchestrator',
  '✨ Elara Deity',
  '🔗 Blockchain and mining',
  '🎓 Education',
  '🪙 Mint',
  'Health and security monitoring',
  'Comprehensive checks',
];

test('Azora OS boots in its seven steps, everything Healthy, and goes down to nothing', async () => {
  await using system = await azoraOs();
  const up = await system.expect(0, ['up', '-d', '--progress', 'json']);
  const events = up.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; data: { step?: string; status?: string; passed?: boolean } });
  const done = events.filter(({ type, data }) => type === 'boot-step' && data.status === 'done');
  expect(done.map(({ data }) => data.step)).toEqual(STEPS);
  expect(events.find(({ type }) => type === 'checks-completed')?.data.passed).toBe(true);
  expect(events.filter(({ type }) => type === 'system-ready')).toHaveLength(1);

  const { system: all, organs } = await system.status();
  expect(all).toMatchObject({ name: 'azora-os', phase: 'ready', status: 'Operational' });
  expect(new Set(organs.map(({ health }) => health))).toEqual(new Set(['Healthy']));
  const { stdout } = await system.expect(0, ['logs', 'covenant']);
  expect(stdout).toContain('covenant listens on http://127.0.0.1:');

  await system.expect(0, ['down']);
  await system.expectNothingLeft();
}, 120_000);

test('a chain file that somebody changed turns covenant Critical at the next check, with the block named', async () => {
  await using system = await azoraOs();
  await system.expect(0, ['up', '-d', 'covenant']);
  const chain = join(system.state.root, 'data/covenant/chain.jsonl');
  const honest = readFileSync(chain, 'utf8');
  const lines = honest.trimEnd().split('\n');
  const last = lines.length - 1;
  writeFileSync(
    chain,
    `${[...lines.slice(0, last), lines[last]!.replace(/"timestamp":(\d+)/, '"timestamp":1$1')].join('\n')}\n`,
  );
  expect(readFileSync(chain, 'utf8')).not.toBe(honest);

  const { organs } = await system.waitFor((status) =>
    status.organs.some(({ organ, health }) => organ === 'covenant' && health === 'Critical'),
  );
  expect(organs.find(({ organ }) => organ === 'covenant')?.reason).toContain(`chain invalid: block ${last}`);

  writeFileSync(chain, honest);
  await system.waitFor((status) =>
    status.organs.some(({ organ, health }) => organ === 'covenant' && health === 'Healthy'),
  );
}, 120_000);
