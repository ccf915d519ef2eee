/** Prometheus' text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/), strictly. Pure. */

export interface Sample {
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export type Parsed =
  | { readonly samples: readonly Sample[]; readonly types: ReadonlyMap<string, string> }
  | { readonly error: string };

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\\n]|\\[\\"n])*)"\s*(,?)\s*/y;
const REST = /\s*(\S+)(?:\s+(-?\d+))?\s*$/y;
const TYPES = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);

/** Every sample of a page, or the first line that is none. */
export function parsePrometheus(text: string): Parsed {
  const samples: Sample[] = [];
  const types = new Map<string, string>();
  for (const [i, line] of text.split('\n').entries()) {
    const trimmed = line.trim();
    if (trimmed === '') continue;
    if (trimmed.startsWith('#')) {
      const [, keyword, metric, type] = trimmed.split(/\s+/);
      if (keyword !== 'TYPE') continue;
      if (!metric || !type || !TYPES.has(type)) return { error: `line ${i + 1} has no type of a metric: ${trimmed}` };
      types.set(metric, type);
      continue;
    }
    const sample = parseSample(trimmed);
    if (!sample) return { error: `line ${i + 1} is no sample: ${trimmed.slice(0, 200)}` };
    samples.push(sample);
  }
  return { samples, types };
}

function parseSample(line: string): Sample | undefined {
  const metric = match(NAME, line, 0)?.[0];
  if (!metric) return undefined;
  let at = metric.length;
  const labels: [string, string][] = [];
  const brace = line.slice(at).search(/\S/);
  if (line[at + brace] === '{') {
    at += brace + 1;
    let isLast = false;
    while (line.slice(at).trimStart()[0] !== '}') {
      const label = match(LABEL, line, at);
      if (!label || isLast) return undefined;
      labels.push([label[1]!, withoutEscapes(label[2]!)]);
      isLast = label[3] === '';
      at += label[0].length;
    }
    at = line.indexOf('}', at) + 1;
  } else if (brace === 0) return undefined;
  const rest = match(REST, line, at);
  const value = rest && parseValue(rest[1]!);
  return value === undefined || value === null ? undefined : { metric, labels: Object.fromEntries(labels), value };
}

/** A number as Go writes it. */
function parseValue(text: string): number | undefined {
  const infinite = /^([+-]?)Inf$/i.exec(text);
  if (infinite) return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^nan$/i.test(text)) return Number.NaN;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

function withoutEscapes(text: string): string {
  return text.replace(/\\([\\"n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
