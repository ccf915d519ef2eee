import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { loadConfig } from '../../adapters/config/load.ts';
import { type Draft, type DraftOrgan, withoutDangling } from '../../core/coming-from/draft.ts';
import type { Problem } from '../../core/config/problem.ts';
import type { CommandContext } from '../command.ts';
import { type Written, writeDraft } from './write.ts';

/** Each round puts at least one organ aside or softens one variable. */
const MOST_ROUNDS = 200;

/**
 * The draft as a file that azora accepts: what it would refuse is put aside as a comment, with what it says about it. A file is
 * judged where it will stand, since its paths are relative to it.
 */
export async function settle(draft: Draft, target: string, context: Pick<CommandContext, 'env'>): Promise<Draft> {
  let current = withoutDangling(withOptionalFiles(draft, dirname(target)));
  for (let round = 0; ; round++) {
    const written = writeDraft(current, '');
    const problems = await problemsOf(written.text, target, context.env);
    if (problems.length === 0) return current;
    const next = withoutDangling(mend(current, written, problems));
    if (round === MOST_ROUNDS || JSON.stringify(next) === JSON.stringify(current)) {
      throw new Error(
        `azora init made a file that azora refuses: ${problems.map(({ message }) => message).join('; ')}`,
      );
    }
    current = next;
  }
}

/** An env_file that is not there would be an error; whoever has it in another checkout keeps it. */
function withOptionalFiles(draft: Draft, folder: string): Draft {
  return {
    ...draft,
    organs: draft.organs.map((organ) => {
      const files = organ.keys.env_file;
      if (!Array.isArray(files)) return organ;
      const missing = files.filter((file: string) => !file.endsWith('?') && !existsSync(resolve(folder, file)));
      if (missing.length === 0) return organ;
      return {
        ...organ,
        keys: { ...organ.keys, env_file: files.map((file: string) => (missing.includes(file) ? `${file}?` : file)) },
        notes: [...organ.notes, `env_file ${missing.join(', ')} is not here: marked as optional with "?"`],
      };
    }),
  };
}

async function problemsOf(text: string, target: string, env: CommandContext['env']): Promise<readonly Problem[]> {
  const trial = join(dirname(target), `.${basename(target)}.${process.pid}.tmp.yaml`);
  writeFileSync(trial, text, { mode: 0o600, flag: 'wx' });
  try {
    const loaded = await loadConfig({ file: trial, cwd: dirname(target), env });
    return loaded.ok ? [] : loaded.problems;
  } finally {
    rmSync(trial, { force: true });
  }
}

function mend(draft: Draft, { lines }: Written, problems: readonly Problem[]): Draft {
  const about = (name: string): Problem[] =>
    problems.filter(({ line }) => {
      const [first, last] = lines.get(name) ?? [0, -1];
      return line !== null && line >= first && line <= last;
    });
  return {
    ...draft,
    organs: draft.organs.map((organ): DraftOrgan => {
      const mine = about(organ.name);
      if (organ.inactive || mine.length === 0) return organ;
      const required = mine.flatMap(({ message }) => /^the variable (\w+) is required/.exec(message)?.[1] ?? []);
      if (required.length === mine.length) return softened(organ, required);
      const said = mine.map(({ message }) => `azora refuses it: ${message}`);
      return { ...organ, inactive: true, notes: [...organ.notes, ...said] };
    }),
  };
}

function softened(organ: DraftOrgan, variables: readonly string[]): DraftOrgan {
  const pattern = new RegExp(`\\$\\{(${variables.join('|')}):?\\?[^}]*\\}`, 'g');
  const keys = JSON.parse(JSON.stringify(organ.keys).replace(pattern, '${$1:-}')) as DraftOrgan['keys'];
  const notes = variables.map(
    (name) => `${name} was required and is not set here: it is empty until it is (\${${name}:?…} requires it)`,
  );
  return { ...organ, keys, notes: [...organ.notes, ...notes] };
}
