import { execFileSync } from 'node:child_process';
import { cpus, loadavg, totalmem, type } from 'node:os';
import { C_LOOP, DIRECT, NODE, NODE_LOOP } from './bench.ts';
import type { Contestant } from './contestant.ts';
import { figure, judge, type Leftovers, median, type Result } from './result.ts';

/** What a run found, as a page. */

export interface Circumstances {
  readonly at: Date;
  readonly compiler: string | null;
  /** One-minute load averages of the machine before and after. */
  readonly load: readonly [number, number];
  /** Those measured, azora first. */
  readonly contestants: readonly Contestant[];
  /** Those that are not installed. */
  readonly absent: readonly string[];
}

const MARKS = { true: 'reached', false: '**missed**', null: '' } as const;

export function page(found: readonly (Result | Leftovers)[], circumstances: Circumstances): string {
  const { contestants, absent } = circumstances;
  const results = found.filter((each): each is Result => each.kind === undefined);
  const azora = contestants[0]!.name;
  return `# Benchmarks

Written by \`npm run bench\`, which measures all of this anew in one run. What is compared is measured in turns (A B A B), so ratios say
something on any machine; absolute figures only of this one.

${machine(circumstances)}

## Goals

Of ${azora}. The median, and the fastest and the slowest in brackets.

| what | ${azora} | held against, in the same run | goal |
|---|---|---|---|
${results.map(goalRow).join('\n')}

- Organs are a program of a few lines in C (\`scripts/bench/marker.c\`) that writes down, from inside itself, when it runs; "until N run" ends with
  the last of these marks and begins when the command is started, so it has the start of the command, supervisor and keeper in it.
- The loop in C starts the same program with nothing but \`posix_spawn\`, the loop in Node with \`child_process.spawn\`; neither has logs,
  health, state or an order to keep. Node's loop is timed inside a Node that runs already.
- A boot is that of a folder which was booted before, with the same azora.yaml: azora knows then what the file says. The first boot of a folder
  has a row of its own.
- A first round warms the caches and is not counted.

## Beside others

Medians; in brackets how many times what azora takes. Empty: it does not have that.

${matrix(results, azora)}

${contestants.map(({ name, version }) => `- ${name}: ${version}`).join('\n')}
${absent.length === 0 ? '' : `- Not installed on this machine, and not measured: ${absent.join(', ')}.\n`}- A restart is that of an organ which has lived for more than a second: s6 and runit put off what lived shorter.
- foreman and concurrently write what all organs say into one stream, each line with a prefix; dinit keeps no logs.
- Idle memory and CPU are those of all processes of a program that are not organs, measured of all programs in the same seconds.

${leftovers(found.filter((each): each is Leftovers => each.kind === 'leftovers'))}`;
}

function goalRow(result: Result): string {
  const { goal, reached } = judge(result);
  const yardsticks = result.beside.filter(({ who }) => YARDSTICKS.includes(who));
  const cells = [
    result.what + (result.note ? `; ${result.note}` : ''),
    `${spread(result.azora)} ${result.unit}`,
    yardsticks.map(({ who, values }) => `${who}: ${spread(values)} (${ratio(result.azora, values)} ×)`).join('<br>'),
    goal === '' ? '' : `${goal} ${MARKS[`${reached}`]}`.trim(),
  ];
  return `| ${cells.join(' | ')} |`;
}

const YARDSTICKS: readonly string[] = [C_LOOP, NODE_LOOP, NODE, DIRECT];

/** A row for each program, a column for each measurement that more than one of them took part in. */
function matrix(results: readonly Result[], azora: string): string {
  const columns = results.filter(({ beside }) => beside.some(({ who }) => !YARDSTICKS.includes(who)));
  const others = new Set(columns.flatMap(({ beside }) => beside.map(({ who }) => who)));
  const names = [azora, ...[...others].filter((who) => who !== NODE)];
  const valuesOf = (result: Result, who: string): readonly number[] | undefined =>
    who === azora ? result.azora : result.beside.find((series) => series.who === who)?.values;
  const rows = names.map((who) => {
    const cells = columns.map((result) => {
      const values = valuesOf(result, who);
      if (!values) return '';
      return who === azora ? figure(median(values)) : `${figure(median(values))} (${ratio(values, result.azora)} ×)`;
    });
    return `| ${[who, ...cells].join(' | ')} |`;
  });
  const head = ['', ...columns.map(({ short, unit }) => `${short}, ${unit}`)];
  return [`| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`, ...rows].join('\n');
}

function leftovers(found: readonly Leftovers[]): string {
  if (found.length === 0) return '';
  const rows = found.map(({ who, alive, running, left }) => `| ${who} | ${alive} | ${running} | ${left} |`);
  return `## Killed

Of ${found[0]!.of} organs, after the program that restarts them was killed (-9): how many live on, how many there are once it has been
started again (more are duplicates), how many are left once it has been stopped.

| | live on | started again | left after the stop |
|---|---|---|---|
${rows.join('\n')}
`;
}

/** For the terminal. */
export function line(found: Result | Leftovers): string {
  if (found.kind === 'leftovers') {
    const { who, of, alive, running, left } = found;
    return `killed: ${who}: of ${of} ${alive} live on, ${running} once started again, ${left} left after the stop`;
  }
  const beside = found.beside.map(
    ({ who, values }) => `\n    ${who}: ${spread(values)} (azora is ${ratio(found.azora, values)} ×)`,
  );
  const { goal, reached } = judge(found);
  const verdict =
    goal === '' ? '' : `   ${goal}: ${reached === null ? 'not measured' : reached ? 'reached' : 'MISSED'}`;
  const note = found.note ? `   ${found.note}` : '';
  return `${found.what}: ${spread(found.azora)} ${found.unit}${verdict}${note}${beside.join('')}`;
}

/** Of medians; a program that took nothing has none. */
const ratio = (a: readonly number[], b: readonly number[]): string =>
  median(b) === 0 ? '∞' : figure(median(a) / median(b));

function spread(values: readonly number[]): string {
  if (values.length === 1) return figure(values[0]!);
  return `${figure(median(values))} (${figure(Math.min(...values))}–${figure(Math.max(...values))})`;
}

function machine({ at, compiler, load }: Circumstances): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const kernel = execFileSync('uname', ['-sr'], { encoding: 'utf8' }).trim();
  const [before, after] = load;
  const busy =
    before > cpus().length / 2
      ? ' Others used the machine at the same time: the figures are worse than it could do, the spread shows by how much.'
      : '';
  const floor =
    compiler === null
      ? ' No C compiler was found: there is no loop in C to compare with, and organs are a shell script.'
      : '';
  return `${at.toISOString().slice(0, 10)}, Node ${process.version}, ${kernel}, ${cpus().length} × ${model}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB (${type()}); load average ${before.toFixed(1)} before and ${after.toFixed(1)} after (the run itself is part of the latter).${busy}${floor}`;
}

export const loadNow = (): number => loadavg()[0]!;
