/** env_file: NAME=value lines, read as Node's own --env-file reads them (comments, quotes, `export`; nothing is interpolated). */
import { parseEnv } from 'node:util';
import { readText } from './source.ts';

export type EnvFile = { readonly values: Readonly<Record<string, string>> } | { readonly error: string };

/** Reads each file once, however many organs name it. null: there is no such file. */
export function envFileReader(): (path: string) => EnvFile | null {
  const known = new Map<string, EnvFile | null>();
  return (path) => {
    let file = known.get(path);
    if (file === undefined) {
      file = readEnvFile(path);
      known.set(path, file);
    }
    return file;
  };
}

function readEnvFile(path: string): EnvFile | null {
  const read = readText(path, `env_file ${path}`);
  if (read === null || 'error' in read) return read;
  if (read.text.includes('\0')) return { error: `env_file ${path} holds a NUL character, which no variable can` };
  return { values: parseEnv(read.text) as Record<string, string> };
}
