/** An organ's environment, layer over layer, and what the kernel would refuse of it. */
import type { OrganConfig } from './model.ts';
import type { Finding } from './problem.ts';

/** null: as the caller has it, whatever an earlier layer said. */
export type Layer = Readonly<Record<string, string | null>>;

export interface Environment {
  readonly env: Readonly<Record<string, string>>;
  /** The names that a layer, and not the caller, gave their value. */
  readonly declared: readonly string[];
}

/** The caller's environment under `layers`, of which later ones win. */
export function layerEnvironment(caller: Readonly<Record<string, string>>, layers: readonly Layer[]): Environment {
  const env: Record<string, string> = { ...caller };
  const declared = new Set<string>();
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer)) {
      const chosen = value ?? (Object.hasOwn(caller, name) ? caller[name] : undefined);
      if (chosen === undefined) delete env[name];
      else env[name] = chosen;
      if (value === null) declared.delete(name);
      else declared.add(name);
    }
  }
  return { env, declared: [...declared] };
}

/** Linux: MAX_ARG_STRLEN, for each argument and each variable, with its closing NUL. */
const LONGEST_STRING = 128 * 1024;
/** Linux: a quarter of the usual 8 MiB stack, for all of them and the pointers to them. */
const LARGEST_TOTAL = 2 * 1024 * 1024;
const POINTER = 8;

/** Arguments and variables that execve would refuse with E2BIG, said before anything is started. */
export function tooLarge(organ: OrganConfig): Finding[] {
  const findings: Finding[] = [];
  const path = ['organs', organ.name];
  let total = 0;
  const measure = (text: string, at: Finding['path'], what: string) => {
    const bytes = byteLength(text) + 1;
    total += bytes + POINTER;
    if (bytes > LONGEST_STRING)
      findings.push({
        path: at,
        message: `${what} of organ ${organ.name} has ${bytes - 1} bytes; the kernel takes at most ${LONGEST_STRING - 1}`,
      });
  };
  for (const argument of organ.command.argv) measure(argument, [...path, 'command'], 'an argument');
  for (const [name, value] of Object.entries(organ.env))
    measure(`${name}=${value}`, [...path, 'env', name], `the variable ${name}`);
  if (findings.length === 0 && total > LARGEST_TOTAL) {
    const message = `the arguments and environment of organ ${organ.name} have ${total} bytes; the kernel takes at most ${LARGEST_TOTAL}`;
    findings.push({ path: [...path, 'env'], at: 'key', message });
  }
  return findings;
}

/** In UTF-8. Counting costs more than an upper bound, which nearly always settles it. */
function byteLength(text: string): number {
  return text.length * 3 < LONGEST_STRING ? text.length : new TextEncoder().encode(text).length;
}
