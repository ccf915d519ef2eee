import { describe, expect, test } from 'vitest';
import type { StatusDocument } from '../../../src/core/status.ts';
import { rig } from '../rig.ts';
import { rest } from './shared.ts';

/** What changes by the load and by edits. */

describe('by themselves', () => {
  test('autoscale.min, .max, .cpu: never fewer, never more, by the load that is aimed at', {
    timeout: 150_000,
  }, async () => {
    // Some of a processor, whatever else the machine does: above what two of them aim at, below the 70 % that are usual.
    const work =
      'const used = () => process.cpuUsage().user + process.cpuUsage().system; const until = used() + 15e3; while (used() < until);';
    const loaded = [rig.node, '-e', `setInterval(() => { ${work} }, 100)`];
    await using system = await rig.system({
      yaml: {
        organs: {
          least: rest({ autoscale: { min: 2, max: 3 } }),
          most: { command: loaded, autoscale: { min: 1, max: 2, cpu: 3 } },
          more: { command: loaded, autoscale: { min: 1, max: 3, cpu: 3 } },
          usual: { command: loaded, autoscale: { min: 1, max: 3 } },
        },
      },
    });
    await system.expect(0, ['up', '-d']);
    // On the way from one to two there is for a moment one more, on its way out.
    // To start takes a processor for a moment, on a busy machine long enough to count: what was added for that goes again.
    const settled = ({ organs: all }: StatusDocument): boolean =>
      all.every(({ state }) => state === 'ready') &&
      ['more-3', 'most-2'].every((name) => all.some(({ instance }) => instance === name)) &&
      all.filter(({ organ }) => organ === 'usual').length === 1;
    const { organs } = await system.waitFor(settled, 100_000);
    const count = (name: string) => organs.filter(({ organ }) => organ === name).length;
    expect(['least', 'most', 'usual'].map(count)).toEqual([2, 2, 1]);
  });

  test('watch.paths, .ignore, .debounce: quiet for so long, then those restart who look there', async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          web: rest({ watch: { paths: ['src'], debounce: '1500ms' } }),
          ignores: rest({ watch: { paths: ['src'], ignore: ['*.ts'], debounce: '50ms' } }),
          elsewhere: rest({ watch: { paths: ['lib'], debounce: '50ms' } }),
        },
      },
      files: { 'src/a.ts': 'a', 'lib/b.ts': 'b' },
    });
    await system.expect(0, ['up', '-d']);
    system.listen();
    let last = 0;
    // The watcher looks around once before it hears anything: it is told until it may have heard, and then no more.
    for (let edits = 0; edits < 12; edits++) {
      system.write('src/a.ts', String(edits));
      last = Date.now();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const stopping = await system.waitForEvent(
      ({ type, organ }) => type === 'organ-stopping' && organ === 'web',
      15_000,
    );
    expect(Date.parse(stopping.ts) - last).toBeGreaterThan(1300);
    expect(stopping.data.cause).toMatch(/^src\/a\.ts changed \(watch\)$|^src\/a\.ts and \d+ more files changed/);
    const { organs } = await system.status();
    expect(organs.filter(({ organ }) => organ !== 'web').map(({ restarts }) => restarts)).toEqual([0, 0]);
  });
});
