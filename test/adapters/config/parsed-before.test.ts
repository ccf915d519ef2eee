import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig, ParsedBefore } from '../../../src/adapters/config/load.ts';
import { folderOf } from './folder.ts';

const FILE = `
env: { TOKEN: "\${TOKEN:?say which}", AT: 1.10 }
x-base: &base
  restart: { policy: always, delay: 0s }
organs:
  web:
    <<: *base
    command: node server.js   # as it is
    ports: { http: auto }
  job: { command: ['true', 007], depends_on: [web] }
`;

/** Without variables. */
const PLAIN = `
env: { AT: 1.10 }
x-base: &base
  restart: { policy: always, delay: 0s }
organs:
  web: { <<: *base, command: node server.js, ports: { http: auto }, logs: { max_size: 3MB } }
  job: { kind: task, command: ['true', 007], depends_on: [web] }
`;

const CALLER = { TOKEN: 'secret-of-the-caller' };

/** As `up` does. */
async function loadAndKeep(cwd: string, env: Record<string, string>, path: string, schema: string | null = 'this one') {
  const parsed = new ParsedBefore(path, schema);
  const loaded = await loadConfig({ cwd, env, parsed });
  if (loaded.ok) parsed.keep(loaded.config);
  return loaded;
}

/** A folder with this file, to be loaded again and again. */
function kept(text: string) {
  const cwd = folderOf({ 'azora.yaml': text });
  const path = join(cwd, 'parsed.json');
  return {
    path,
    load: (env: Record<string, string> = CALLER, where = path) => loadAndKeep(cwd, env, where),
    loadBy: (schema: string | null) => loadAndKeep(cwd, CALLER, path, schema),
    fresh: (env: Record<string, string> = CALLER) => loadConfig({ cwd, env }),
    write: (other: string) => writeFileSync(join(cwd, 'azora.yaml'), other),
    text: () => readFileSync(path, 'utf8'),
  };
}

/** What was kept, with another command than the file has in the schema's result. */
function asIfChecked(text: string): string {
  const kept = JSON.parse(text);
  kept.checked.written.organs.web.command.argv = ['node', 'checked.js'];
  return JSON.stringify(kept);
}

const commandOf = async (loading: ReturnType<typeof loadConfig>) => {
  const loaded = await loading;
  return loaded.ok ? loaded.config.organs.web!.command.argv.join(' ') : loaded.problems;
};

