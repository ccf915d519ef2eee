import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutAt } from '../../src/keeper/rotation.ts';

/** Plays the files that a sequence of chunks makes. */
function write(chunks: readonly string[], maxSize: number): string[] {
  const files = [''];
  for (const chunk of chunks) {
    let rest = Buffer.from(chunk);
    while (rest.length > 0) {
      const file = files.at(-1)!;
      const { take, rotate } = cutAt(
        { size: file.length, midLine: file !== '' && !file.endsWith('\n'), maxSize },
        rest,
      );
      expect(take > 0 || rotate).toBe(true); // or it would never end
      files[files.length - 1] += rest.toString('latin1', 0, take);
      if (rotate) {
        expect(files.at(-1)).not.toBe(''); // no empty file is left behind
        files.push('');
      }
      rest = rest.subarray(take);
    }
  }
  return files;
}

const line = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 30 }).map((text) => `${text}\n`);
/** Lines, and then the same bytes in pieces that know nothing of lines. */
const cutUp = fc
  .tuple(fc.array(line, { maxLength: 40 }), fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 20 }))
  .map(([lines, sizes]) => {
    const text = lines.join('');
    const pieces: string[] = [];
    for (let at = 0, i = 0; at < text.length; i++) {
      const size = sizes[i % sizes.length]!;
      pieces.push(text.slice(at, at + size));
      at += size;
    }
    return { text, pieces };
  });

test('no byte is lost, doubled or moved', () => {
  fc.assert(
    fc.property(cutUp, fc.integer({ min: 1, max: 64 }), ({ text, pieces }, maxSize) => {
      expect(write(pieces, maxSize).join('')).toBe(text);
    }),
  );
});

test('no line of up to maxSize is split, and no file exceeds twice maxSize', () => {
  fc.assert(
    fc.property(cutUp, fc.integer({ min: 31, max: 64 }), ({ pieces }, maxSize) => {
      const files = write(pieces, maxSize);
      for (const file of files.slice(0, -1)) expect(file.endsWith('\n')).toBe(true);
      for (const file of files) expect(file.length).toBeLessThanOrEqual(2 * maxSize);
    }),
  );
});

test('a line without an end does not make a file without an end', () => {
  const files = write(
    Array.from({ length: 100 }, () => 'x'.repeat(10)),
    64,
  );
  expect(files.map((file) => file.length)).toEqual([128, 128, 128, 128, 128, 128, 128, 104]);
});

test('small files are filled up to the last line that fits', () => {
  expect(write(['aaa\nbbb\nccc\nddd\n'], 8)).toEqual(['aaa\nbbb\n', 'ccc\nddd\n']);
  expect(write(['aaa\nbb', 'b\n', 'cc\n'], 8)).toEqual(['aaa\nbbb\n', 'cc\n']);
  expect(write(['aaa\nbbb\ncc', 'c\n'], 7)).toEqual(['aaa\n', 'bbb\nccc\n', '']); // a line is finished where it began
});
