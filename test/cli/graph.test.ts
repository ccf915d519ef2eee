import { describe, expect, test } from 'vitest';
import { project } from './project.ts';
import { azora } from './run.ts';

const YAML = `organs:
  db: { command: sleep 9 }
  api: { command: sleep 9, depends_on: [db] }
  web:
    command: sleep 9
    depends_on: { api: { condition: started, restart: true }, db: { condition: started, required: false } }
  end: { command: sleep 9 }
  debug: { command: sleep 9, profiles: [dev], depends_on: [web] }
`;
const graph = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await azora(['graph', ...args], { cwd: project(YAML) });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
};

describe('azora graph', () => {
  test('a tree, from those whom nobody needs', async () => {
    expect(await graph()).toBe(
      ['web', '├─ api started, restarts with it', '│  └─ db started', '└─ db started, optional', 'end', ''].join('\n'),
    );
  });

  test('JSON in the shape of the contract, with levels', async () => {
    const { version, organs } = JSON.parse(await graph('--format', 'json'));
    expect(version).toBe(1);
    expect(organs.map(({ organ, level }: { organ: string; level: number }) => [organ, level])).toEqual([
      ['db', 0],
      ['api', 1],
      ['web', 2],
      ['end', 0],
    ]);
    expect(organs[2].dependsOn).toEqual([
      { organ: 'api', condition: 'started', restart: true, required: true },
      { organ: 'db', condition: 'started', restart: false, required: false },
    ]);
  });

  test('Mermaid and DOT, whose own words are no trouble', async () => {
    const mermaid = await graph('--format', 'mermaid');
    expect(mermaid).toContain('  o_end["end"]\n');
    expect(mermaid).toContain('  o_web -.->|started, optional| o_db\n');
    const dot = await graph('--format', 'dot');
    expect(dot).toMatch(/^digraph azora \{\n/);
    expect(dot).toContain('  "web" -> "api" [label="started, restarts with it"];\n');
  });

  test('of other profiles; and of a file with an error, 2', async () => {
    expect(await graph('--profile', 'dev')).toMatch(/^debug\n/m);
    const { code, stderr } = await azora(['graph'], { cwd: project('organs: { a: { command: x, depends_on: [b] } }') });
    expect(code).toBe(2);
    expect(stderr).toContain('b');
  });

  test('what is needed twice is opened once', async () => {
    const yaml = `organs:
  a: { command: x }
  b: { command: x, depends_on: [a] }
  c: { command: x, depends_on: [b] }
  d: { command: x, depends_on: [b, c] }
`;
    const { stdout } = await azora(['graph'], { cwd: project(yaml) });
    expect(stdout).toBe('d\n├─ b started\n│  └─ a started\n└─ c started\n   └─ b started (see above)\n');
  });
});
