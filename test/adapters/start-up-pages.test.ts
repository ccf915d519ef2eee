import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { unchangedFiles } from '../../src/adapters/start-up-pages.ts';

const entry = (head: string, dirtyKb: number, anonymousKb: number): string => `${head}
Size:                  8 kB
Rss:                   8 kB
Private_Dirty:         ${dirtyKb} kB
Anonymous:             ${anonymousKb} kB
VmFlags: rd ex mr mw me
`;

test('what is let go of is a file, may not be written, and was not', () => {
  const smaps = [
    entry('00400000-00402000 r-xp 00000000 fe:00 12 /usr/bin/node', 0, 0),
    entry('7f0000000000-7f0000001000 r--p 00000000 fe:00 12                         /usr/bin/with space', 0, 0),
    entry('00500000-00502000 r--p 00000000 fe:00 12 /usr/bin/node', 4, 4), // relocated, then closed to writing
    entry('00502000-00503000 r--p 00000000 fe:00 12 /usr/bin/node', 0, 4), // the same, swapped out
    entry('00600000-00602000 rw-p 00000000 fe:00 12 /usr/bin/node', 0, 0),
    entry('00700000-00702000 r-xp 00000000 00:00 0 ', 0, 0),
    entry('00800000-00802000 r-xp 00000000 00:00 0 [vdso]', 0, 0),
    entry('00900000-00902000 r--s 00000000 fe:00 13 /tmp/shared', 0, 0),
  ].join('');
  expect(unchangedFiles(smaps)).toEqual([
    { start: 0x400000n, bytes: 0x2000n },
    { start: 0x7f0000000000n, bytes: 0x1000n },
  ]);
});

test.skipIf(process.platform !== 'linux')('a process lets go of most of its program, and goes on', () => {
  const program = join(import.meta.dirname, 'fixtures/lets-go.ts');
  const { before, after, sum } = JSON.parse(execFileSync(process.execPath, [program], { encoding: 'utf8' }));
  expect(sum).toBe(499_999_500_000);
  expect(before - after).toBeGreaterThan(10_000); // kB
});
