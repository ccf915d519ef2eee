import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { monotonic } from '../adapters/clock.ts';
import { type Cgroups, holdTo, type LifeCgroup } from './cgroups.ts';
import { type Command, explainErrno, findCommand, type SpawnFailure, spawnFailure } from './command.ts';
import { markFor } from './family.ts';
import { ensureFifoFolder } from './fifo-folder.ts';
import type { InstanceOutput } from './output.ts';
import type { HeldLimits, Identity, SpawnRequest } from './protocol.ts';
import { type OnReady, type ReadyPipe, watchDescriptor, watchLines, watchMessages } from './readiness.ts';
import type { Spawner, SpawnOutcome, SpawnPlan } from './spawner.ts';

/** Turns spawn requests into processes, in the order of their coming and in slices, so that the event loop keeps its turn. */

/** To begin to listen takes a tenth of a spawn, and what an organ says meanwhile is kept: others are started first, so long. */
const UNHEARD_MS = 100;

export interface LaunchPorts {
  readonly fifos: string;
  readonly cgroups: Cgroups;
  readonly spawner: Spawner;
  readonly outputOf: (request: SpawnRequest) => InstanceOutput;
  /** The spawn is about to be tried; a failure follows through the returned value of `launch` alone. */
  readonly onSpawning: (request: SpawnRequest) => void;
  readonly onReady: (request: SpawnRequest, detail: string | null) => void;
  /** Called in the very turn of the spawn, before the child's end can be heard of. */
  readonly onSpawned: (request: SpawnRequest, identity: Identity, at: number, limited: Limited | null) => void;
  readonly onFailed: (request: SpawnRequest) => void;
}

export type Launched =
  | ({ readonly ok: true; readonly at: number; readonly limits?: HeldLimits } & Identity)
  | SpawnFailure;

/** What holds a life to its limits; `cgroup` null: nothing does. */
export interface Limited {
  readonly cgroup: LifeCgroup | null;
  readonly limits: HeldLimits;
}

interface Task {
  readonly request: SpawnRequest;
  readonly done: (result: Launched) => void;
  readonly fail: (error: unknown) => void;
}

export class Launcher {
  readonly #ports: LaunchPorts;
  #queue: Task[] = [];
  #running = false;
  /** Commands that this batch has looked for: organs of one system tend to run the same few programs. */
  readonly #found = new Map<string, Command>();

  constructor(ports: LaunchPorts) {
    this.#ports = ports;
  }

