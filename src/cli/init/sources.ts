import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { fromCompose } from '../../core/coming-from/compose.ts';
import { type DockerfileRun, readDockerfile } from '../../core/coming-from/dockerfile.ts';
import { type Draft, type FoundMap, isMap } from '../../core/coming-from/draft.ts';
import { fromPackageJson, type PackageManager } from '../../core/coming-from/package-json.ts';
import { fromPm2 } from '../../core/coming-from/pm2.ts';
import { fromProcessCompose } from '../../core/coming-from/process-compose.ts';
import { fromProcfile } from '../../core/coming-from/procfile.ts';
import { fail } from '../../core/failures.ts';
import { evaluateEcosystem } from './ecosystem.ts';

/** The files of other tools that `azora init` reads. */
export interface Source {
  readonly kind: string;
  readonly isIt: (name: string) => boolean;
  readonly read: (path: string) => Draft | Promise<Draft>;
}

/** In the order in which they are taken: from the one that says most about order and health to the one that says least. */
export const SOURCES: readonly Source[] = [
  {
    kind: 'process-compose',
    isIt: (name) => /^process-compose\.ya?ml$/.test(name),
    read: (path) => fromProcessCompose(readYaml(path), beside(path)),
  },
  {
    kind: 'docker compose',
    isIt: (name) => /^(docker-)?compose\.ya?ml$/.test(name),
    read: (path) =>
      withOverride(path, fromCompose(readYaml(path), { ...beside(path), dockerfile: dockerfilesFrom(path) })),
  },
  {
    kind: 'pm2',
    isIt: (name) => /^(ecosystem|pm2)(\.config)?\.(js|cjs|mjs|json|ya?ml)$/.test(name),
    read: async (path) =>
      fromPm2(/\.ya?ml$/.test(path) ? readYaml(path) : await evaluateEcosystem(path), {
        cpus: availableParallelism(),
        variables: variablesIn(path),
      }),
  },
  {
    kind: 'Procfile',
    isIt: (name) => /^Procfile(\.\w+)?$/.test(name),
    read: (path) => fromProcfile(readFileSync(path, 'utf8'), beside(path)),
  },
  {
    kind: 'package.json',
    isIt: (name) => name === 'package.json',
    read: (path) => fromPackageJson(readJson(path), managerOf(path)),
  },
];

/** Preferred first within a kind: compose.yaml as compose itself prefers it, the development Procfile before the other. */
const PREFERRED = [
  'compose.yaml',
  'compose.yml',
  'docker-compose.yml',
  'docker-compose.yaml',
  'Procfile.dev',
  'Procfile',
];

export interface FoundSource {
  readonly path: string;
  readonly source: Source;
}

/** Those in a folder, in the order in which they are taken. */
export function findSources(folder: string): FoundSource[] {
  const rank = (name: string): number => (PREFERRED.indexOf(name) + PREFERRED.length + 1) % (PREFERRED.length + 1);
  const names = readdirSync(folder).sort((a, b) => rank(a) - rank(b));
  return SOURCES.flatMap((source) => names.filter(source.isIt).map((name) => ({ path: join(folder, name), source })));
}

/** The file that --from names, whatever its folder. */
export function sourceOf(path: string): FoundSource {
  const name = path.split('/').at(-1) ?? path;
  const source =
    SOURCES.find((each) => each.isIt(name)) ??
    SOURCES.find(({ kind }) =>
      kind === 'Procfile' ? /procfile/i.test(name) : kind === 'docker compose' ? /compose.*\.ya?ml$/.test(name) : false,
    );
  if (!source) {
    const known = 'a Procfile, a compose file, a package.json, a pm2 ecosystem file, a process-compose.yaml';
    return fail('usage', `azora init does not know what ${path} is`, `It reads ${known}.`);
  }
  if (!existsSync(path)) return fail('usage', `there is no ${path}`);
  return { path, source };
}

function readYaml(path: string): FoundMap {
  const document = parseDocument(readFileSync(path, 'utf8'), { merge: true });
  const [problem] = document.errors;
  if (problem) return fail('usage', `${path}: ${problem.message}`);
  const data: unknown = document.toJS({ maxAliasCount: 1000 });
  return isMap(data) ? data : fail('usage', `${path} holds no map`);
}

function readJson(path: string): FoundMap {
  try {
    const data: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (isMap(data)) return data;
  } catch (cause) {
    return fail('usage', `${path}: ${(cause as Error).message}`, null, cause);
  }
  return fail('usage', `${path} holds no map`);
}

/** The caller's variables that a script reads. */
function variablesIn(path: string): Record<string, string> {
  const names = [...readFileSync(path, 'utf8').matchAll(/process\.env(?:\.|\[['"])(\w+)/g)].map(([, name]) => name!);
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

const beside = (path: string): { readonly dotEnv: boolean } => ({ dotEnv: existsSync(join(dirname(path), '.env')) });

function dockerfilesFrom(path: string): (context: string, name: string) => DockerfileRun | null {
  return (context, name) => {
    try {
      return readDockerfile(readFileSync(resolve(dirname(path), context, name), 'utf8'));
    } catch {
      return null; // There is none, or it may not be read: the draft says what is missing.
    }
  };
}

/** Compose merges it without being told to. */
function withOverride(path: string, draft: Draft): Draft {
  const override = path.replace(/\.(ya?ml)$/, '.override.$1');
  if (!existsSync(override)) return draft;
  const name = override.split('/').at(-1);
  return {
    ...draft,
    notes: [...draft.notes, `${name}: it is not read; azora.override.yaml is merged in the same way`],
  };
}

function managerOf(path: string): PackageManager {
  const locks: readonly (readonly [string, PackageManager])[] = [
    ['pnpm-lock.yaml', 'pnpm'],
    ['yarn.lock', 'yarn'],
    ['bun.lock', 'bun'],
    ['bun.lockb', 'bun'],
  ];
  return locks.find(([lock]) => existsSync(join(dirname(path), lock)))?.[1] ?? 'npm';
}
