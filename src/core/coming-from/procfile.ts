import type { Draft, DraftOrgan } from './draft.ts';
import { filled, literal, organNames, renamed } from './draft.ts';

const LINE = /^([A-Za-z0-9_-]+):\s*(.+)$/;

/** A Procfile (foreman, overmind, hivemind, Heroku): `name: command`, one a line. */
export function fromProcfile(text: string, has: { readonly dotEnv: boolean }): Draft {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const entries = lines.flatMap((line, index) => {
    if (line === '' || line.startsWith('#')) return [];
    const [, name, command] = LINE.exec(line) ?? [];
    return [{ line: index + 1, text: line, name, command }];
  });
  const unread = entries.filter(({ name }) => name === undefined);
  const processes = entries.flatMap(({ name, command }) => (name && command ? [{ name, command }] : []));
  const names = organNames(processes.map(({ name }) => name));
  return {
    name: null,
    system: filled({ env_file: has.dotEnv ? ['.env'] : null }) ?? {},
    organs: processes.map(({ name, command }) => organOf(name, command, names.get(name)!)),
    notes: [
      'foreman ends everything when one process ends: here it is started again; `azora up --abort-on-failure` does as foreman',
      ...unread.map(({ line, text: words }) => `line ${line} is no "name: command": ${words}`),
    ],
  };
}

function organOf(written: string, command: string, name: string): DraftOrgan {
  const usesPort = /\$\{?PORT\b/.test(command) || name === 'web';
  const isRelease = name === 'release';
  return {
    name,
    inactive: false,
    keys: filled({
      // Heroku runs it before a new version takes over.
      kind: isRelease ? 'task' : null,
      command: literal(command),
      ports: usesPort && !isRelease ? { http: 'auto' } : null,
    })!,
    notes: [
      ...renamed(written, name),
      ...(usesPort && !isRelease
        ? ['$PORT is chosen by azora and kept while it is free; write a number instead of auto to fix it']
        : []),
      ...(isRelease
        ? ['release runs once at each `azora up`; name it under depends_on of whoever has to wait for it']
        : []),
    ],
  };
}
