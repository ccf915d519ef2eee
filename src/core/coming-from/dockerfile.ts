/** What the last stage of a Dockerfile runs, and where: enough to run the same program without a container. */
export interface DockerfileRun {
  /** List: executed as it is. Text: by a shell. */
  readonly command: readonly string[] | string | null;
  readonly workdir: string | null;
  readonly env: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
  readonly from: string | null;
}

export function readDockerfile(text: string): DockerfileRun {
  const lines = text
    .replace(/\\\r?\n/g, ' ')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  let entrypoint: readonly string[] | string | null = null;
  let cmd: readonly string[] | string | null = null;
  let workdir: string | null = null;
  let from: string | null = null;
  let env: Record<string, string> = {};
  let ports: number[] = [];
  for (const line of lines) {
    const [, word = '', rest = ''] = /^(\w+)\s+(.*)$/s.exec(line) ?? [];
    switch (word.toUpperCase()) {
      case 'FROM':
        [entrypoint, cmd, workdir, env, ports] = [null, null, null, {}, []];
        from = rest.split(/\s+/).find((part) => !part.startsWith('--')) ?? null;
        break;
      case 'WORKDIR':
        workdir = rest;
        break;
      case 'ENTRYPOINT':
        entrypoint = execOrShell(rest);
        cmd = null;
        break;
      case 'CMD':
        cmd = execOrShell(rest);
        break;
      case 'ENV':
        env = { ...env, ...environment(rest) };
        break;
      case 'EXPOSE':
        ports.push(
          ...rest.split(/\s+/).flatMap((port) => (/^\d+(\/tcp)?$/.test(port) ? [Number.parseInt(port, 10)] : [])),
        );
        break;
      default:
    }
  }
  return { command: joined(entrypoint, cmd), workdir, env, ports, from };
}

function execOrShell(rest: string): readonly string[] | string {
  if (!rest.startsWith('[')) return rest;
  try {
    const list: unknown = JSON.parse(rest);
    if (Array.isArray(list) && list.every((word) => typeof word === 'string')) return list;
  } catch {
    // As docker does: what is no JSON is for the shell.
  }
  return rest;
}

/** An entrypoint of text takes no arguments. */
function joined(
  entrypoint: readonly string[] | string | null,
  cmd: readonly string[] | string | null,
): readonly string[] | string | null {
  if (entrypoint === null) return cmd;
  if (typeof entrypoint === 'string') return entrypoint;
  return [...entrypoint, ...(typeof cmd === 'string' ? ['/bin/sh', '-c', cmd] : (cmd ?? []))];
}

function environment(rest: string): Record<string, string> {
  const pairs = [...rest.matchAll(/([A-Za-z_]\w*)=(?:"([^"]*)"|(\S*))/g)];
  if (pairs.length > 0)
    return Object.fromEntries(pairs.map(([, name, quoted, plain]) => [name!, quoted ?? plain ?? '']));
  const [, name, value] = /^(\w+)\s+(.*)$/.exec(rest) ?? [];
  return name ? { [name]: value ?? '' } : {};
}
