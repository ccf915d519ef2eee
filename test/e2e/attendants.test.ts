import { describe, expect, test } from 'vitest';
import { rig } from './rig.ts';

describe('watch', () => {
  test('an edit restarts the organ, once for a burst; what is ignored does not', async () => {
    await using system = await rig.system({
      yaml: {
        organs: { web: { ...rig.puppet(), watch: { paths: ['src'], ignore: ['*.test.ts'], debounce: '100ms' } } },
      },
      files: { 'src/a.ts': 'a', 'src/a.test.ts': 'a' },
    });
    await system.expect(0, ['up', '-d']);
    const before = await system.puppet('web').connected();
    // The watcher looks around once before it hears anything; an edit is repeated until it was heard.
    const edit = setInterval(() => {
      system.write('src/a.test.ts', String(Math.random()));
      system.write('src/a.ts', String(Math.random()));
    }, 500);
    const after = await system.puppet('web').connected(2);
    clearInterval(edit);
    expect(after).not.toBe(before);
    const told = await system.waitForEvent(
      ({ type, message }) => type === 'organ-stopping' && message.includes('src/a.ts'),
    );
    expect(told.instance).toBe('web');
    const { events } = system;
    expect(JSON.stringify(events)).not.toContain('a.test.ts changed');
  });
});

describe('schedules', () => {
  test('a task runs when its time comes, not at boot; what overlaps is skipped and counted', async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          tick: { command: 'true', kind: 'task', schedule: '* * * * * *' },
          slow: { command: 'sleep 1000', kind: 'task', schedule: '* * * * * *' },
        },
      },
    });
    await system.expect(0, ['up', '-d']);
    await system.waitFor(({ organs }) =>
      organs.some(({ organ, metrics }) => organ === 'tick' && (metrics.runs ?? 0) >= 2),
    );
    const { organs } = await system.waitFor((status) =>
      status.organs.some(({ organ, metrics }) => organ === 'slow' && (metrics.skipped ?? 0) >= 1),
    );
    expect(organs.find(({ organ }) => organ === 'slow')?.metrics.runs).toBe(1);
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
  });
});

describe('limits and loads', () => {
  test('more memory than it may have restarts an organ with that reason', async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          glutton: {
            command: [
              rig.node,
              '-e',
              "console.log('up');globalThis.hold=Buffer.alloc(300e6,1);setInterval(()=>{},1000)",
            ],
            health: { log: 'up' },
            resources: { memory: '128Mi' },
          },
        },
      },
    });
    await system.expect(0, ['up', '-d']);
    const { message } = await system.waitForEvent(({ type }) => type === 'organ-restarting');
    expect(message).toMatch(/it uses \d+ MiB of memory, more than its 128 MiB|it used more memory than its 128 MiB/);
  });

  test('a busy organ gets another instance, up to its maximum', async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          busy: { command: [rig.node, '-e', 'for(;;);'], replicas: 1, autoscale: { min: 1, max: 2, cpu: 20 } },
        },
      },
    });
    await system.expect(0, ['up', '-d']);
    const { organs } = await system.waitFor(
      (status) => status.organs.filter(({ state }) => state === 'ready').length === 2,
      60_000,
    );
    expect(organs.map(({ instance }) => instance)).toEqual(['busy-1', 'busy-2']);
  });
});
