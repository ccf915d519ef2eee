import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../src/cli/commands/index.ts';
import { globalOptions } from '../src/cli/declare.ts';
import type { JsonSchema } from '../src/core/config/json-schema.ts';
import { EVENT_TYPES } from '../src/core/events.ts';
import { statusDocument } from '../src/core/status-view.ts';
import { organ, system as systemOf, World } from './core/machine/world.ts';

/** test/contract.md names a test for everything that users can rely on. */

const here = import.meta.dirname;
const page = readFileSync(join(here, 'contract.md'), 'utf8');

interface Row {
  readonly what: readonly string[];
  readonly file: string;
  readonly title: string;
}

const section = (title: string): Row[] => {
  const text = page.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...text.matchAll(/^\| (`.*?`) \| \[.*?\]\((.*?)\) \| (.*) \|$/gm)].map(([, what, file, title]) => ({
    what: [...what!.matchAll(/`([^`]+)`/g)].map(([, word]) => word!),
    file: file!,
    title: title!,
  }));
};
const SECTIONS = [...page.matchAll(/^## (.*)$/gm)].map(([, title]) => title!);

/** Every one of `all` has a row, and every row is about one of them. */
function expectEach(all: Iterable<string>, rows: readonly Row[]): void {
  const named = new Set(rows.flatMap(({ what }) => what));
  const known = new Set(all);
  expect({
    'without a row': [...known].filter((one) => !named.has(one)),
    'not there': [...named].filter((one) => !known.has(one)),
  }).toEqual({
    'without a row': [],
    'not there': [],
  });
}

/** The path of every key that has a name, with NAME where the name is the user's. */
function keysOf(root: JsonSchema): Set<string> {
  const found = new Set<string>();
  const visit = (written: JsonSchema, path: string): void => {
    if (isAnyJson(written)) return;
    const schema = written.$ref ? root.$defs![written.$ref.replace('#/$defs/', '')]! : written;
    for (const form of [...(schema.anyOf ?? []), ...(schema.items ? [schema.items] : [])]) visit(form, path);
    for (const [key, value] of Object.entries(schema.properties ?? {})) {
      const below = path === '' ? key : `${path}.${key}`;
      if (found.has(below)) continue;
      found.add(below);
      if (below !== 'defaults') visit(value, below);
    }
    const named = schema.additionalProperties;
    if (typeof named === 'object') visit(named, `${path}.NAME`);
  };
  visit(root, '');
  return found;
}

/** Data that is passed on as it is: it has no keys of ours. */
const isAnyJson = ({ $ref }: JsonSchema): boolean => $ref?.startsWith('#/$defs/__schema') ?? false;

test('every key of azora.yaml', () => {
  const schema = JSON.parse(readFileSync(join(here, '../azora.schema.json'), 'utf8')) as JsonSchema;
  expectEach(keysOf(schema), section('The keys of azora.yaml'));
});

test('every command and every flag', async () => {
  const flags = globalOptions().map(({ long }) => `azora ${long}`);
  for (const { name, aliases, load } of COMMANDS) {
    const { command } = await load();
    const declared = new Command(name);
    command.declare(declared);
    flags.push(name, ...aliases, ...declared.options.map(({ long }) => `${name} ${long}`));
  }
  expectEach(flags, section('The commands and their flags'));
});

test('every field of status, every view, every event', () => {
  const { system, organs } = statusDocument(new World(systemOf([organ('web')])).state, {
    now: { mono: 0, wall: 0 },
    pid: 1,
    keeperPid: 1,
    registryUrl: null,
    limits: () => ({ held: [], watched: [], reason: null }),
    mask: (text) => text,
    portsOf: () => ({}),
    urlOf: () => null,
    usageOf: () => ({ cpuPercent: null, rssBytes: null }),
  });
  const views = readFileSync(join(here, '../src/adapters/sqlite/migrations.ts'), 'utf8').matchAll(
    /create view (\w+)/gi,
  );
  expectEach(
    [
      ...Object.keys(system).map((field) => `status system.${field}`),
      ...Object.keys(organs[0]!).map((field) => `status organs.${field}`),
      ...[...views].map(([, view]) => `view ${view}`),
      ...EVENT_TYPES.map((type) => `event ${type}`),
    ],
    section('What scripts read'),
  );
});

test('every guarantee', () => {
  const numbers = new Set(section('The guarantees').flatMap(({ what }) => what.map((word) => word[0])));
  expect([...numbers].toSorted()).toEqual(['1', '2', '3', '4', '5', '6', '7', '8']);
});

describe.each(SECTIONS)('%s', (title) => {
  test.each(section(title))('$file: $title', ({ file, title: named }) => {
    const path = join(here, file);
    expect(existsSync(path)).toBe(true);
    const quoted = ["'", '"', '`'].map((quote) => `${quote}${named}${quote}`);
    const source = readFileSync(path, 'utf8');
    expect(quoted.some((text) => source.includes(text))).toBe(true);
  });
});
