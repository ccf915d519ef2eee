/**
 * The schema's building blocks. Two conventions tie them to issues.ts, which turns zod's issues into messages: the error text of a
 * type names what was expected ("a duration such as 30s"), and a custom issue's message is the whole sentence.
 *
 * Numbers and booleans are also taken as text, because `${PORT:-8080}` is text once it is interpolated.
 */
import * as z from 'zod/mini';
import { parseCommand } from './command.ts';
import type { CommandLine } from './model.ts';
import { everything, type Occurring } from './occurring.ts';
import { parseSignal } from './signals.ts';
import { formatDuration, parseCpu, parseDuration, parseSize } from './units.ts';

/** setTimeout turns anything longer into 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

// Compiling a validator for each map pays off after thousands of files, and a process reads one: 10 ms less for 147 organs.
z.config({ jitless: true });

/** Making a type costs as much as checking a hundred values with it, and many keys take the same type. */
export function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

export const expected = (what: string) => ({ error: what });

type Type = z.ZodMiniType;

/** What is made of a value that is right. */
export const becomes = <T extends Type, R>(type: T, make: (value: z.output<T>, context: z.core.ParsePayload) => R) =>
  z.pipe(type, z.transform(make));

interface Key<T extends Type = Type> {
  readonly isRequired: boolean;
  readonly type: () => T;
  readonly description: string | undefined;
}

/** A key that a map may have. */
export const may = <T extends Type>(type: () => T, description?: string): Key<z.ZodMiniOptional<T>> => ({
  isRequired: false,
  type: () => z.optional(type()),
  description,
});

/** A key that a map has to have. */
export const must = <T extends Type>(type: () => T, description: string): Key<T> => ({
  isRequired: true,
  type,
  description,
});

/** A map with these keys and no other; an unknown key's issue carries the known ones. */
export function map<Keys extends Readonly<Record<string, Key>>>(of: Occurring, keys: Keys, what = 'a map') {
  const asked = Object.entries(keys).filter(([name, { isRequired }]) => isRequired || of(name));
  const shape = Object.fromEntries(asked.map(([name, key]) => [name, typeOf(key, of)]));
  const names = Object.keys(keys).join(' ');
  return z.strictObject(shape as { [Name in keyof Keys]: ReturnType<Keys[Name]['type']> }, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? names : what),
  });
}

/** What is checked needs no description, which is a second type to zod. */
function typeOf({ type, description }: Key, of: Occurring): Type {
  return description !== undefined && of === everything ? type().check(z.describe(description)) : type();
}

/** Text that may hold references to organs' endpoints. */
export const text = (what = 'text') => z.string(expected(what));

/** Text that is used as it is, where no reference is filled in. */
export function plainText(what = 'text') {
  const isUsedAsItIs = (value: string) => !value.includes('\0');
  return z.string(expected(what)).check(z.refine(isUsedAsItIs, 'a reference to an organ cannot stand here'));
}

/** Text that has to be understood; `parse` answers null when it cannot. */
function parsed<T>(title: string, what: string, pattern: RegExp | null, parse: (text: string) => T | null) {
  const meta = { title, ...(pattern ? { pattern: pattern.source } : {}) };
  const source = z.string(expected(what)).check(z.meta(meta));
  return becomes(source, (value, context) => {
    const result = parse(value.trim());
    if (result !== null) return result;
    context.issues.push({ code: 'custom', message: `"${value}" is not ${what}`, input: value });
    return z.NEVER;
  });
}

const DURATION_PATTERN = /^(\d+(\.\d+)?(d|h|ms|m|s))+$/;

/** In milliseconds; at most what a timer can wait (24 days). */
export function durationUpTo(longestMs: number) {
  return parsed('duration', 'a duration such as 250ms, 30s, 5m or 1h30m', DURATION_PATTERN, parseDuration).check(
    z.refine((ms) => ms <= longestMs, `longer than ${formatDuration(longestMs)}`),
  );
}
export const duration = once(() => durationUpTo(LONGEST_TIMER_MS));

/** A duration of which nothing happens in zero time. */
export const period = once(() => duration().check(z.refine((ms) => ms > 0, 'must be longer than 0s')));

const NOTHING = 'must be more than 0 bytes';

/** In bytes. */
export const size = once(() => {
  const what = 'a size such as 512Mi, 10MB or 1GiB';
  const asText = parsed('size', what, /^\d+(\.\d+)?\s*([kKmMgGtT]i?[bB]?|[bB])?$/, parseSize);
  const number = z.int(expected(what)).check(z.gte(1, NOTHING));
  return z.union([number, asText], expected(what)).check(z.refine((bytes) => bytes > 0, NOTHING));
});

/** In cores. */
export const cpu = once(() => {
  const what = 'an amount of cpu such as 250m, 0.5 or 2';
  return z.union(
    [z.number(expected(what)).check(z.positive(what)), parsed('amount of cpu', what, /^\d+(\.\d+)?m?$/, parseCpu)],
    expected(what),
  );
});

/** A whole number within bounds, or such a number as text. */
export function int(min: number, max: number, what = `a whole number from ${min} to ${max}`) {
  const number = z.int(expected(what)).check(z.gte(min, what), z.lte(max, what));
  const asText = becomes(z.string().check(z.regex(/^\d+$/)), Number);
  const asNumber = z.pipe(asText, z.int(expected(what)).check(z.gte(min, what), z.lte(max, what)));
  return z.union([number, asNumber], expected(what));
}

/** A number within bounds, or such a number as text. */
export function number(min: number, max: number, what: string) {
  const within = () => z.number(expected(what)).check(z.gte(min, what), z.lte(max, what));
  const asText = becomes(z.string().check(z.regex(/^\d+(\.\d+)?$/)), Number);
  return z.union([within(), z.pipe(asText, within())], expected(what));
}

export const boolean = once(() =>
  z.union([z.boolean(), becomes(z.enum(['true', 'false']), (value) => value === 'true')], expected('true or false')),
);

/** `false`, where it switches something off. */
export const off = () => z.union([z.literal(false), becomes(z.literal('false'), (): false => false)]);

/** One text, or a list of them; always a list afterwards. */
export function oneOrMore<T extends Type>(item: T, what: string) {
  return z.union([becomes(item, (value) => [value]), z.array(item)], expected(what));
}

/** Text (split as sh would, or run by it) or a list (executed as it is) → what to execute. */
export const command = once(() => {
  const argument = z.union([z.string(), becomes(z.number(), String)], expected('text'));
  return becomes(
    z.union([z.string(), z.array(argument)], expected('a command: text, or a list of a program and its arguments')),
    (value, context): CommandLine => {
      const result = parseCommand(value);
      if (!('error' in result)) return result;
      context.issues.push({ code: 'custom', message: result.error, input: value });
      return z.NEVER;
    },
  );
});

export const signal = () =>
  parsed('signal', 'a signal that stops a program, such as SIGTERM, SIGINT or SIGQUIT', null, parseSignal);

/** A regular expression, kept as its source. */
export const regex = () =>
  plainText('a regular expression').check(
    z.superRefine((value, context) => {
      try {
        new RegExp(value);
      } catch (error) {
        const why = error instanceof Error ? error.message.replace(/^Invalid regular expression: /, '') : String(error);
        context.addIssue({ code: 'custom', message: `not a regular expression: ${why}` });
      }
    }),
  );

/** What a map such as `labels` holds: numbers and booleans are taken as text. */
export const scalarText = (what = 'text') =>
  z.union([z.string(), becomes(z.number(), String), becomes(z.boolean(), String)], expected(what));
