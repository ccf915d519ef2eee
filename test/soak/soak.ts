import { readdirSync, readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { rig, type System } from '../e2e/rig.ts';
import { daemonPid, kill, outputOf, pause, random } from '../faults/support.ts';

/**
 * A random graph, random faults, random commands, for a given time. Throughout: every command ends, and as it may; no instance
 * has processes of two lives; and at the end nothing is left and every line of output is there once. What is chosen follows
 * from the seed; when it happens to strike is the machine's affair.
 */

export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly say: (text: string) => void;
}

const COMMAND_MS = 90_000;
/** A FIFO's worth for each keeper that dies. */
const LOST_PER_KEEPER = 64 * 1024;
const LINE_BYTES = '000000000 the quick brown fox jumps over\n'.length;

interface Deed {
  readonly name: string;
  /** How often it is chosen, against the others. */
  readonly weight: number;
  readonly run: () => Promise<unknown>;
}

export async function soak({ seconds, seed, say }: SoakOptions): Promise<void> {
  const next = random(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!;
  const organs = graph(next);
  const names = Object.keys(organs);
  await using system = await rig.system({
    yaml: { logs: { max_size: '1GB', max_files: 2, compress: 'none' }, organs },
    files: { ledger: '' },
  });
  const story: string[] = [];
  const memory = { supervisor: [] as number[], keeper: [] as number[] };
  let keeperDeaths = 0;

  const command = async (args: string[], codes: readonly number[]): Promise<void> => {
    const { code, stderr, stdout } = await system.run(args, { timeoutMs: COMMAND_MS });
    if (!codes.includes(code ?? -1)) throw new Error(`azora ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
  };
  const strike = async (who: 'supervisor' | 'keeper'): Promise<void> => {
    if ((await kill(system, who)) !== null && who === 'keeper') keeperDeaths++;
  };
  const freeze = async (pid: number | null, ms: number): Promise<void> => {
    if (pid === null) return;
    signal(pid, 'SIGSTOP');
    await pause(ms);
    signal(pid, 'SIGCONT');
  };
  const organPid = async (): Promise<number | null> => {
    const pids = [...livesOf(system).values()].flatMap((cookies) => [...cookies.values()].flat());
    return pids.length === 0 ? null : pick(pids);
  };

  const deeds: readonly Deed[] = [
    { name: 'kill the supervisor', weight: 6, run: () => strike('supervisor') },
    { name: 'kill the keeper', weight: 3, run: () => strike('keeper') },
    { name: 'kill both', weight: 1, run: () => Promise.all([strike('keeper'), strike('supervisor')]) },
    { name: 'kill an organ', weight: 4, run: async () => signal(await organPid(), 'SIGKILL') },
    {
      name: 'pause the supervisor',
      weight: 2,
      run: () => freeze(daemonPid(system, 'supervisor'), 100 + next() * 1200),
    },
    { name: 'pause the keeper', weight: 2, run: () => freeze(daemonPid(system, 'keeper'), 100 + next() * 800) },
    { name: 'pause an organ', weight: 2, run: async () => freeze(await organPid(), 100 + next() * 500) },
    { name: 'lock the database', weight: 1, run: () => lockDatabase(system, 300 + next() * 700) },
    { name: 'status', weight: 4, run: () => command(['status'], [0]) },
    { name: 'logs', weight: 2, run: () => command(['logs', '-n', '5'], [0]) },
    // Another command at the same time may start it again.
    { name: 'stop', weight: 3, run: () => command(['stop', pick(names)], [0, 1]) },
    { name: 'start', weight: 4, run: () => command(['start', pick(names)], [0, 1]) },
    { name: 'restart', weight: 3, run: () => command(['restart', pick(names)], [0, 1]) },
    { name: 'up', weight: 2, run: () => command(['up', '-d'], [0, 1]) },
    {
      name: 'down and up',
      weight: 1,
      run: async () => {
        await command(['down'], [0]);
        await system.expectNothingLeft();
        await command(['up', '-d'], [0, 1]);
      },
    },
  ];
  const weighted = deeds.flatMap((deed) => Array<Deed>(deed.weight).fill(deed));

  try {
    await command(['up', '-d'], [0, 1]);
    const until = performance.now() + seconds * 1000;
    while (performance.now() < until) {
      // Two things at a time, now and then.
      const chosen = next() < 0.3 ? [pick(weighted), pick(weighted)] : [pick(weighted)];
      story.push(chosen.map(({ name }) => name).join(' + '));
      await Promise.all(compatible(chosen).map(({ run }) => run()));
      await pause(next() * 150);
      await assertOneLifeEach(system);
      for (const who of ['supervisor', 'keeper'] as const) {
        const rss = rssOf(daemonPid(system, who));
        if (rss !== null) memory[who].push(rss);
      }
    }
    story.push('the end');
    await command(['up', '-d'], [0, 1]);
    await command(['down'], [0]);
    await system.expectNothingLeft();
    const lost = assertEveryLine(system, names, keeperDeaths);
    say(
      `soak of ${seconds} s, seed ${seed}: ${story.length - 1} steps over ${names.length} organs, ${keeperDeaths} keepers killed, no violation; ` +
        `${lost.lines} lines, ${lost.lost} lost with keepers; supervisor ${span(memory.supervisor)}, keeper ${span(memory.keeper)}`,
    );
  } catch (cause) {
    const steps = story.slice(-25).join('\n  ');
    throw new Error(`seed ${seed}, in step ${story.length}; the last steps:\n  ${steps}`, { cause });
  }
}

/** `down` beside another command makes that one fail, rightly. */
function compatible(chosen: readonly Deed[]): readonly Deed[] {
  return chosen.some(({ name }) => name === 'down and up') ? chosen.slice(0, 1) : chosen;
}

/** Some of each kind, each needing some of those before it. */
function graph(next: () => number): Record<string, object> {
  const kinds = [
    () => ({ command: [rig.node, rig.program('writes-numbers.mjs'), '20', '5'], stop: { timeout: '20s' } }),
    () => ({ command: [rig.program('keeps-a-ledger.sh'), 'any'], health: { log: '^ready$' } }),
    () => ({ command: [rig.program('ignores-sigterm.sh')], health: { log: '^deaf$' }, stop: { timeout: '300ms' } }),
    () => ({ command: [rig.program('six-kinds.sh')], stop: { timeout: '300ms' } }),
    () => ({
      command: [rig.program('exits-by-count.sh'), 'ledger', (0.3 + next()).toFixed(1)],
      restart: { policy: 'always', delay: '200ms', factor: 1, limit: 100_000, window: '10h' },
    }),
    () => ({ kind: 'task', command: 'sleep 0.1' }),
  ];
  const organs: Record<string, object> = { writer: kinds[0]!() };
  const count = 4 + Math.floor(next() * 4);
  for (let i = 0; i < count; i++) {
    const names = Object.keys(organs);
    const needs = names.filter(() => next() < 0.25);
    organs[`organ-${i}`] = {
      ...kinds[Math.floor(next() * kinds.length)]!(),
      depends_on: Object.fromEntries(needs.map((name) => [name, { condition: 'started' }])),
    };
  }
  return organs;
}

/** Instance → cookie of a life → its living processes. */
function livesOf(system: System): Map<string, Map<string, number[]>> {
  const lives = new Map<string, Map<string, number[]>>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    let environment: string[];
    try {
      environment = readFileSync(`/proc/${entry}/environ`, 'latin1').split('\0');
    } catch {
      continue; // it has ended
    }
    if (!environment.includes(system.mark)) continue;
    const value = (name: string) => environment.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
    const instance = value('AZORA_INSTANCE');
    const cookie = value('AZORA_COOKIE');
    if (!instance || !cookie || !system.isAlive(Number(entry))) continue;
    const cookies = lives.get(instance) ?? new Map<string, number[]>();
    lives.set(instance, cookies.set(cookie, [...(cookies.get(cookie) ?? []), Number(entry)]));
  }
  return lives;
}

/** The look takes a moment, in which one life may follow upon another: both must be there again and again to be a violation. */
async function assertOneLifeEach(system: System): Promise<void> {
  let rivals: [string, string[]][] = [];
  for (let look = 0; look < 4; look++) {
    rivals = [...livesOf(system)]
      .filter(([, cookies]) => cookies.size > 1)
      .map(([instance, cookies]) => [instance, [...cookies].map(([cookie, pids]) => `${cookie}: ${pids.join(' ')}`)]);
    if (rivals.length === 0) return;
    await pause(30);
  }
  throw new Error(`two lives at once: ${rivals.map(([name, lives]) => `${name} (${lives.join(' and ')})`).join(', ')}`);
}

/** Numbers go up by one within each life; a life that was killed may end within a line. */
function assertEveryLine(
  system: System,
  names: readonly string[],
  keeperDeaths: number,
): { lines: number; lost: number } {
  let lines = 0;
  let lost = 0;
  for (const name of names) {
    const text = outputOf(system, name);
    if (!text.includes('the quick brown fox')) continue;
    let expected = 0;
    let lostHere = 0;
    for (const line of text.split('\n')) {
      if (/begin \d+$/.test(line)) {
        expected = 0;
        continue;
      }
      const number = /^(\d{9}) the quick brown fox jumps over$/.exec(line)?.[1];
      if (!number) continue;
      lines++;
      if (Number(number) < expected) throw new Error(`${name}: line ${number} comes again, after ${expected - 1}`);
      lostHere += Number(number) - expected;
      expected = Number(number) + 1;
    }
    if (lostHere * LINE_BYTES > keeperDeaths * LOST_PER_KEEPER) {
      throw new Error(`${name}: ${lostHere} lines are lost, with ${keeperDeaths} deaths of keepers`);
    }
    lost += lostHere;
  }
  return { lines, lost };
}

async function lockDatabase(system: System, ms: number): Promise<void> {
  const database = new Database(system.state.database, { timeout: 2000 });
  try {
    database.exec('BEGIN EXCLUSIVE');
    await pause(ms);
    database.exec('ROLLBACK');
  } catch {
    // It is being written just now, or gone between two boots: no lock then.
  } finally {
    database.close();
  }
}

function signal(pid: number | null, name: NodeJS.Signals): void {
  try {
    if (pid !== null) process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

function rssOf(pid: number | null): number | null {
  try {
    const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes ? Number(kilobytes) / 1024 : null;
  } catch {
    return null; // it has just ended
  }
}

const span = (megabytes: readonly number[]): string =>
  megabytes.length === 0
    ? 'never seen'
    : `${megabytes[0]!.toFixed(0)} MB at first, ${megabytes.at(-1)!.toFixed(0)} at last, ${Math.max(...megabytes).toFixed(0)} at most`;
