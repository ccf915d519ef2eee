/** Cron expressions: five fields (minute first), or six with seconds in front. */

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const FIELDS: readonly Field[] = [
  { name: 'second', min: 0, max: 59 },
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  { name: 'day of week', min: 0, max: 7, names: DAYS },
];

/** What is wrong with a cron expression, in words; null when nothing is. */
export function cronProblem(text: string): string | null {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== 5 && parts.length !== 6) {
    return `a schedule has five fields (minute hour day month weekday), or six with seconds first; this one has ${parts.length}`;
  }
  const fields = parts.length === 6 ? FIELDS : FIELDS.slice(1);
  for (const [index, field] of fields.entries()) {
    for (const item of parts[index]!.split(',')) {
      const problem = itemProblem(item, field);
      if (problem) return problem;
    }
  }
  return null;
}

/** One item of a field's list: `*`, `5`, `1-5`, `mon-fri`, each with an optional `/step`. */
function itemProblem(item: string, field: Field): string | null {
  const [range, step, ...more] = item.split('/');
  const bad = `"${item}" is not a ${field.name}: write *, ${field.min}-${field.max}, a list, a range or */n`;
  if (range === undefined || more.length > 0) return bad;
  if (step !== undefined && !(/^\d+$/.test(step) && Number(step) >= 1 && Number(step) <= field.max)) return bad;
  if (range === '*') return null;
  const ends = range.split('-');
  if (ends.length > 2) return bad;
  const [from, to] = ends.map((end) => fieldValue(end, field));
  if (from == null || to === null) return bad;
  if (to !== undefined && to < from) return `"${item}" runs backwards (${field.name})`;
  return null;
}

function fieldValue(text: string, field: Field): number | null {
  const named = field.names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + (field.min === 0 ? 0 : 1);
  if (!/^\d{1,2}$/.test(text)) return null;
  const value = Number(text);
  return value >= field.min && value <= field.max ? value : null;
}
