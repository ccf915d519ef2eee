import type { Expectation } from './config/model.ts';

/** What a probe got back, as far as an expectation can speak about it. */
export type Answer =
  | { readonly kind: 'tcp' }
  | { readonly kind: 'http'; readonly status: number; readonly text: string; readonly cut: boolean }
  | {
      readonly kind: 'exec';
      readonly code: number | null;
      readonly signal: string | null;
      readonly text: string;
      readonly cut: boolean;
    };
// `cut`: the text is only the beginning of what was sent.

/** Text in reasons is shortened to this many characters. */
const EXCERPT_CHARACTERS = 200;

/**
 * Why an answer does not meet the expectation, as one true sentence, or null when it does. The first thing that is wrong
 * is named: status or exit code, then text, then each json path in the order of the file.
 */
export function unmet(expect: Expectation, answer: Answer): string | null {
  if (answer.kind === 'tcp') return null;
  return unmetOutcome(expect, answer) ?? unmetText(expect, answer) ?? unmetJson(expect, answer);
}

type TextAnswer = Exclude<Answer, { kind: 'tcp' }>;

function unmetOutcome(expect: Expectation, answer: TextAnswer): string | null {
  if (answer.kind === 'http') {
    const { status } = answer;
    const met = expect.status === null ? status >= 200 && status <= 299 : expect.status.includes(status);
    return met ? null : `status ${status}, expected ${expect.status?.join(' or ') ?? '200-299'}`;
  }
  if (answer.code === expect.exitCode) return null;
  const ended = answer.signal === null ? `exit code ${answer.code}` : `ended by ${answer.signal}`;
  return `${ended}, expected ${answer.signal === null ? expect.exitCode : `exit code ${expect.exitCode}`}`;
}

function unmetText(expect: Expectation, answer: TextAnswer): string | null {
  if (expect.body === null || answer.text.includes(expect.body)) return null;
  const where = answer.kind === 'http' ? 'the body' : 'the output';
  return `${answer.cut ? `the beginning of ${where}` : where} does not contain ${JSON.stringify(expect.body)}`;
}

function unmetJson(expect: Expectation, answer: TextAnswer): string | null {
  const paths = Object.entries(expect.json);
  if (paths.length === 0) return null;
  const where = answer.kind === 'http' ? 'the body' : 'the output';
  const document = parseJson(answer.text);
  if (document === undefined) {
    return answer.cut ? `${where} is too long to be read as JSON` : `${where} is not JSON`;
  }
  for (const [path, expected] of paths) {
    const found = valueAt(document, path);
    if (!meets(found, expected)) return `json ${path} is ${show(found)}, expected ${showExpected(expected)}`;
  }
  return null;
}

/**
 * The value at a dotted path; undefined when there is none. A key may itself hold dots: `a.b` finds `{"a.b": 1}` as well as
 * `{"a": {"b": 1}}`, the longer key first. In a list, a segment is an index, or `length`.
 */
export function valueAt(document: unknown, path: string): unknown {
  if (typeof document !== 'object' || document === null) return undefined;
  if (Object.hasOwn(document, path)) return (document as Record<string, unknown>)[path];
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
    const key = path.slice(0, dot);
    if (!Object.hasOwn(document, key)) continue;
    const found = valueAt((document as Record<string, unknown>)[key], path.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `>= 11`, `< 5.5` compare numbers; `!= x` and `== x` compare with anything. Other text stands for itself. */
const ORDER = /^(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/i;
const SAMENESS = /^(!=|==)\s*(.*)$/s;

function meets(found: unknown, expected: string | number | boolean | null): boolean {
  if (found === undefined) return false;
  if (typeof expected !== 'string') return found === expected;
  const order = ORDER.exec(expected);
  if (order) return typeof found === 'number' && inOrder(found, order[1]!, Number(order[2]));
  const sameness = SAMENESS.exec(expected);
  if (!sameness) return found === expected;
  const same = found === sameness[2] || found === scalar(sameness[2]!);
  return sameness[1] === '==' ? same : !same;
}

function inOrder(found: number, operator: string, limit: number): boolean {
  switch (operator) {
    case '>=':
      return found >= limit;
    case '<=':
      return found <= limit;
    case '>':
      return found > limit;
    default:
      return found < limit;
  }
}

/** What the text is as JSON, when that is a scalar; else the text. */
function scalar(text: string): unknown {
  const value = parseJson(text);
  return value === undefined || typeof value === 'object' ? (value === null ? null : text) : value;
}

function show(found: unknown): string {
  return found === undefined ? 'absent' : excerpt(JSON.stringify(found));
}

function showExpected(expected: string | number | boolean | null): string {
  if (typeof expected === 'string' && (ORDER.test(expected) || SAMENESS.test(expected))) return expected;
  return JSON.stringify(expected);
}

/** What an organ says about itself in the body of its health answer. */
export interface HealthBody {
  readonly bodyStatus: 'ok' | 'degraded' | 'critical' | null;
  readonly bodyReason: string | null;
  readonly metrics: Readonly<Record<string, number>>;
}

export const SILENT: HealthBody = { bodyStatus: null, bodyReason: null, metrics: {} };

const STATUS_WORDS: Readonly<Record<string, HealthBody['bodyStatus']>> = {
  pass: 'ok',
  ok: 'ok',
  warn: 'degraded',
  degraded: 'degraded',
  fail: 'critical',
  critical: 'critical',
};
/** More than this many metrics in one body are dropped: they are kept for every check. */
const MAX_METRICS = 200;

/** Reads `{"status", "reason" or "output", "metrics"}`; whatever is not of that form says nothing. */
export function readHealthBody(text: string): HealthBody {
  const document = text.trimStart().startsWith('{') ? parseJson(text) : undefined;
  if (typeof document !== 'object' || document === null) return SILENT;
  const { status, reason, output, metrics } = document as Record<string, unknown>;
  const word = typeof status === 'string' ? status.toLowerCase() : '';
  const said = [reason, output].find((value) => typeof value === 'string' && value.trim() !== '');
  return {
    bodyStatus: Object.hasOwn(STATUS_WORDS, word) ? STATUS_WORDS[word]! : null,
    bodyReason: typeof said === 'string' ? excerpt(said) : null,
    metrics: readMetrics(metrics),
  };
}

function readMetrics(metrics: unknown): Readonly<Record<string, number>> {
  if (typeof metrics !== 'object' || metrics === null || Array.isArray(metrics)) return {};
  const numbers = Object.entries(metrics).filter((entry): entry is [string, number] => Number.isFinite(entry[1]));
  return Object.fromEntries(numbers.slice(0, MAX_METRICS));
}

/** The beginning of a text as one line, fit for a message: control characters and runs of white space become one space. */
export function excerpt(text: string): string {
  const line = text
    .slice(0, EXCERPT_CHARACTERS * 8)
    .replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .trim();
  const characters = [...line];
  return characters.length > EXCERPT_CHARACTERS ? `${characters.slice(0, EXCERPT_CHARACTERS).join('')}…` : line;
}

/** Undefined, which no JSON text means, when it is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller says what was expected instead
  }
}
