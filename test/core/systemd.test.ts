import { describe, expect, test } from 'vitest';
import type { OrganConfig } from '../../src/core/config/model.ts';
import { stopMs, systemdUnit, unitName } from '../../src/core/systemd.ts';

interface Rough {
  readonly stopS: number;
  readonly needs?: readonly string[];
  readonly hooks?: readonly ('preStop' | 'postExit')[];
}

/** Of an organ only what the unit looks at. */
function organs(rough: Readonly<Record<string, Rough>>): Record<string, OrganConfig> {
  const entries = Object.entries(rough).map(([name, { stopS, needs = [], hooks = [] }]) => {
    const line = { shell: false, argv: ['true'], text: 'true' };
    const organ = {
      name,
      stop: { signal: 'SIGTERM', timeoutMs: stopS * 1000, command: null },
      dependsOn: needs.map((organ) => ({ organ, condition: 'started', restart: false, required: true })),
      hooks: {
        preStart: null,
        postReady: null,
        preStop: null,
        postExit: null,
        ...Object.fromEntries(hooks.map((hook) => [hook, line])),
      },
    };
    return [name, organ as unknown as OrganConfig];
  });
  return Object.fromEntries(entries);
}

const unit = (more: Partial<Parameters<typeof systemdUnit>[0]> = {}): string =>
  systemdUnit({
    config: {
      name: 'shop',
      file: '/srv/shop/azora.yaml',
      boot: { timeoutMs: 120_000, steps: [] },
      organs: organs({ web: { stopS: 10 } }),
    },
    azora: ['/usr/bin/azora', '--file', '/srv/shop/azora.yaml'],
    folder: '/srv/shop',
    user: 'shop',
    path: '/usr/bin:/bin',
    notifies: true,
    ...more,
  });

const value = (text: string, key: string): string | undefined => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1];

describe('the unit', () => {
  test('is named for the system', () => expect(unitName('shop')).toBe('azora-shop.service'));

  test('starts and stops by azora, as its user, in its folder', () => {
    const text = unit();
    expect(value(text, 'ExecStart')).toBe('/usr/bin/azora --file /srv/shop/azora.yaml up');
    expect(value(text, 'ExecStop')).toBe('/usr/bin/azora --file /srv/shop/azora.yaml down');
    expect(value(text, 'User')).toBe('shop');
    expect(value(text, 'WorkingDirectory')).toBe('/srv/shop');
    expect(value(text, 'Environment')).toBe('PATH=/usr/bin:/bin');
  });

  test('leaves the order of the stop to azora', () => expect(value(unit(), 'KillMode')).toBe('mixed'));

  test('waits for the boot as long as the boot may take, and for the stop as long as that may', () => {
    expect(value(unit(), 'TimeoutStartSec')).toBe('150s');
    expect(value(unit(), 'TimeoutStopSec')).toBe('40s');
  });

  test('does not start again what a new start does not mend', () => {
    expect(value(unit(), 'Restart')).toBe('on-failure');
    expect(value(unit(), 'RestartPreventExitStatus')).toBe('2 4 5');
  });

  test.each([
    [true, 'notify'],
    [false, 'exec'],
  ])('notifies %s: Type=%s', (notifies, type) => expect(value(unit({ notifies }), 'Type')).toBe(type));

  test.each([
    ['a blank', '/srv/my shop', '"/srv/my shop"'],
    ['a specifier of systemd', '/srv/100%n', '/srv/100%%n', true],
    ['a variable', '/srv/$HOME', '"/srv/$$HOME"'],
    ['quotes and backslashes', '/srv/a"b\\c', '"/srv/a\\"b\\\\c"'],
    ['another alphabet', '/srv/café', '"/srv/café"'],
    ['a semicolon', '/srv/a;b', '"/srv/a;b"'],
  ])('an argument with %s', (_, given, written, plain = false) => {
    const word = value(unit({ azora: ['/usr/bin/azora', given] }), 'ExecStart')!.slice(
      '/usr/bin/azora '.length,
      -' up'.length,
    );
    expect(plain ? word.replaceAll('"', '') : word).toBe(written);
  });

  test('a folder is written as it is, but for specifiers', () => {
    expect(value(unit({ folder: '/srv/my $shop 5%' }), 'WorkingDirectory')).toBe('/srv/my $shop 5%%');
  });
});

describe('the time a stop may take', () => {
  test.each([
    ['nothing', {}, 0],
    ['one organ', { a: { stopS: 10 } }, 10],
    ['organs side by side stop together', { a: { stopS: 10 }, b: { stopS: 15 } }, 15],
    [
      'a chain, one after the other',
      { a: { stopS: 10 }, b: { stopS: 5, needs: ['a'] }, c: { stopS: 1, needs: ['b'] } },
      16,
    ],
    [
      'the longest way through a diamond',
      {
        a: { stopS: 1 },
        b: { stopS: 20, needs: ['a'] },
        c: { stopS: 5, needs: ['a'] },
        d: { stopS: 1, needs: ['b', 'c'] },
      },
      22,
    ],
    ['hooks of the stop', { a: { stopS: 10, hooks: ['preStop', 'postExit'] } }, 70],
    ['a dependency that is not active', { a: { stopS: 10, needs: ['gone'] } }, 10],
  ] as const)('%s', (_, rough, expected) =>
    expect(stopMs(organs(rough as Record<string, Rough>))).toBe(expected * 1000),
  );
});
