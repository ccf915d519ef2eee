import { Document, isMap as isYamlMap, type YAMLMap } from 'yaml';
import type { Draft, DraftOrgan } from '../../core/coming-from/draft.ts';

export interface Written {
  readonly text: string;
  /** Organ → its first and last line. */
  readonly lines: ReadonlyMap<string, readonly [number, number]>;
}

/**
 * The draft as a file for people: notes stand as comments before what they are about; what cannot run yet is a comment itself.
 * @param head lines above all others
 */
export function writeDraft(draft: Draft, from: string, head: readonly string[] = []): Written {
  const lines = [...head, `# Made by \`azora init\` from ${from}. Every key: azora config --schema`];
  for (const note of draft.notes) lines.push(...comment(note));
  lines.push('version: 1');
  if (draft.name !== null) lines.push(`name: ${JSON.stringify(draft.name)}`);
  if (Object.keys(draft.system).length > 0) lines.push(...yaml(draft.system).trimEnd().split('\n'));
  lines.push('', draft.organs.some(({ inactive }) => !inactive) ? 'organs:' : 'organs: {}');
  const places = new Map<string, readonly [number, number]>();
  for (const organ of draft.organs) {
    const first = lines.length + 1;
    lines.push(...organLines(organ), '');
    places.set(organ.name, [first, lines.length]);
  }
  return { text: `${lines.join('\n').trimEnd()}\n`, lines: places };
}

function organLines({ name, keys, notes, inactive }: DraftOrgan): string[] {
  const body = yaml({ [name]: inactive && keys.command === undefined ? { command: 'TODO', ...keys } : keys })
    .trimEnd()
    .split('\n');
  const said = notes.flatMap((note) => comment(note).map((line) => `  ${line}`));
  if (!inactive) return [...said, ...body.map((line) => `  ${line}`.trimEnd())];
  return [...said, ...body.map((line) => `  # ${line}`.trimEnd())];
}

/** A note may hold anything: a line of it is one comment. */
const comment = (note: string): string[] => note.split(/\r?\n/).map((line) => `# ${line}`.trimEnd());

/** Short lists and maps stand in one line, as people write them. */
function yaml(value: object): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  const visit = (node: unknown): void => {
    if (!isYamlMap(node)) return;
    for (const { value: item } of (node as YAMLMap).items) {
      if (typeof item === 'object' && item !== null && 'items' in item && String(JSON.stringify(item)).length < 70) {
        (item as YAMLMap).flow = true;
      } else visit(item);
    }
  };
  if (isYamlMap(document.contents)) for (const { value: item } of document.contents.items) visit(item);
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}
