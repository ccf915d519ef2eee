import type { DockerfileRun } from './dockerfile.ts';
import type { Found, Reader } from './draft.ts';
import { asMap, asTexts, braced, isMap, isScalar, literal } from './draft.ts';
import { nativeOf } from './images.ts';

/** What of a service can run without its container. */
export interface Program {
  /** null: nothing is known that could run here. */
  readonly command: string | readonly string[] | null;
  readonly cwd: string | null;
  readonly env: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
}

/**
 * A service that is built from this project runs here from its build folder, by its own command or its Dockerfile's. One of a
 * foreign image has no program here: what to do instead is said.
 */
export function withoutContainer(
  read: Reader,
  dockerfileOf: (context: string, name: string) => DockerfileRun | null,
  notes: string[],
): Program {
  const build = read.take('build');
  const image = read.take('image');
  const platform = read.take('platform');
  const entrypoint = read.take('entrypoint');
  const own = read.take('command');
  const folders = bindMounts(read.take('volumes'), notes);
  const context = isMap(build) ? String(build.context ?? '.') : isScalar(build) ? String(build) : null;
  const dockerfile = context === null ? null : dockerfileOf(context, String(asMap(build).dockerfile ?? 'Dockerfile'));
  if (platform !== undefined) notes.push('platform: it concerns containers only');

  const workdir = read.take('working_dir');
  const inside = isScalar(workdir) ? String(workdir) : (dockerfile?.workdir ?? null);
  const cwd = folderHere(inside, folders, context, isScalar(workdir), notes);
  const command =
    commandOf(entrypoint, own) ?? (entrypoint === undefined ? asLiteral(dockerfile?.command ?? null) : null);
  const env = Object.fromEntries(Object.entries(dockerfile?.env ?? {}).map(([name, value]) => [name, literal(value)]));

  if (context !== null && command !== null) {
    const base = dockerfile?.from ? ` (${dockerfile.from})` : '';
    notes.push(
      `build ${context}: it runs here, without its image${base}: what that brings along has to be installed on this machine`,
    );
    return { command, cwd, env, ports: dockerfile?.ports ?? [] };
  }
  if (context !== null) {
    notes.push(
      `build ${context}: its Dockerfile says no command that could be read: write it, and remove the comment signs`,
    );
    return { command: null, cwd, env, ports: dockerfile?.ports ?? [] };
  }
  // A command of its own over this project's files, mounted into a stock image: the image is only the interpreter.
  if (command !== null && folders.length > 0 && inside !== null && isScalar(image)) {
    notes.push(
      `image ${image}: it runs here, without its image: what that brings along has to be installed on this machine`,
    );
    return { command, cwd, env, ports: [] };
  }
  if (isScalar(image)) notes.push(...nativeOf(String(image)));
  else notes.push('it has neither build nor image: write its command, and remove the comment signs');
  return { command: null, cwd: null, env, ports: [] };
}

const asLiteral = (command: readonly string[] | string | null): string | readonly string[] | null =>
  command === null ? null : typeof command === 'string' ? literal(command) : command.map(literal);

/** Compose splits a text into words; plain words mean the same here. */
function commandOf(entrypoint: Found, command: Found): string | string[] | null {
  const first = wordsOf(entrypoint);
  const rest = wordsOf(command);
  if (first === null) return rest;
  if (rest === null) return first;
  if (typeof first === 'string' && typeof rest === 'string') return `${first} ${rest}`;
  return [
    ...(typeof first === 'string' ? first.split(/\s+/) : first),
    ...(typeof rest === 'string' ? rest.split(/\s+/) : rest),
  ];
}

function wordsOf(found: Found): string | string[] | null {
  if (typeof found === 'string') return found.trim() === '' ? null : braced(found.trim());
  const words = asTexts(found).map(braced);
  return words.length === 0 ? null : words;
}

interface Mount {
  readonly here: string;
  readonly inside: string;
}

function bindMounts(found: Found, notes: string[]): Mount[] {
  return (Array.isArray(found) ? found : []).flatMap((volume: unknown): Mount[] => {
    const map = asMap(volume);
    const [here = '', inside = ''] = isScalar(volume)
      ? String(volume).split(':')
      : [String(map.type === 'bind' ? map.source : ''), String(map.target ?? '')];
    if (/^[.~/]/.test(here) && inside.startsWith('/')) {
      notes.push(`volume ${here}: the program sees that folder itself; it was ${inside} inside the container`);
      return [{ here, inside: inside.replace(/(?<=.)\/$/, '') }];
    }
    const what = isScalar(volume) ? String(volume) : `${map.source ?? map.type} at ${map.target}`;
    notes.push(`volume ${what}: give the program a folder of this machine instead`);
    return [];
  });
}

/** The folder of this project that is `inside` in the container. */
function folderHere(
  inside: string | null,
  mounts: readonly Mount[],
  context: string | null,
  isSaid: boolean,
  notes: string[],
): string | null {
  if (inside !== null) {
    const mount = mounts.find((each) => inside === each.inside || inside.startsWith(`${each.inside}/`));
    if (mount) return `${mount.here}${inside.slice(mount.inside.length)}`;
    if (isSaid && !inside.startsWith('/')) return context === null ? inside : `${context}/${inside}`;
    if (isSaid)
      notes.push(
        `working_dir ${inside} is a folder of the container: here it is ${context ?? 'the folder of this file'}`,
      );
  }
  return context === '.' || context === './' ? null : context;
}