describe('what a file said when it was parsed last', () => {
  test('is taken for the same text, and means the same', async () => {
    const file = kept(FILE);
    const first = await file.load();
    expect(first.ok).toBe(true);
    expect(await file.load()).toEqual(first);
    expect(await file.fresh()).toEqual(first);
    // It is really what was kept.
    writeFileSync(file.path, file.text().replaceAll('node server.js"', 'node kept.js"'));
    expect(await commandOf(file.load())).toBe('node kept.js');
  });

  test('a text that differs in one letter is parsed', async () => {
    const file = kept(FILE);
    await file.load();
    file.write(FILE.replace('server.js', 'serveR.js'));
    expect(await commandOf(file.load())).toBe('node serveR.js');
    expect(file.text()).not.toContain('server.js');
  });

  test('what the schema made of it is taken too, and means the same', async () => {
    const file = kept(PLAIN);
    const first = await file.load();
    expect(first.ok).toBe(true);
    expect(await file.load()).toEqual(first);
    expect(await file.fresh()).toEqual(first);
    // It is really what was kept.
    writeFileSync(file.path, asIfChecked(file.text()));
    expect(await commandOf(file.load())).toBe('node checked.js');
  });

  test('not by another schema, not by one that may be edited, and not with the value of a variable', async () => {
    const file = kept(PLAIN);
    await file.load();
    const tampered = asIfChecked(file.text());
    for (const schema of ['another', null]) {
      writeFileSync(file.path, tampered);
      expect(await commandOf(file.loadBy(schema))).toBe('node server.js');
    }
    const withVariables = kept(FILE);
    await withVariables.load();
    expect(JSON.parse(withVariables.text()).checked).toBeNull();
  });

  test('what it was before there were variables in it is forgotten, with the value that one stands for now', async () => {
    const file = kept(PLAIN.replace('1.10', 'hunter2value'));
    await file.load();
    expect(file.text()).toContain('hunter2value');
    file.write(PLAIN.replace('1.10', '"${AT}"'));
    const loaded = await file.load({ AT: 'another' });
    expect(loaded.ok && loaded.config.organs.web!.env.AT).toBe('another');
    expect(file.text()).not.toContain('hunter2value');
  });

  test('what JSON has no word for is not taken for what it has the same word for', async () => {
    const file = kept('organs: { db: { command: db }, web: { command: web, depends_on: { db: ~ } } }');
    expect((await file.load()).ok).toBe(true);
    file.write('organs: { db: { command: db }, web: { command: web, depends_on: { db: .inf } } }');
    expect(await file.load()).toMatchObject({
      ok: false,
      problems: [{ message: expect.stringContaining('Infinity') }],
    });
  });

  test('data that differs is checked, although a schema has seen other data', async () => {
    const file = kept(PLAIN);
    await file.load();
    file.write(PLAIN.replace('always', 'sometimes'));
    expect(await file.load()).toMatchObject({ ok: false, problems: [{ line: 4 }] });
    file.write(PLAIN.replace('always', 'never'));
    const loaded = await file.load();
    expect(loaded.ok && loaded.config.organs.web!.restart.policy).toBe('never');
  });

  test('variables are looked at each time, and mistakes have their places', async () => {
    const file = kept(FILE);
    await file.load();
    const unset = await file.load({});
    expect(unset).toMatchObject({ ok: false, problems: [{ line: 2, message: expect.stringContaining('say which') }] });
    expect(await file.fresh({})).toEqual(unset);
    expect(file.text()).not.toContain('secret-of-the-caller');
    expect(statSync(file.path).mode & 0o777).toBe(0o600);
  });

  test.each([
    ['cut short', (text: string) => text.slice(0, -20)],
    ['of another form', (text: string) => text.replace('"format":2', '"format":0')],
    ['empty', () => ''],
  ])('what was kept is %s: the file is parsed, and kept anew', async (_, damage) => {
    const file = kept(FILE);
    const first = await file.load();
    const whole = file.text();
    writeFileSync(file.path, damage(whole));
    expect(await file.load()).toEqual(first);
    expect(file.text()).toBe(whole);
  });

  test('a number that JSON has no word for, and a folder that is not there: nothing is kept, and nothing is said', async () => {
    const odd = kept(`${FILE}x-odd: .inf\n`);
    expect((await odd.load()).ok).toBe(true);
    expect(existsSync(odd.path)).toBe(false);
    const nowhere = kept(FILE);
    expect((await nowhere.load(CALLER, join(nowhere.path, 'nowhere'))).ok).toBe(true);
  });

  test('a file that holds a secret itself is not kept, and what was kept before it did is removed', async () => {
    const file = kept(FILE);
    await file.load();
    expect(existsSync(file.path)).toBe(true);
    file.write(FILE.replace('AT: 1.10', 'AT: 1.10, DB_PASSWORD: "sesame \\"open\\""'));
    const loaded = await file.load();
    expect(loaded.ok && loaded.config.organs.web!.env.DB_PASSWORD).toBe('sesame "open"');
    expect(existsSync(file.path)).toBe(false);
  });

  test('of files that include each other each is known by itself', async () => {
    const cwd = folderOf({
      'azora.yaml': 'include: more.yaml\norgans: { web: { command: one } }\n',
      'more.yaml': 'organs: { job: { command: two } }\n',
    });
    const parsedBefore = join(cwd, 'parsed.json');
    const first = await loadAndKeep(cwd, {}, parsedBefore);
    writeFileSync(join(cwd, 'more.yaml'), 'organs: { job: { command: three } }\n');
    const second = await loadAndKeep(cwd, {}, parsedBefore);
    expect([first, second].map((each) => each.ok && each.config.organs.job!.command.argv[0])).toEqual(['two', 'three']);
    expect(JSON.parse(readFileSync(parsedBefore, 'utf8')).files).toHaveLength(2);
  });
});