  /** Every failure of the organ's or the machine's making is a value; a rejection is a bug. */
  launch(request: SpawnRequest): Promise<Launched> {
    return new Promise((done, fail) => {
      this.#queue.push({ request, done, fail });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    await turn(); // whoever else asks in this turn shares the slice and the FIFOs' making
    const unsettled: InstanceOutput[] = [];
    const unheard: InstanceOutput[] = [];
    let heardAt = monotonic();
    const listen = (): void => {
      for (const output of unheard.splice(0)) output.listen();
      heardAt = monotonic();
    };
    while (this.#queue.length > 0 || unsettled.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      this.#found.clear();
      const trouble = this.#makeFifos(batch);
      await this.#inSlices(batch, async ({ request, done, fail }) => {
        try {
          done(trouble ?? (await this.#launch(request)));
        } catch (error) {
          fail(error);
        }
        const output = this.#ports.outputOf(request);
        unheard.push(output);
        unsettled.push(output);
        if (monotonic() - heardAt > UNHEARD_MS) listen();
      });
      if (this.#queue.length === 0) listen();
      // Files are made one a turn, and none while somebody asks for a process.
      await turn();
      if (this.#queue.length === 0) unsettled.shift()?.settle();
    }
    this.#running = false;
  }

  async #inSlices<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
    const { sliceMs } = this.#ports.spawner;
    let end = monotonic() + sliceMs;
    for (const item of items) {
      await act(item);
      if (monotonic() < end) continue;
      await turn();
      end = monotonic() + sliceMs;
    }
  }

  #makeFifos(batch: readonly Task[]): SpawnFailure | null {
    if (batch.length === 0) return null;
    try {
      ensureFifoFolder(this.#ports.fifos);
      const paths = batch.flatMap(({ request }) => [
        ...this.#ports.outputOf(request).missingFifos(request.logs),
        ...(request.readiness?.kind === 'fd' ? [this.#readyPath(request)] : []),
      ]);
      this.#ports.spawner.makeFifos([...new Set(paths)]);
      return null;
    } catch (error) {
      return setupFailure(error);
    }
  }

  #find({ argv: [name, ...args], cwd, env }: SpawnRequest): Command {
    const key = `${name}\0${cwd}\0${env.PATH}`;
    const found = this.#found.get(key) ?? findCommand([name], cwd, env);
    this.#found.set(key, found);
    return found.ok ? { ...found, argv: [...found.argv, ...args] } : found;
  }

  #readyPath({ instance, generation }: SpawnRequest): string {
    return join(this.#ports.fifos, `${instance}.${generation}.ready.fifo`);
  }

  async #launch(request: SpawnRequest): Promise<Launched> {
    const { spawner } = this.#ports;
    const found = this.#find(request);
    if (!found.ok) return found;
    const unfit = nulByteIn(request);
    if (unfit) return unfit;

    const output = this.#ports.outputOf(request);
    const onReady: OnReady = (detail) => this.#ports.onReady(request, detail);
    let pipe: ReadyPipe | null = null;
    let outcome: SpawnOutcome;
    const within = request.limits ? this.#ports.cgroups.create(request, request.limits) : null;
    const cgroup = within?.cgroup ?? null;
    try {
      output.open(request.logs);
      output.drain(); // what a life before left behind is still that life's
      const { readiness } = request;
      if (readiness?.kind === 'fd') {
        if (readiness.fd < 3 || readiness.fd > 255) {
          return spawnFailure('other', 'EBADF', `readiness fd ${readiness.fd} is not between 3 and 255`);
        }
        pipe = watchDescriptor(this.#readyPath(request), onReady);
      }
      output.tap = readiness?.kind === 'log' ? watchLines(readiness.pattern, onReady) : null;
      this.#ports.onSpawning(request);
      const plan: SpawnPlan = {
        file: found.file,
        argv: found.argv,
        cwd: request.cwd,
        env: request.env,
        ...output.childSide(request.logs),
        extra: pipe && readiness?.kind === 'fd' ? { target: readiness.fd, source: pipe.childSide } : null,
        onMessage: readiness?.kind === 'ipc' ? watchMessages(readiness.message, onReady) : null,
        mark: markFor(request.cookie),
      };
      outcome = await (cgroup ? cgroup.born(() => spawner.spawn(plan)) : spawner.spawn(plan));
    } catch (error) {
      pipe?.cancel();
      output.tap = null;
      cgroup?.remove();
      return setupFailure(error);
    } finally {
      if (pipe) closeSync(pipe.childSide);
    }
    if (outcome.pid === null) {
      pipe?.cancel();
      output.tap = null;
      cgroup?.remove();
      this.#ports.onFailed(request);
      if (output.missingFifos(request.logs).length > 0) return spawnFailure('again', outcome.code, 'its FIFO is gone');
      return explainErrno(outcome.code, found.file, sizeOf(request));
    }
    const at = Date.now();
    const identity = { pid: outcome.pid, startTime: outcome.startTime ?? '' };
    const limits = within && holdTo(within, request.limits!);
    this.#ports.onSpawned(request, identity, at, limits && { cgroup, limits });
    output.startLife(at);
    return { ok: true, at, ...identity, ...(limits ? { limits } : {}) };
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What fails around the spawn: no descriptors left, run/ not writable. */
function setupFailure(error: unknown): SpawnFailure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'EUNKNOWN';
  const again = code === 'EMFILE' || code === 'ENFILE' || code === 'ENOMEM' || code === 'EAGAIN';
  const why = error instanceof Error ? error.message : String(error);
  return spawnFailure(again ? 'again' : 'other', code, `cannot prepare its output: ${why}`);
}

function nulByteIn({ argv, env }: SpawnRequest): SpawnFailure | null {
  let bad = argv.find((word) => word.includes('\0'));
  for (const name in env) if (name.includes('\0') || env[name]!.includes('\0')) bad ??= name;
  return bad === undefined
    ? null
    : spawnFailure(
        'other',
        'EINVAL',
        `a NUL byte in its arguments or environment (${JSON.stringify(bad.slice(0, 40))})`,
      );
}

/** As execve counts: strings, their ends, and a pointer each. */
function sizeOf({ argv, env }: SpawnRequest): number {
  let bytes = 0;
  for (const word of argv) bytes += Buffer.byteLength(word) + 9;
  for (const name in env) bytes += Buffer.byteLength(name) + Buffer.byteLength(env[name]!) + 10;
  return bytes;
}
