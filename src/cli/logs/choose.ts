import { organsWithLogs, type Source, sourcesOf } from '../../adapters/logs/files.ts';
import type { CommandContext } from '../command.ts';
import { declaredNames } from '../declared.ts';
import { requireKnown } from '../organs.ts';

export interface LogChoice {
  /** null: every organ that has logs. */
  readonly organs: readonly string[] | null;
  readonly instances: (source: Source) => boolean;
}

/**
 * The logs that these names mean, organs or instances. Known is what has logs and, if that is not enough, what azora.yaml
 * names; a file that is broken or gone is no hindrance. Fails with `unknown-organ`.
 */
export async function chooseLogs(
  context: Pick<CommandContext, 'global' | 'env' | 'cwd'>,
  logsFolder: string,
  names: readonly string[],
): Promise<LogChoice> {
  if (names.length === 0) return { organs: null, instances: () => true };
  const withLogs = organsWithLogs(logsFolder);
  const organOf = new Map(withLogs.flatMap((organ) => sourcesOf(logsFolder, organ)).map((s) => [s.instance, s.organ]));
  for (const organ of withLogs) organOf.set(organ, organ);
  if (!names.every((name) => organOf.has(name))) {
    for (const organ of (await declaredNames(context)).organs) organOf.set(organ, organOf.get(organ) ?? organ);
    requireKnown(names, new Set(organOf.keys()));
  }
  return {
    organs: [...new Set(names.map((name) => organOf.get(name)!))],
    instances: ({ organ, instance }) => names.includes(organ) || names.includes(instance),
  };
}
