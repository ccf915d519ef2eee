import type { SystemEvent } from '../../../core/events.ts';
import type { Output } from '../../command.ts';
import { stripControls } from '../log-lines.ts';
import { asList, asNumber, asObject, asText, asTexts, indent, list, oneLine } from '../text.ts';
import { survivorWords } from './lines.ts';

/** How many of an organ's last lines a failure shows. */
export const LAST_LINES = 20;

/** Whose last lines an account shows. */
export interface Whose {
  readonly organ: string;
  readonly instance: string;
}

/** The last lines of each instance that an account is about, by its name. */
export type LastWords = ReadonlyMap<string, readonly string[]>;

/** More than these are named, and do not have their say. */
export const MOST_SPEAKERS = 4;

/** Whose last lines belong into the account of this event. */
export function concerns({ type, organ, instance, data }: SystemEvent): readonly Whose[] {
  if (type === 'organ-failed' && organ !== null) return [{ organ, instance: instance ?? organ }];
  return type === 'system-boot-failed' ? lateIn(data).slice(0, MOST_SPEAKERS) : [];
}

function lateIn({ late }: SystemEvent['data']): Whose[] {
  return asList(late)
    .map(asObject)
    .map((each) => ({ organ: asText(each.organ) ?? '', instance: asText(each.instance) ?? '' }));
}

/**
 * The account of a failure: what failed, why, the organ's last lines, what it keeps from starting, and what to type next. Null
 * for events that are no failure.
 */
export function failureReport(event: SystemEvent, words: LastWords, { style }: Pick<Output, 'style'>): string | null {
  const name = event.instance ?? event.organ ?? 'azora';
  const { data } = event;
  const lines: string[] = [];
  const add = (label: string, text: string): number => lines.push(`  ${style.dim(label)} ${text}`);
  switch (event.type) {
    case 'organ-failed': {
      lines.push(style.red(`✖ ${name} failed: ${oneLine(asText(data.cause) ?? event.message)}`));
      lines.push(...outputOf('its', name, words, style.dim));
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
      const late = lateIn(data);
      lines.push(...lateLines(late, asTexts(data.blocked), words, style.dim));
      if (late[0])
        add('next:', `azora why ${late[0].instance}   then, once it is mended,   azora restart ${late[0].organ}`);
      add(late[0] ? 'or:' : 'next:', 'what runs keeps running: azora status   then   azora down');
      break;
    }
    default:
      return null;
  }
  return `${lines.join('\n')}\n`;
}

/** The account of a wait that was given up: whose turn it was, their last lines, and whom they keep from starting. */
export function lateReport(
  late: readonly Whose[],
  blocked: readonly string[],
  words: LastWords,
  { style }: Pick<Output, 'style'>,
): string {
  return lateLines(late, blocked, words, style.dim)
    .map((line) => `${line}\n`)
    .join('');
}

function lateLines(
  late: readonly Whose[],
  blocked: readonly string[],
  words: LastWords,
  dim: (text: string) => string,
): string[] {
  const speakers = late.filter(({ instance }) => words.has(instance));
  const silent = late.filter(({ instance }) => !words.has(instance)).map(({ instance }) => instance);
  return [
    ...speakers.flatMap(({ instance }) => outputOf(`${instance}'s`, instance, words, dim)),
    ...(silent.length > 0 ? [`  ${dim('not ready either:')} ${list(silent, 12)}`] : []),
    ...(blocked.length > 0 ? [`  ${dim('kept from starting:')} ${list(blocked, 12)}`] : []),
  ];
}

function outputOf(whose: string, name: string, words: LastWords, dim: (text: string) => string): string[] {
  const lines = words.get(name) ?? [];
  if (lines.length === 0) return [`  ${dim(`${whose} last lines:`)} none, ${name} wrote nothing`];
  return [
    `  ${dim(`${whose} last lines:`)}`,
    indent(lines.map((line) => stripControls(line) || ' ').join('\n'), `    ${dim('|')} `),
  ];
}
