import type { SystemEvent } from '../../../core/events.ts';
import type { Output } from '../../command.ts';
import { stripControls } from '../log-lines.ts';
import { asList, asNumber, asObject, asText, asTexts, indent, list, oneLine } from '../text.ts';
import { exitWords, survivorWords } from './lines.ts';

/** How many of an organ's last lines a failure shows. */
export const LAST_LINES = 20;

/**
 * The account of a failure: what failed, why, the organ's last lines, what it keeps from starting, and what to type next. Null
 * for events that are no failure.
 */
export function failureReport(
  event: SystemEvent,
  lastLines: readonly string[],
  { style }: Pick<Output, 'style'>,
): string | null {
  const name = event.instance ?? event.organ ?? 'azora';
  const { data } = event;
  const lines: string[] = [];
  const add = (label: string, text: string): number => lines.push(`  ${style.dim(label)} ${text}`);
  switch (event.type) {
    case 'organ-failed': {
      lines.push(style.red(`✖ ${name} failed: ${oneLine(asText(data.cause) ?? event.message)}`));
      if (!saysHow(data)) add('its last exit:', `it ${exitWords(data)}`);
      lines.push(...outputOf(name, lastLines, style.dim));
      const blocked = asTexts(data.blocked);
      if (blocked.length > 0) add('keeps from starting:', list(blocked, 12));
      add('next:', `azora logs ${event.organ ?? name}   then   azora restart ${event.organ ?? name}`);
      break;
    }
    case 'organ-stuck':
      lines.push(style.red(`✖ ${name} is stuck: ${survivorWords(data)} cannot be killed`));
      add(
        'next:',
        `kill -9 ${asList(data.processes)
          .map((each) => asNumber(asObject(each).pid) ?? '')
          .join(' ')}`.trimEnd(),
      );
      break;
    case 'checks-completed': {
      const failed = asList(data.checks)
        .map(asObject)
        .filter(({ passed }) => passed !== true);
      if (failed.length === 0) return null;
      for (const { name: check, organ, message } of failed) {
        const of = asText(organ) === null ? '' : ` (${asText(organ)})`;
        lines.push(style.red(`✖ check "${asText(check) ?? '?'}"${of} failed: ${oneLine(asText(message) ?? '')}`));
      }
      add('next:', 'azora status');
      break;
    }
    case 'system-boot-failed': {
      lines.push(style.red(`✖ the boot failed: ${oneLine(asText(data.reason) ?? event.message)}`));
      const failed = asTexts(data.failed);
      if (failed.length > 0) add('failed:', list(failed, 12));
      add('next:', 'what runs keeps running: azora status   then   azora down');
      break;
    }
    default:
      return null;
  }
  return `${lines.join('\n')}\n`;
}

/** The cause names the exit code or the signal already, or there was neither. */
function saysHow({ cause, code, signal }: SystemEvent['data']): boolean {
  const how = signal ?? code ?? null;
  return how === null || String(cause).includes(String(how));
}

/** Whose last lines belong into the account of this event. */
export const concerns = (event: SystemEvent): { organ: string; instance: string } | null =>
  event.type === 'organ-failed' && event.organ !== null
    ? { organ: event.organ, instance: event.instance ?? event.organ }
    : null;

function outputOf(name: string, lastLines: readonly string[], dim: (text: string) => string): string[] {
  if (lastLines.length === 0) return [`  ${dim('its last lines:')} none, ${name} wrote nothing`];
  return [
    `  ${dim('its last lines:')}`,
    indent(lastLines.map((line) => stripControls(line) || ' ').join('\n'), `    ${dim('|')} `),
  ];
}
