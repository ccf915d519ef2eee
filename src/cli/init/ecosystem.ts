import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fail } from '../../core/failures.ts';

/** Somebody's program, run to see what it says: in a process of its own, for so long, and no more of its words than this. */
const TIMEOUT_MS = 10_000;
const MAX_BYTES = 4 * 1024 * 1024;

/** Prints what the module exports, on a descriptor of its own: the file may print what it likes. */
const PRINT = `
const { pathToFileURL } = require('node:url');
const { writeSync } = require('node:fs');
import(pathToFileURL(process.argv[1])).then((module) => {
  const found = module.default ?? module;
  writeSync(3, JSON.stringify(typeof found === 'function' ? found() : found) ?? 'null');
  process.exit(0);
}, (error) => { console.error(error?.stack ?? error); process.exit(1); });
`;

/** What a pm2 ecosystem file says. A script is evaluated in a child process with a time bound, JSON is read. */
export async function evaluateEcosystem(path: string): Promise<unknown> {
  if (path.endsWith('.json')) return parse(path, readFileSync(path, 'utf8'));
  const { execa } = await import('execa');
  const result = await execa(nodeProgram(), ['-e', PRINT, resolve(path)], {
    cwd: dirname(resolve(path)),
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    forceKillAfterDelay: 500,
    maxBuffer: MAX_BYTES,
    reject: false,
  });
  if (result.timedOut) return fail('usage', `${path} did not say what it exports within ${TIMEOUT_MS / 1000} s`);
  const said = result.stdio[3];
  if (result.exitCode !== 0 || typeof said !== 'string') {
    const words = String(result.stderr ?? '')
      .trim()
      .split('\n')
      .slice(0, 6)
      .join('\n  ');
    return fail(
      'usage',
      `${path} cannot be evaluated: it ended with ${result.exitCode ?? result.signal ?? 'an error'}${words ? `\n  ${words}` : ''}`,
    );
  }
  return parse(path, said);
}

/** This Node, unless azora is one file with Node inside, which runs nothing but azora. */
const nodeProgram = (): string => (process.getBuiltinModule('node:sea').isSea() ? 'node' : process.execPath);

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    return fail('usage', `${path}: ${(cause as Error).message}`, null, cause);
  }
}
