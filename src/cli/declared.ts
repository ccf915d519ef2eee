import type { CommandContext } from './command.ts';
import { locateFile } from './locate.ts';

export interface DeclaredNames {
  readonly organs: readonly string[];
  readonly profiles: readonly string[];
}

/** What azora.yaml names as far as it can be read: its problems are for the commands that act on it. Fails with `no-file`. */
export async function declaredNames(context: Pick<CommandContext, 'global' | 'env' | 'cwd'>): Promise<DeclaredNames> {
  const file = locateFile(context);
  const { readFiles } = await import('../adapters/config/read-files.ts');
  // Values do not matter here, so neither do the variables in them.
  const { data } = await readFiles(file, { cwd: context.cwd, env: {}, readEnvFile: () => null });
  const organs = entriesOf(fieldOf(data, 'organs'));
  const profiles = [data, ...organs.map(([, organ]) => organ)].flatMap((each) => textsOf(fieldOf(each, 'profiles')));
  return { organs: organs.map(([name]) => name), profiles: [...new Set(profiles)] };
}

const entriesOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];

const fieldOf = (value: unknown, key: string): unknown => entriesOf(value).find(([name]) => name === key)?.[1];

const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
