import type { Draft, DraftOrgan, FoundMap } from './draft.ts';
import { asMap, filled, organNames, systemName } from './draft.ts';

export type PackageManager = 'npm' | 'pnpm' | 'yarn' | 'bun';

/** Scripts that go on for ever by their names. */
const LONG_RUNNING =
  /^(?:worker|workers|queue|jobs|scheduler|api|server|web|client|frontend|backend|storybook)(?::.+)?$/;
const GROUPS = ['dev', 'start', 'serve', 'watch'] as const;
const RUNNERS = /\b(?:concurrently|npm-run-all|run-p|turbo|nx|lerna|wireit|foreman|nf)\b/;

/**
 * The scripts of a package.json. Which of them become organs: where `dev` (else `start`, `serve`) only runs others of its name
 * (`dev:api`, `dev:web`), those; else itself; and those whose names say that they run on (worker, queue, api, web, …).
 */
export function fromPackageJson(data: FoundMap, manager: PackageManager): Draft {
  const scripts = Object.fromEntries(
    Object.entries(asMap(data.scripts)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
  const chosen = chosenScripts(scripts);
  const names = organNames(chosen.map(({ script }) => titleOf(script)));
  const isChosen = new Set(chosen.map(({ script }) => script));
  const left = Object.keys(scripts).filter((script) => !isChosen.has(script) && !/^(pre|post)/.test(script));
  return {
    name: typeof data.name === 'string' ? systemName(data.name.replace(/^@[^/]+\//, '')) : null,
    system: {},
    organs: chosen.map(({ script, why }): DraftOrgan => {
      const port = portOf(scripts[script]!);
      return {
        name: names.get(titleOf(script))!,
        inactive: false,
        keys: filled({
          description: `${script}: ${scripts[script]}`,
          command: `${manager} run ${script}`,
          ports: port === null ? null : { http: port },
        })!,
        notes: [`${script} is an organ: ${why}`],
      };
    }),
    notes: [
      ...(left.length > 0
        ? [`scripts that are left as they are, since they end by themselves or repeat another: ${left.join(', ')}`]
        : []),
      ...(data.workspaces !== undefined
        ? ['workspaces: their own scripts are not looked at; `cwd` and `command` make an organ of one']
        : []),
    ],
  };
}

interface Chosen {
  readonly script: string;
  readonly why: string;
}

function chosenScripts(scripts: Readonly<Record<string, string>>): Chosen[] {
  const found: Chosen[] = [];
  const main = GROUPS.find(
    (name) => name in scripts || Object.keys(scripts).some((each) => each.startsWith(`${name}:`)),
  );
  if (main !== undefined) {
    const parts = Object.keys(scripts).filter((script) => script.startsWith(`${main}:`));
    const isRunner = parts.length > 0 && (!(main in scripts) || RUNNERS.test(scripts[main]!));
    if (isRunner)
      found.push(...parts.map((script) => ({ script, why: `${main} runs it beside others, which azora does itself` })));
    else
      found.push({
        script: main,
        why: main === 'dev' ? 'it is what one works with' : 'it is what starts this project',
      });
  }
  for (const script of Object.keys(scripts)) {
    if (LONG_RUNNING.test(script) && !found.some((each) => each.script === script)) {
      found.push({ script, why: 'by its name it runs on' });
    }
  }
  return found;
}

/** `dev:api` is called api, `start` keeps its name. */
const titleOf = (script: string): string => script.replace(/^(?:dev|start|serve|watch):/, '');

function portOf(script: string): number | null {
  const [, port] = /(?:^|\s)(?:PORT=|--port[= ]|-p\s+)(\d{2,5})\b/.exec(script) ?? [];
  return port === undefined ? null : Number(port);
}
