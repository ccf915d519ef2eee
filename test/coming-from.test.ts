import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { azoraJsonSchema, type JsonSchema } from '../src/core/config/json-schema.ts';
import { refusal } from './documented-commands.ts';

/**
 * What docs/coming-from.md says of azora there is, and what it says is carried over `azora init` knows of. How each key is
 * converted is in core/coming-from/converters.test.ts.
 */

const root = resolve(import.meta.dirname, '..');
const page = readFileSync(join(root, 'docs/coming-from.md'), 'utf8');
const sources = join(root, 'src/core/coming-from');

const GUIDES = [
  { title: 'From docker compose', files: /^(compose|dockerfile|draft|images)/ },
  { title: 'From pm2', files: /^(pm2|draft)/ },
  { title: 'From foreman and other Procfiles', files: /^(procfile|draft)/ },
  { title: 'From process-compose', files: /^(process-compose|draft|environment)/ },
] as const;

interface Row {
  readonly theirs: string;
  readonly ours: string;
}

/** The tables of a section: the first is of keys, the second of commands. */
function tablesOf(title: string): [keys: readonly Row[], commands: readonly Row[]] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? '';
  const tables = section
    .split(/\n(?!\|)/)
    .map((block) =>
      block
        .split('\n')
        .filter((line) => line.startsWith('|'))
        .slice(2),
    )
    .filter((rows) => rows.length > 0)
    .map((rows) =>
      rows.map((row) => {
        const [, theirs = '', ours = ''] =
          row.split(' | ').length > 1 ? ['', ...row.replace(/^\| | \|$/g, '').split(' | ')] : [];
        return { theirs, ours };
      }),
    );
  return [tables[0] ?? [], tables[1] ?? []];
}

const codes = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);

/** Every key of azora.yaml, and every word that can be a value. */
function vocabulary(schema: JsonSchema, words = new Set<string>()): Set<string> {
  for (const [key, value] of Object.entries(schema.properties ?? {})) vocabulary(value, words.add(key));
  for (const value of [...(schema.enum ?? []), schema.const]) if (typeof value === 'string') words.add(value);
  const inner = [
    schema.items,
    schema.additionalProperties,
    ...(schema.anyOf ?? []),
    ...Object.values(schema.$defs ?? {}),
  ];
  for (const each of inner) if (typeof each === 'object') vocabulary(each, words);
  return words;
}

/** Names that a user chooses, and words that are not of the schema: an env_file, an ipc message, ports' names. */
const FREE = new Set([
  'NAME',
  'http',
  'env',
  'web',
  'command',
  'ready',
  'path',
  'url',
  'organs',
  'azora',
  'override',
  'yaml',
  'SIGINT',
  'PORT',
]);

describe.each(GUIDES)('$title', ({ title, files }) => {
  const [keys, commands] = tablesOf(title);

  test('maps keys and commands', () => {
    expect(keys.length).toBeGreaterThanOrEqual(6);
    expect(commands.length).toBeGreaterThanOrEqual(7);
  });

  test('every key of azora that it names there is', () => {
    const known = vocabulary(azoraJsonSchema());
    const unknown = keys
      .flatMap(({ ours }) => codes(ours))
      .filter((code) => !/^(azora|\$|--)/.test(code))
      .flatMap((code) => code.match(/[A-Za-z_]+(?:-[a-z]+)*/g) ?? [])
      .filter((word) => !known.has(word) && !FREE.has(word));
    expect(unknown).toEqual([]);
  });

  test('every key of theirs is known to what converts it', () => {
    const text = readdirSync(sources)
      .filter((name) => files.test(name))
      .map((name) => readFileSync(join(sources, name), 'utf8'))
      .join('\n');
    const unknown = keys
      .filter(({ ours }) => codes(ours).length > 0)
      .flatMap(({ theirs }) => codes(theirs))
      .filter((code) => /^[a-z_.[\]]+(: |$)/.test(code) && !code.endsWith('.yaml'))
      .flatMap((code) => code.replace(/: .*/, '').match(/[a-z_]+/g) ?? [])
      .filter((word) => !text.includes(word));
    expect(unknown).toEqual([]);
  });

  test.each([...keys, ...commands].flatMap(({ ours }) => codes(ours)).filter((code) => code.startsWith('azora ')))(
    '%s',
    async (line) => {
      expect(await refusal(line)).toBeNull();
    },
  );
});
