import { chmodSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { rig } from './rig.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.info('skipped: only root may run an organ as another user');

describe.skipIf(!isRoot)('user', () => {
  test('an organ runs as the user that the file gives it, and its tree is gone after down', async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          who: { command: 'echo "I am $(id -un) of $HOME as $USER"; exec sleep 1000', cwd: '/', user: 'nobody' },
        },
      },
    });
    chmodSync(system.folder, 0o755);
    await system.expect(0, ['up', '-d']);
    const { stdout } = await system.expect(0, ['logs', 'who', '--no-prefix']);
    expect(stdout).toMatch(/^I am nobody of \/\S* as nobody$/m);
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
  });

  test('a user that there is not is a failed organ that says so', async () => {
    await using system = await rig.system({ yaml: { organs: { who: { command: 'true', user: 'no-such-user' } } } });
    const { stderr } = await system.expect(1, ['up', '-d']);
    expect(stderr).toContain('there is no user no-such-user on this machine');
  });
});
