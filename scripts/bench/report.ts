import { execFileSync } from 'node:child_process';
import { cpus, loadavg, totalmem, type } from 'node:os';
import { figure, judge, median, type Result } from './result.ts';

/** What a run found, as a page. */

export interface Circumstances {
  readonly at: Date;
  readonly quick: boolean;
  readonly version: string;
  readonly compiler: string | null;
  /** One-minute load averages of the machine before and after. */
  readonly load: readonly [number, number];
}

const MARKS = { true: 'reached', false: '**missed**', null: '' } as const;

export function page(results: readonly Result[], circumstances: Circumstances): string {
  const rows = results.map((result) => {
    const { goal, reached } = judge(result);
    const beside = result.beside.map(
      ({ who, values }) => `${who}: ${spread(values)} (azora is ${ratio(result, values)} ×)`,
    );
    const cells = [
      result.what + (result.note ? `; ${result.note}` : ''),
      `${spread(result.azora)} ${result.unit}`,
      beside.join('<br>'),
      goal === '' ? '' : `${goal} ${MARKS[`${reached}`]}`.trim(),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return `# Benchmarks

Written by \`npm run bench\`, which measures all of this anew in one run. What is compared is measured in turns (A B A B), so ratios say
something on any machine; absolute figures only of this one.

${machine(circumstances)}

| what | azora: median (fastest–slowest) | beside it, in the same run | goal |
|---|---|---|---|
${rows.join('\n')}

- Organs are a program of a few lines in C (\`scripts/bench/marker.c\`) that writes down, from inside itself, when it runs; "until N run" ends with
  the last of these marks and begins when the command is started, so it has the start of the command, supervisor and keeper in it.
- The loop in C starts the same program with nothing but \`posix_spawn\`, the loop in Node with \`child_process.spawn\`; neither has logs,
  health, state or an order to keep. Node's loop is timed inside a Node that runs already.
- A first round warms the caches and is not counted.
- Other programs of this kind are measured beside azora where they are installed and \`scripts/bench/contestant.ts\` knows them: none here.
`;
}

/** For the terminal. */
export function line(result: Result): string {
  const beside = result.beside.map(
    ({ who, values }) => `${ratio(result, values)} × ${who} (${figure(median(values))})`,
  );
  const { goal, reached } = judge(result);
  const verdict =
    goal === '' ? '' : `   ${goal}: ${reached === null ? 'not measured' : reached ? 'reached' : 'missed'}`;
  return `${result.what}: ${spread(result.azora)} ${result.unit}  ${beside.join(', ')}${verdict}${result.note ? `   ${result.note}` : ''}`;
}

const ratio = (result: Result, values: readonly number[]): string => figure(median(result.azora) / median(values));

function spread(values: readonly number[]): string {
  if (values.length === 1) return figure(values[0]!);
  return `${figure(median(values))} (${figure(Math.min(...values))}–${figure(Math.max(...values))})`;
}

function machine({ at, quick, version, compiler, load }: Circumstances): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const kernel = execFileSync('uname', ['-sr'], { encoding: 'utf8' }).trim();
  const [before, after] = load;
  const busy =
    Math.max(before, after) > cpus().length / 2
      ? ' Others used the machine at the same time: the figures are worse than it could do, the spread shows by how much.'
      : '';
  return `${at.toISOString().slice(0, 10)}, azora ${version}, Node ${process.version}, ${kernel}, ${cpus().length} × ${model}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB (${type()}); load average ${before.toFixed(1)} before and ${after.toFixed(1)} after (the run itself is part of the latter).${busy}${quick ? ' A quick run: fewer rounds, smaller sizes.' : ''}${compiler === null ? ' No C compiler was found: there is no loop in C to compare with, and organs are a shell script.' : ''}`;
}

export const loadNow = (): number => loadavg()[0]!;
