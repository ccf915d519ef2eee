import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { main } from '../../src/cli/main.ts';

/** `azora …` in a folder with this azora.yaml. */
async function azora(file: string | null, ...argv: string[]) {
  const cwd = mkdtempSync(join(tmpdir(), 'azora-cli-config-'));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  if (file !== null) writeFileSync(join(cwd, 'azora.yaml'), file);
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    write: (chunk: string | Uint8Array) => {
      written[name] += chunk;
      return true;
    },
  });
  const code = await main(argv, {
    cwd,
    env: { HOME: '/home/me', API_TOKEN: 'hunter22' },
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    onSignal: () => () => {},
  });
  return { code, ...written };
}

const FILE =
  'name: shop\norgans: { web: { command: "node s.js --token ${API_TOKEN}", depends_on: { job: { condition: completed } } }, job: { command: x }, dev: { command: x, profiles: [dev] } }\n';

describe('azora config', () => {
  it('prints the resolved file as YAML, warnings apart, without secrets and the caller', async () => {
    const { code, stdout, stderr } = await azora(FILE, 'config');
    expect(code).toBe(0);
    expect(parse(stdout)).toMatchObject({
      version: 1,
      name: 'shop',
      organs: { web: { command: 'node s.js --token ***', env: {} } },
    });
    expect(stdout).not.toMatch(/hunter22|\/home\/me/);
    expect(stderr).toBe(
      'warning: azora.yaml: organ web waits for job to complete, and job is restarted whenever it exits (restart: always)\n',
    );
  });

  it('--json prints the same as one JSON document', async () => {
    const { stdout } = await azora(FILE, 'config', '--json');
    expect(JSON.parse(stdout)).toEqual(
      parse((await azora(FILE, 'config')).stdout.replaceAll(/cwd: .*/g, `cwd: ${JSON.parse(stdout).organs.web.cwd}`)),
    );
  });

  it('--profile activates others, as often as it is given', async () => {
    const { stdout } = await azora(FILE, 'config', '--json', '--profile', 'a', '--profile', 'dev');
    expect(Object.keys(JSON.parse(stdout).organs)).toEqual(['web', 'job', 'dev']);
  });

  it('--check says in one line that the file is valid', async () => {
    const { code, stdout } = await azora(FILE, 'config', '--check');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\/.*azora.yaml is valid: 2 organs \(1 more in inactive profiles\)\n$/);
  });

  it('ends with 2 and every problem on stderr when it is not', async () => {
    const { code, stdout, stderr } = await azora('organs: { web: { comand: x } }\n', 'config', '--check');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('azora.yaml:1:18 unknown key "comand"\n');
    expect(stderr).toContain('did you mean "command"?');
    expect(stderr).toContain('organ web has no command');
  });

  it('ends with 2 where there is no file', async () => {
    const { code, stderr } = await azora(null, 'config');
    expect(code).toBe(2);
    expect(stderr).toContain('no azora.yaml or azora.yml in ');
  });

  it('--schema prints azora.schema.json, with or without a file', async () => {
    const { code, stdout } = await azora(null, 'config', '--schema');
    expect(code).toBe(0);
    expect(stdout).toBe(readFileSync(new URL('../../azora.schema.json', import.meta.url), 'utf8'));
  });

  it('refuses what does not go together', async () => {
    expect(await azora(FILE, 'config', '--json', '--check')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('--json and --check cannot be combined'),
    });
    expect(await azora(FILE, 'config', 'web')).toMatchObject({ code: 2, stdout: '' });
  });
});
