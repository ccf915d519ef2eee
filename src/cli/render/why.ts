import type { ChalkInstance } from 'chalk';
import type { Explanation } from '../../core/why/explain.ts';
import { EventLines } from './event-lines.ts';
import { stripControls } from './log-lines.ts';
import { paintState } from './status.ts';
import { clock, indent, oneLine } from './text.ts';

/** What `azora why` knows besides the explanation. */
export interface WhyAnswer extends Explanation {
  readonly organ: string;
  readonly instance: string;
  /** false: what is told is the past. */
  readonly running: boolean;
  /** Why nothing runs, as a sentence; null when it does. */
  readonly ended: string | null;
  /** The last lines of the root. */
  readonly lastLines: readonly string[];
}

export function renderWhy(answer: WhyAnswer, style: ChalkInstance): string {
  const root = answer.causes.at(-1)!;
  const lines = [style.bold(oneLine(answer.headline))];
  if (answer.ended !== null) lines.push(`Nothing is running: ${oneLine(answer.ended)}`);
  if (answer.causes.length > 1) {
    const width = Math.max(...answer.causes.map(({ instance }) => instance.length));
    lines.push('');
    for (const { instance, state, health, since } of answer.causes) {
      const when = since === null ? '' : style.dim(`  since ${clock(since)}`);
      lines.push(`  ${instance.padEnd(width)}  ${paintState(style, state)}, ${health}${when}`);
    }
  }
  if (answer.events.length > 0) {
    const events = new EventLines(style);
    lines.push('', `What happened to ${root.instance}:`);
    lines.push(...answer.events.map((event) => indent(events.render(event).trimEnd(), '  ')));
  }
  if (answer.lastLines.length > 0) {
    lines.push('', `Last lines of ${root.instance}:`);
    lines.push(indent(answer.lastLines.map((line) => stripControls(line) || ' ').join('\n'), `  ${style.dim('|')} `));
  }
  lines.push('', `Next: ${answer.next}`);
  return `${lines.join('\n')}\n`;
}

/** The document of `azora why --json`. */
export function whyJson({ organ, instance, running, ended, headline, ...rest }: WhyAnswer): string {
  const { causes, changed, events, lastLines, next } = rest;
  const document = {
    version: 1,
    ...{ organ, instance, running, ended, headline, causes, changed, events, lastLines, next },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
