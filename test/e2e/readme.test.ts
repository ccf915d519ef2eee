import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { rig } from './rig.ts';

/** The file and the commands that README.md gives for a project of one's own, as they stand there. */

const readme = readFileSync(join(resolve(import.meta.dirname, '../..'), 'README.md'), 'utf8');

function block(language: string, mark: string): string {
  const blocks = [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, text]) => text!,
  );
  const found = blocks.find((text) => text.includes(mark));
  if (found === undefined) throw new Error(`README.md has no ${language} block with "${mark}"`);
  return found;
}

const yaml = block('yaml', 'name: shop');
const commands = block('sh', 'azora up -d')
  .trim()
  .split('\n')
  .map((line) => line.replace(/\s+#.*/, '').split(' '));

/** Programs as README.md describes them. */
const files = {
  'api.js': `
    require('node:http')
      .createServer((request, response) => response.end(request.url === '/healthz' ? 'well' : 'bread'))
      .listen(process.env.PORT, '127.0.0.1');
  `,
  'worker.js': `
    fetch(process.env.API).then(async (answer) => console.log('the api sells', await answer.text()));
    setInterval(() => {}, 60_000);
  `,
};

test('the file is ten lines', () => expect(yaml.trim().split('\n')).toHaveLength(10));

test('the commands do what is said of them', async () => {
  await using system = await rig.system({ yaml, files });
  const said = new Map<string, string>();
  for (const [program, ...args] of commands) {
    expect(program).toBe('azora');
    said.set(args[0]!, (await system.expect(0, args)).stdout);
    if (args[0] === 'up') {
      const { system: whole, organs } = await system.status();
      expect(whole).toMatchObject({ name: 'shop', phase: 'ready', status: 'Operational' });
      expect(organs.map(({ organ, state }) => `${organ} ${state}`)).toEqual(['api ready', 'worker ready']);
      // What the worker says comes a moment after it is there.
      const following = system.start(['logs', '-f', 'worker']);
      await following.waitForLine(/the api sells bread/);
      following.signal('SIGINT');
      await following.finished();
    }
  }
  expect([...said.keys()]).toEqual(['config', 'up', 'status', 'logs', 'restart', 'down']);
  expect(said.get('config')).toContain('valid');
  expect(said.get('status')).toContain('Operational');
  expect(said.get('logs')).toContain('the api sells bread');
  await system.expectNothingLeft();
});
