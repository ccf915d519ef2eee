/** An organ's environment, layer over layer, and what the kernel would refuse of it. */
import type { OrganConfig } from './model.ts';
import type { Finding } from './problem.ts';

/** null: as the caller has it, whatever an earlier layer said. */
export type Layer = Readonly<Record<string, string | null>>;

/** What the layers give, of which later ones win. */
export function layerEnvironment(layers: readonly Layer[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer)) {
      if (value === null) delete env[name];
      else env[name] = value;
    }
  }
  return env;
}

/** Linux: MAX_ARG_STRLEN, for each argument and each variable, with its closing NUL. */
const LONGEST_STRING = 128 * 1024;
/** Linux: a quarter of the usual 8 MiB stack, for all of them and the pointers to them. */
const LARGEST_TOTAL = 2 * 1024 * 1024;
const POINTER = 8;

/** What the caller's environment takes of the total, in bytes. Each of its variables has been through execve already. */
export function callerBytes(caller: Readonly<Record<string, string>>): number {
  let total = 0;
  for (const [name, value] of Object.entries(caller)) total += byteLength(name) + byteLength(value) + 2 + POINTER;
  return total;
}

/** Arguments and variables that execve would refuse with E2BIG, said before anything is started. */
export function tooLarge(organ: OrganConfig, fromCaller: number): Finding[] {
  const findings: Finding[] = [];
  const path = ['organs', organ.name];
  let total = fromCaller;
  const measure = (bytes: number, at: Finding['path'], what: string) => {
    total += bytes + 1 + POINTER;
    if (bytes < LONGEST_STRING) return;
    const message = `${what} of organ ${organ.name} has ${bytes} bytes; the kernel takes at most ${LONGEST_STRING - 1}`;
    findings.push({ path: at, message });
  };
  for (const argument of organ.command.argv) measure(byteLength(argument), [...path, 'command'], 'an argument');
  for (const [name, value] of Object.entries(organ.env)) {
    measure(byteLength(name) + 1 + byteLength(value), [...path, 'env', name], `the variable ${name}`);
  }
  if (findings.length === 0 && total > LARGEST_TOTAL) {
    const message = `the arguments and environment of organ ${organ.name} have ${total} bytes; the kernel takes at most ${LARGEST_TOTAL}`;
    findings.push({ path: [...path, 'env'], at: 'key', message });
  }
  return findings;
}

/** In UTF-8. */
function byteLength(text: string): number {
  // A text far below the limits counts as if it were ASCII: encoding each would cost more than the answer is worth.
  return text.length < LONGEST_STRING / 3 ? text.length : new TextEncoder().encode(text).length;
}
