/** Problems as a person reads them: place, message, the line, a squiggle under the text, a hint. */
import type { Problem } from '../../core/config/problem.ts';

/** What fits beside the squiggle on a narrow terminal; longer lines are cut around it. */
const WIDEST_LINE = 160;
const SQUIGGLE = { red: '\u001b[31m', bold: '\u001b[1m', cyan: '\u001b[36m', dim: '\u001b[2m' } as const;

/** One block per problem, with an empty line between blocks; ends without a newline. */
export function renderProblems(problems: readonly Problem[], { color }: { readonly color: boolean }): string {
  const paint = (style: keyof typeof SQUIGGLE, text: string) => (color ? `${SQUIGGLE[style]}${text}\u001b[0m` : text);
  return problems.map((problem) => renderProblem(problem, paint)).join('\n\n');
}

function renderProblem(problem: Problem, paint: (style: keyof typeof SQUIGGLE, text: string) => string): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== null).join(':');
  const lines = [`${place === '' ? '' : `${paint('bold', clean(place))} `}${clean(problem.message)}`];
  if (problem.sourceLine !== null && problem.column !== null) {
    const { text, column } = cut(clean(problem.sourceLine), problem.column - 1);
    const length = Math.max(1, Math.min(problem.length, text.length - column));
    lines.push(`    ${text}`, `    ${' '.repeat(column)}${paint('red', '~'.repeat(length))}`);
  }
  if (problem.hint !== null)
    for (const line of problem.hint.split('\n')) lines.push(`    ${paint('cyan', clean(line))}`);
  return lines.join('\n');
}

/** Control characters would move the squiggle, or do worse to the terminal; each takes one column. */
function clean(text: string): string {
  return text.replace(/\t/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}

function cut(line: string, column: number): { readonly text: string; readonly column: number } {
  if (line.length <= WIDEST_LINE) return { text: line, column };
  const from = Math.max(0, Math.min(column - WIDEST_LINE / 2, line.length - WIDEST_LINE));
  const before = from > 0 ? '…' : '';
  const after = from + WIDEST_LINE < line.length ? '…' : '';
  return { text: `${before}${line.slice(from, from + WIDEST_LINE)}${after}`, column: column - from + before.length };
}
