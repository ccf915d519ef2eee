import { expect, test } from 'vitest';
import { FailureError, load, type SystemEvent } from '../../src/index.ts';
import { rig } from './rig.ts';

const yaml = {
  name: 'lib',
  organs: { a: { command: 'sleep 1000' }, b: { command: 'sleep 1000', depends_on: ['a'] } },
};

/** The rig's environment is what marks processes as its own. */
const marked = (mark: string) => ({ ...process.env, [mark.split('=')[0]!]: mark.split('=')[1]! });

test('a program loads a file, boots, hears what happens, acts, and stops', async () => {
  await using system = await rig.system({ yaml });
  const azora = await load({ file: system.path('azora.yaml'), env: marked(system.mark) });
  expect(Object.keys(azora.config.organs)).toEqual(['a', 'b']);
  await expect(azora.status()).rejects.toMatchObject({ failure: { kind: 'not-running' } });

  const told: SystemEvent[] = [];
  for await (const event of azora.boot()) told.push(event);
  expect(told.at(0)?.type).toBe('system-booting');
  expect(told.at(-1)?.type).toBe('system-ready');

  const heard: string[] = [];
  const abort = new AbortController();
  const listening = (async () => {
    for await (const event of azora.events({ signal: abort.signal })) {
      heard.push(event.type);
      if (event.type === 'organ-stopped') abort.abort();
    }
  })();
  await azora.up(); // nothing is missing
  await azora.stop('b');
  await listening;
  expect(heard).toContain('organ-stopping');
  expect((await azora.status()).organs.map(({ organ, state }) => `${organ} ${state}`)).toEqual([
    'a ready',
    'b stopped',
  ]);
  await azora.start('b');
  await expect(azora.restart('nobody')).rejects.toMatchObject({ failure: { kind: 'unknown-organ' } });

  await azora.down();
  await azora.down(); // idempotent
  await system.expectNothingLeft();
});

test('a broken file and a failing boot are failures with their reasons', async () => {
  await using broken = await rig.system({ yaml: 'version: 1\norgans:\n  a: { comand: x }\n' });
  await expect(load({ file: broken.path('azora.yaml') })).rejects.toBeInstanceOf(FailureError);
  await expect(load({ file: broken.path('azora.yaml') })).rejects.toThrow(/unknown key "comand"/);

  await using failing = await rig.system({
    yaml: { organs: { heart: { command: 'exit 3', critical: true, restart: 'never' } } },
  });
  const azora = await load({ file: failing.path('azora.yaml'), env: marked(failing.mark) });
  await expect(azora.up()).rejects.toThrow(/heart.*exited with code 3/);
  await azora.down();
});
