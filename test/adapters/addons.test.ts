import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { addonFolders, loadAddon } from '../../src/adapters/addons.ts';

/** Any real addon will do. */
const library = dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json'));
const addon = readFileSync(join(library, 'prebuilds', `${process.platform}-${process.arch}.node`));
const FILE = 'database-0123.node';

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'azora-addons-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(scratch, { recursive: true });
});

/** Loads it, and answers what was said. */
function load(...folders: string[]): string {
  const said: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  expect(loadAddon(FILE, addon, folders)).toHaveProperty('Database');
  return said.join('');
}

describe('an addon', () => {
  test('is written into a private folder, and found there the next time', () => {
    const folder = join(scratch, 'cache');
    expect(load(folder)).toBe('');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder)).toEqual([FILE]);
    const { ino } = statSync(join(folder, FILE));
    load(folder);
    expect(statSync(join(folder, FILE)).ino).toBe(ino);
    // Restored from a backup, say: other times, the same content.
    utimesSync(join(folder, FILE), new Date(), new Date());
    load(folder);
    expect(statSync(join(folder, FILE)).ino).toBe(ino);
    // And is known to be whole from now on, without being compared.
    expect(statSync(join(folder, FILE)).mtime).toEqual(new Date('2000-01-01T00:00:00Z'));
  });

  test('that somebody has changed since is written anew', () => {
    const folder = join(scratch, 'cache');
    load(folder);
    const path = join(folder, FILE);
    chmodSync(path, 0o700);
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.alloc(100), 0, 100, 0);
    closeSync(file);
    load(folder);
    expect(readFileSync(path).equals(addon)).toBe(true);
  });

  test('that is not what it should be is written anew, never loaded', () => {
    mkdirSync(join(scratch, 'cache'), { mode: 0o700 });
    writeFileSync(join(scratch, 'cache', FILE), Buffer.alloc(addon.length));
    load(join(scratch, 'cache'));
    expect(readFileSync(join(scratch, 'cache', FILE)).equals(addon)).toBe(true);
  });

  test('a folder that others may read or write is closed to them first', () => {
    const folder = join(scratch, 'open');
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    load(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  test.each([
    ['a link', (path: string) => symlinkSync(scratch, path), 'a link or a file'],
    ['a file', (path: string) => writeFileSync(path, ''), 'EEXIST'],
    ['below a file', (path: string) => writeFileSync(dirname(path), ''), 'ENOTDIR'],
  ])('where the folder is %s the next is taken, and that is said once', (_, make, why) => {
    const first = join(scratch, 'some', 'first');
    if (why !== 'ENOTDIR') mkdirSync(dirname(first));
    make(first);
    const second = join(scratch, 'second');
    const said = load(first, second);
    expect(said).toContain(`${first} cannot hold azora's native code`);
    expect(said).toContain(why);
    expect(said).toContain(`${join(second, FILE)} is used instead`);
    expect(load(first, second)).toBe('');
  });

  test('without any place each is named, with its reason and what to do', () => {
    writeFileSync(join(scratch, 'file'), '');
    const folders = ['one', 'two'].map((name) => join(scratch, 'file', name));
    expect(() => loadAddon(FILE, addon, folders)).toThrow(
      /file\/one cannot hold .+file\/two cannot hold .+Set XDG_CACHE_HOME/,
    );
  });

  test('bytes that are no addon are refused', () => {
    expect(() => loadAddon(FILE, Buffer.from('no addon'), [join(scratch, 'cache')])).toThrow(/cannot be loaded/);
  });
});

test('the cache of the user comes first, then what is gone after a restart', () => {
  const folders = addonFolders({ XDG_CACHE_HOME: '/cache', XDG_RUNTIME_DIR: '/run/user/7' });
  expect(folders.slice(0, 2)).toEqual(['/cache/azora', '/run/user/7/azora']);
  for (const folder of folders.slice(2)) expect(folder).toMatch(new RegExp(`/azora-${process.geteuid?.()}$`));
  expect(addonFolders({})[0]).toMatch(/\.cache\/azora$/);
});
