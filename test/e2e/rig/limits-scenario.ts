import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { SystemEvent } from '../../../src/core/events.ts';
import type { StatusDocument } from '../../../src/core/status.ts';

/**
 * A system with limits where the kernel can hold them. A program of its own, since it may have to run within another kernel:
 * `node limits-scenario.ts <azora> [brief]` prints `LIMITS <what it saw, as JSON>`; brief: without what takes long and depends on nothing
 * but the kernel.
 */

/** What it saw; limits.test.ts says what of that is right. */
export interface Seen {
  readonly limits: StatusDocument['system']['limits'] | null;
  /** After the keeper was killed; null: brief. */
  readonly limitsAfterKeeper: StatusDocument['system']['limits'] | null;
  /** The part of one processor that the organ with 250m had for a second. */
  readonly burnerShare: number;
  readonly hog: { readonly exits: readonly string[]; readonly restarts: readonly string[] };
  readonly warnings: readonly string[];
  /** Each instance's, below the system's own. */
  readonly cgroups: readonly string[];
  /** The kernel's word of whom the organ with two processes in two sessions consists. */
  readonly pairPids: number;
  /** Instances without limits that are in a cgroup of ours. */
  readonly inVain: readonly string[];
  readonly left: readonly string[];
}

const FILE = {
  version: 1,
  name: 'limited',
  registry: false,
  organs: {
    burner: { command: 'while :; do :; done', resources: { cpu: '250m' } },
    hog: {
      // It keeps what it reads until there is a line's end, which never comes.
      command: 'tail /dev/zero',
      resources: { memory: '32Mi' },
      restart: { delay: '50ms', limit: 1 },
    },
    pair: { command: 'setsid sleep 1000 & exec sleep 1000', resources: { cpu: 2, memory: '1Gi' } },
    free: { command: 'sleep 1000' },
  },
};

function main(azora: string, isBrief: boolean): Seen {
  const folder = mkdtempSync(join(tmpdir(), 'azora-limits-'));
  writeFileSync(join(folder, 'azora.yaml'), JSON.stringify(FILE));
  const run = (...args: string[]): string =>
    execFileSync(azora, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 60_000 });
  const status = (): StatusDocument => JSON.parse(run('status', '--json')) as StatusDocument;
  const events = (): SystemEvent[] =>
    run('events', '--json')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as SystemEvent);
  /** A command may fail at this or that moment: a keeper that has just been killed cannot be reached. */
  const until = <T>(look: () => T | null): T => {
    let last: unknown;
    for (const deadline = Date.now() + 30_000; Date.now() < deadline; sleep(100)) {
      try {
        const found = look();
        if (found !== null) return found;
      } catch (error) {
        last = error;
      }
    }
    const log = readFileSync(join(folder, '.azora/run/keeper.log'), 'utf8');
    throw new Error(`in vain: ${look}\n${JSON.stringify(status())}\n${log}`, { cause: last });
  };

  run('up', '-d');
  const { system, organs } = status();
  const base = readlinkSync(join(folder, '.azora/run/cgroup'));
  const cgroups = readdirSync(base, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? [e.name] : []));
  const pairPids = readFileSync(join(base, 'pair.1/cgroup.procs'), 'utf8').trim().split('\n').length;
  const inVain = organs
    .filter(
      ({ organ, pid }) => organ === 'free' && readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(basename(base)),
    )
    .map(({ instance }) => instance);
  const cpuUsed = () => Number(/^usage_usec (\d+)/m.exec(readFileSync(join(base, 'burner.1/cpu.stat'), 'utf8'))![1]);
  const [used, at] = [cpuUsed(), performance.now()];
  sleep(1000);
  const burnerShare = (cpuUsed() - used) / 1000 / (performance.now() - at);
  if (!isBrief) until(() => events().find(({ type, organ }) => type === 'organ-failed' && organ === 'hog') ?? null);
  const all = events();
  const of = (type: string) =>
    all.filter((event) => event.type === type && event.organ === 'hog').map(({ message }) => message);
  if (!isBrief) process.kill(system.keeperPid!, 'SIGKILL');
  const after = isBrief
    ? null
    : until(() => {
        const now = status().system;
        return now.keeperPid !== null && now.keeperPid !== system.keeperPid && now.limits?.held.length ? now : null;
      });
  const seen = {
    limits: system.limits ?? null,
    limitsAfterKeeper: after?.limits ?? null,
    burnerShare,
    hog: { exits: of('organ-exited'), restarts: [...of('organ-restarting'), ...of('organ-failed')] },
    warnings: all.filter(({ type }) => type === 'warning').map(({ message }) => message),
    cgroups,
    pairPids,
    inVain,
  };
  run('down');
  const left = readdirSync(dirname(base)).filter((name) => name === basename(base));
  return { ...seen, left: [...left, ...(existsSync(join(folder, '.azora/run/cgroup')) ? ['link'] : [])] };
}

const sleep = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

if (process.argv[1] === import.meta.filename)
  console.log(`LIMITS ${JSON.stringify(main(resolve(process.argv[2]!), process.argv[3] === 'brief'))}`);
