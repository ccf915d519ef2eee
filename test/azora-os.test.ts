import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

/** docs/azora-os.md is the map of azora.yaml, and every organ on it explains itself. */

const root = resolve(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const page = read('docs/azora-os.md');

interface Declared {
  readonly category: string;
  readonly replicas?: number;
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>;
  readonly route?: { readonly prefix: string };
}
const needsOf = ({ depends_on = [] }: Declared): string[] =>
  Array.isArray(depends_on) ? depends_on : Object.keys(depends_on);
const { organs, boot } = parse(read('azora.yaml')) as {
  organs: Record<string, Declared>;
  boot: { steps: { name: string }[] };
};

/** The rows of the table under a heading, without its head. */
function table(heading: string): string[][] {
  const [, rest] = page.split(`\n## ${heading}\n`);
  if (rest === undefined) throw new Error(`docs/azora-os.md has no section "${heading}"`);
  const lines = rest
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The arrows of the diagram, `a --> b & c` being two; `solid` or routes. */
function arrows(kind: 'solid' | 'routes'): string[] {
  const [, diagram = ''] = page.match(/```mermaid\n([\s\S]*?)```/) ?? [];
  const arrow = kind === 'solid' ? ' --> ' : ' -. routes .-> ';
  const nameOf = (text: string) => text.trim().replace(/[[(].*$/, '');
  return diagram
    .split('\n')
    .filter((line) => line.includes(arrow))
    .flatMap((line) => {
      const [from = '', to = ''] = line.split(arrow);
      return to.split(' & ').map((one) => `${nameOf(from)} ${nameOf(one)}`);
    })
    .filter((edge) => !edge.startsWith('client '))
    .toSorted();
}

describe('the map of Azora OS', () => {
  test('has each organ with its category, instances, route and what it needs', () => {
    const told = table('Who is who').map(([organ = '', , category, instances, route = '', needs = '']) => ({
      organ: /^\[([\w-]+)\]/.exec(organ)?.[1],
      category,
      replicas: Number(instances),
      prefix: /^`(.+)`$/.exec(route)?.[1],
      needs: needs === '' ? [] : needs.split(', '),
    }));
    const declared = Object.entries(organs).map(([organ, of]) => ({
      ...{ organ, category: of.category, replicas: of.replicas ?? 1, prefix: of.route?.prefix, needs: needsOf(of) },
    }));
    const byName = (a: { organ?: string | undefined }, b: { organ?: string | undefined }) =>
      (a.organ ?? '').localeCompare(b.organ ?? '');
    expect(told.toSorted(byName)).toEqual(declared.toSorted(byName));
  });

  test('has a diagram of all dependencies and routes', () => {
    const edges = Object.entries(organs).flatMap(([name, of]) => needsOf(of).map((on) => `${name} ${on}`));
    expect(arrows('solid')).toEqual(edges.toSorted());
    const routed = Object.entries(organs).filter(([, { route }]) => route !== undefined);
    expect(arrows('routes')).toEqual(routed.map(([name]) => `api-gateway ${name}`).toSorted());
  });

  test('has the seven steps', () => {
    const steps = boot.steps.map(({ name }) => name);
    const ofAnyBoot = ['Health and security monitoring', 'Comprehensive checks'];
    expect(table('The seven steps of a boot').map(([, step]) => step)).toEqual([...steps, ...ofAnyBoot]);
  });

  test('has the topic of each organ that tells something', () => {
    const topics = readdirSync(join(root, 'organs')).flatMap((folder) => {
      if (!existsSync(join(root, 'organs', folder, 'organ.ts'))) return [];
      const files = readdirSync(join(root, 'organs', folder)).filter((file) =>
        /^(?!.*(test|fixture)).*\.ts$/.test(file),
      );
      const sources = files.map((file) => read(`organs/${folder}/${file}`));
      return sources.flatMap((text) =>
        [...text.matchAll(/new Outbox\(.*topic: '(.+?)'|publish\('(.+?)'/g)].map(([, a, b]) => a ?? b),
      );
    });
    expect(table('What happens is told').map(([topic]) => topic?.replaceAll('`', ''))).toEqual(
      expect.arrayContaining([...new Set(topics)]),
    );
    expect(topics.length).toBeGreaterThan(5);
  });
});

test.each(Object.keys(organs))('%s explains itself in a README of a few lines, with its health', (organ) => {
  const text = read(`organs/${organ}/README.md`);
  expect(text).toMatch(new RegExp(`^# ${organ}\\b`));
  expect(text).toMatch(/Health/);
  const lines = text.trim().split('\n').length;
  expect(lines).toBeGreaterThanOrEqual(8);
  expect(lines).toBeLessThanOrEqual(20);
});
