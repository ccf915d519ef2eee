import type { Failure } from '../../core/failures.ts';
import type { Output } from '../command.ts';
import { indent } from './text.ts';

type Styled = Pick<Output, 'style'>;

/** What failed and why, then what to do now. */
export function renderFailure(failure: Failure, { style }: Styled): string {
  const message = `${style.red('azora:')} ${failure.message}\n`;
  return failure.hint === null ? message : `${message}${indent(failure.hint, '  ')}\n`;
}

/** A thrown error that nobody expected: all that is known of it, with its causes. */
export function renderBug(error: unknown, version: string, { style }: Styled): string {
  return [
    `${style.red('azora: internal error')}, which is a bug in azora ${version}. Please report it with these lines:`,
    indent(describe(error), '  '),
    '',
  ].join('\n');
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause === undefined ? own : `${own}\ncaused by: ${describe(error.cause)}`;
}
