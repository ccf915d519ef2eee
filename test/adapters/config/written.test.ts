import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/adapters/config/load.ts';
import { toYaml } from '../../../src/adapters/config/write.ts';
import { maskedForm, writtenForm } from '../../../src/core/config/written.ts';
import { EVERY_KEY } from './example.ts';
import { folderOf, resolved } from './folder.ts';

/** The file's meaning, written out and read again. */
async function twice(text: string) {
  const cwd = folderOf({ 'azora.yaml': text });
  const first = await loadConfig({ cwd, env: { CALLER: 'x' } });
  if (!first.ok) throw new Error(JSON.stringify(first.problems, null, 2));
  writeFileSync(`${cwd}/again.yaml`, toYaml(writtenForm(first.config)));
  const second = await loadConfig({ cwd, env: { CALLER: 'y' }, file: 'again.yaml' });
  if (!second.ok)
    throw new Error(`${readFileSync(`${cwd}/again.yaml`, 'utf8')}\n${JSON.stringify(second.problems, null, 2)}`);
  return { first: first.config, second: second.config };
}

describe('the resolved file', () => {
  it('means the same when it is read again', async () => {
    const { first, second } = await twice(EVERY_KEY.replace(/^ {2}old:.*\n/m, ''));
    expect(writtenForm(second)).toEqual(writtenForm(first));
    expect(second.configHash).toBe(first.configHash);
    const mint = ({ organs }: typeof first) => ({ ...organs.mint!, env: {}, source: null });
    expect(mint(second)).toEqual(mint(first));
  });

  it.each([' \n', '    \n', '  \n\t\n', '\n', ' \n x', 'a\n \n'])('keeps lines of white space: %j', async (value) => {
    const text = JSON.stringify({ organs: { a: { command: ['x', value], env: { V: value } } } });
    const { second } = await twice(text);
    expect(second.organs.a).toMatchObject({ command: { argv: ['x', value] }, env: { V: value } });
  });

  it('keeps any text in arguments and variables', async () => {
    const text = fc.string({
      unit: fc.constantFrom(
        'a',
        '$',
        '{',
        '}',
        '"',
        "'",
        '\\',
        ' ',
        '\n',
        '#',
        ':',
        '-',
        'é',
        '*',
        '&',
        '!',
        '|',
        '$$',
        '${A}',
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 3 }), text, async (words, value) => {
        const double = (each: string) => each.replaceAll('$', '$$$$');
        const file = JSON.stringify({
          organs: { a: { command: ['prog', ...words.map(double)], env: { V: double(value) } } },
        });
        const { first, second } = await twice(file);
        expect(first.organs.a!.command.argv).toEqual(['prog', ...words]);
        expect(first.organs.a!.env.V).toBe(value);
        expect(second.organs.a!.command.argv).toEqual(['prog', ...words]);
        expect(second.organs.a!.env).toMatchObject({ V: value });
        expect(second.configHash).toBe(first.configHash);
      }),
      { numRuns: 60 },
    );
  });

  it("has no caller's environment, and no secret anywhere", async () => {
    const config = await resolved(
      'redact: ["*_TOKEN", "DB_*"]\norgans: { a: { command: "run --token ${API_TOKEN}", env: { DB_URL: "pg://x", PLAIN: "see pg://x and me", NAME: a } } }',
      { env: { API_TOKEN: 'hunter22', HOME: '/home/me' } },
    );
    const shown = JSON.stringify(maskedForm(config));
    expect(shown).not.toMatch(/hunter22|pg:|HOME|API_TOKEN/);
    expect(maskedForm(config)).toMatchObject({
      organs: { a: { command: 'run --token ***', env: { DB_URL: '***', PLAIN: 'see *** and me', NAME: 'a' } } },
    });
  });
});
