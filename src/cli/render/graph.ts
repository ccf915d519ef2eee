import type { ChalkInstance } from 'chalk';
import type { Dependency } from '../../core/config/model.ts';
import type { GraphDocument, GraphOrgan } from '../../core/dependency-view.ts';

/** Who depends on whom, as text: a tree for people, Mermaid and DOT for pictures. */

/** Those whom nobody needs, each with what it needs below it. What was shown before is not opened again. */
export function graphTree({ organs }: GraphDocument, style: ChalkInstance): string {
  const byName = new Map(organs.map((organ) => [organ.organ, organ]));
  const needed = new Set(organs.flatMap(({ dependsOn }) => dependsOn.map(({ organ }) => organ)));
  const opened = new Set<string>();
  const lines: string[] = [];
  const visit = ({ organ, dependsOn }: GraphOrgan, label: string, lead: string): void => {
    const again = opened.has(organ) && dependsOn.length > 0;
    lines.push(`${label}${again ? style.dim(' (see above)') : ''}`);
    if (again) return;
    opened.add(organ);
    for (const [index, need] of dependsOn.entries()) {
      const last = index === dependsOn.length - 1;
      const branch = `${lead}${style.dim(last ? '└─ ' : '├─ ')}`;
      const next = `${lead}${style.dim(last ? '   ' : '│  ')}`;
      visit(byName.get(need.organ)!, `${branch}${need.organ} ${style.dim(linkWords(need))}`, next);
    }
  };
  for (const organ of organs) if (!needed.has(organ.organ)) visit(organ, style.bold(organ.organ), '');
  return lines.map((line) => `${line}\n`).join('');
}

/** An arrow points from an organ to what it needs; a dotted one to what it can do without. */
export function graphMermaid({ organs }: GraphDocument): string {
  const lines = organs.flatMap(({ organ, dependsOn }) => [
    `  ${mermaidId(organ)}["${organ}"]`,
    ...dependsOn.map((need) => {
      const arrow = need.required ? '-->' : '-.->';
      return `  ${mermaidId(organ)} ${arrow}|${linkWords(need)}| ${mermaidId(need.organ)}`;
    }),
  ]);
  return `${['flowchart TD', ...lines].join('\n')}\n`;
}

export function graphDot({ organs }: GraphDocument): string {
  const lines = organs.flatMap(({ organ, dependsOn }) => [
    `  "${organ}";`,
    ...dependsOn.map((need) => {
      const look = need.required ? '' : ', style=dashed';
      return `  "${organ}" -> "${need.organ}" [label="${linkWords(need)}"${look}];`;
    }),
  ]);
  return `${['digraph azora {', '  node [shape=box];', ...lines, '}'].join('\n')}\n`;
}

/** `healthy, optional, restarts with it`. */
function linkWords({ condition, required, restart }: Dependency): string {
  return [condition, ...(required ? [] : ['optional']), ...(restart ? ['restarts with it'] : [])].join(', ');
}

/** Words such as `end` mean something to Mermaid, and a dash may end a name. */
const mermaidId = (organ: string): string => `o_${organ.replaceAll('-', '_')}`;
