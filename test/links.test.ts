import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

/** Texts lead to each other and to files of the project; every such link has to lead somewhere. */

const root = resolve(import.meta.dirname, '..');

interface Link {
  readonly target: string;
  readonly line: number;
}

/** Folders that begin with a dot are not the project's text, nor is what npm installs. */
function pages(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' || entry.name.startsWith('.') ? [] : pages(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

/** Code shows links, it has none; it is blanked out, so that lines keep their numbers. */
function prose(path: string): string {
  return readFileSync(path, 'utf8')
    .replace(/^(```+)[\s\S]*?^\1$/gm, (block) => block.replace(/[^\n]/g, ''))
    .replace(/`[^`\n]*`/g, '');
}

function linksOf(path: string): Link[] {
  const text = prose(path);
  return [...text.matchAll(/\]\(([^()\s]+)\)|^\[[^\]]+\]:\s*(\S+)/gm)].map((match) => ({
    target: (match[1] ?? match[2])!,
    line: text.slice(0, match.index).split('\n').length,
  }));
}

/** The anchors of a page's headings, as GitHub and its like make them. */
function anchorsOf(path: string): Set<string> {
  const text = readFileSync(path, 'utf8').replace(/^(```+)[\s\S]*?^\1$/gm, '');
  const names = [...text.matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\p{Letter}\p{Number}\p{Mark}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
  const explicit = [...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, name]) => name!);
  return new Set([...names, ...explicit]);
}

/** null: it leads somewhere, or out of the project, where this test does not go. */
function trouble(page: string, target: string): string | null {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return null;
  const [path = '', anchor] = decodeURIComponent(target).split('#');
  const file = path === '' ? page : resolve(dirname(page), path);
  if (relative(root, file).startsWith('..')) return 'leads out of the project';
  if (!existsSync(file)) return 'is not there';
  if (anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).has(anchor)) return 'has no such heading';
  return null;
}

const all = pages(root);

describe('links', () => {
  test.each(all.map((page) => relative(root, page)))('%s', (name) => {
    const page = join(root, name);
    const dead = linksOf(page).flatMap(({ target, line }) => {
      const what = trouble(page, target);
      return what === null ? [] : [`${name}:${line}: ${target} ${what}`];
    });
    expect(dead).toEqual([]);
  });
});

test.each([
  ['docs', 'docs/README.md'],
  ['docs/decisions', 'docs/decisions/README.md'],
])('every page in %s is found from %s', (folder, index) => {
  const path = join(root, index);
  const found = new Set(linksOf(path).map(({ target }) => resolve(dirname(path), target.replace(/#.*/, ''))));
  const here = all.filter((page) => dirname(page) === join(root, folder) && page !== path);
  expect(here.filter((page) => !found.has(page)).map((page) => relative(root, page))).toEqual([]);
});
