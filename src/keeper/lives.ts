import { join } from 'node:path';
import { failpoint } from '../adapters/failpoint.ts';
import type { Libc } from '../adapters/libc.ts';
import type { Reaped } from '../adapters/posix-spawn.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import type { LogLimits } from '../core/config/model.ts';
import { type Fate, fateOf, watchEnd } from './adoption.ts';
import { Cgroups } from './cgroups.ts';
import { type SpawnFailure, spawnFailure } from './command.ts';
import { Compressor } from './compress.ts';
import { fifoFolder, removeFifoFolder } from './fifo-folder.ts';
import { machineBootId } from './identity.ts';
import { type Birth, Journal, lifeId, type RememberedLife } from './journal.ts';
import { Launcher } from './launcher.ts';
import { Life } from './life.ts';
import { OomWatch } from './oom.ts';
import { InstanceOutput } from './output.ts';
import type { ExitRecord, KeeperNotices, LifeKey, SpawnRequest, SpawnResult } from './protocol.ts';
import { watchLines } from './readiness.ts';
import type { Spawner } from './spawner.ts';

/** Every life that runs, and every end that was not forgotten: their births, outputs, ends and the journal of it all. */

export interface LivesOptions {
  readonly folder: StateFolder;
  readonly spawner: Spawner;
  readonly libc: Libc | null;
  readonly tell: <K extends keyof KeeperNotices>(notice: K, params: KeeperNotices[K]) => void;
  /** Nothing is left of the tree of one that has just ended. */
  readonly isAlone: (life: Life) => boolean;
  /** A life ended whose process was not our child. */
  readonly onEnd: () => void;
  /** For keeper.log. */
  readonly report: (message: string) => void;
}

export class Lives {
  readonly #options: LivesOptions;
  readonly #lives = new Map<string, Life>();
  readonly #running = new Map<string, Life>();
  /** Own children that live, by pid. */
  readonly #children = new Map<number, Life>();
  readonly #outputs = new Map<string, InstanceOutput>();
  /** Spawns that are under way or were answered: a repeated request gets the same answer. */
  readonly #spawning = new Map<string, Promise<SpawnResult>>();
  readonly #stopWatching = new Map<Life, () => void>();
  readonly #fifos: string;
  readonly #journal: Journal;
  readonly #compressor: Compressor;
  readonly #launcher: Launcher;
  readonly #cgroups: Cgroups;
  readonly #oom = new OomWatch();
  readonly machineBootId = machineBootId();
  #seq = 0;

  constructor(options: LivesOptions) {
    this.#options = options;
    this.#fifos = fifoFolder(options.folder.run);
    const refuge = this.#fifos === options.folder.run ? null : join(this.#fifos, 'journal.ndjson');
    this.#journal = new Journal(options.folder.journal, refuge, options.report);
    this.#compressor = new Compressor(options.report);
    this.#cgroups = new Cgroups(options.folder.run, options.report);
    this.#launcher = new Launcher({
      fifos: this.#fifos,
      cgroups: this.#cgroups,
      spawner: options.spawner,
      outputOf: (request) => this.#outputOf(request.instance, request),
      onSpawning: (request) => {
        this.#journal.append({ type: 'spawning', ...keyOf(request), ...birthOf(request) });
        failpoint('keeper:spawn-journalled');
      },
      onFailed: (request) => this.#journal.append({ type: 'spawn-failed', ...keyOf(request) }),
      onSpawned: (request, identity, at, limited) => {
        failpoint('keeper:spawned');
        this.#journal.append({ type: 'spawned', ...keyOf(request), ...identity, at, adopted: false });
        failpoint('keeper:birth-journalled');
        const facts = { startedAt: at, adopted: false, signalledReady: false, exit: null, ownChild: true };
        const life = new Life(keyOf(request), birthOf(request), identity, facts);
        life.cgroup = limited?.cgroup ?? null;
        life.limits = limited?.limits ?? null;
        this.#lives.set(lifeId(life), life);
        this.#running.set(life.instance, life);
        this.#children.set(life.pid, life);
      },
      onReady: (request, detail) => this.#onReady(request, detail),
    });
  }

  all(): IterableIterator<Life> {
    return this.#lives.values();
  }
  running(): Life[] {
    return [...this.#running.values()];
  }
  get(key: LifeKey): Life | undefined {
    return this.#lives.get(lifeId(key));
  }

  /** Resolves when every spawn that was asked for so far has come to something. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#spawning.values()]);
  }

  /** Idempotent per life: a supervisor that lost the answer may ask again. Never a second process beside a living one. */
  spawn(request: SpawnRequest): Promise<SpawnResult> {
    const id = lifeId(request);
    const known = this.#lives.get(id);
    if (known) {
      const { pid, startTime, startedAt: at, limits } = known;
      return Promise.resolve({ ok: true, pid, startTime, at, ...(limits ? { limits } : {}) });
    }
    const underWay = this.#spawning.get(id);
    if (underWay) return underWay;
    const rival = this.#running.get(request.instance);
    if (rival) return Promise.resolve(stillRuns(rival));
    const result = this.#launcher.launch(request).finally(() => this.#spawning.delete(id));
    this.#spawning.set(id, result);
    return result;
  }

  /** A child was reaped. false: it is no life's leader. */
  onReaped({ pid, code, signal }: Reaped): boolean {
    const life = this.#children.get(pid);
    if (!life) return false;
    this.#children.delete(pid);
    this.#end(life, code, signal);
    return true;
  }

  /** Takes up what the journal remembers. Call before anything else is asked. */
  async adopt(): Promise<void> {
    const memory = this.#journal.read();
    this.#seq = memory.seq;
    const sameBoot = memory.machineBootId === this.machineBootId;
    const ended: Life[] = [];
    const kept: RememberedLife[] = [];
    for (const old of memory.lives) {
      const fate: Fate = old.exit
        ? { kind: 'gone', identity: old.identity ?? { pid: old.exit.pid, startTime: '' } }
        : await fateOf(old, sameBoot);
      if (fate.kind === 'unborn') continue;
      const adopted = old.adopted || old.exit === null;
      const life = new Life(old, birthOf(old), fate.identity, { ...old, adopted, ownChild: false });
      this.#lives.set(lifeId(life), life);
      // Of another boot of the machine nothing can be left, and its numbers are other processes' now.
      if (sameBoot) kept.push({ ...old, identity: fate.identity, adopted });
      else life.isHistory = true;
      life.cgroup = sameBoot ? this.#cgroups.find(life) : null;
      life.limits = life.cgroup && { held: life.cgroup.held(), reason: null };
      if (old.exit) continue;
      if (fate.kind === 'gone') ended.push(life);
      else this.#takeOver(life);
    }
    this.#journal.begin({ machineBootId: this.machineBootId, seq: this.#seq, lives: kept });
    for (const life of ended) this.#end(life, null, null);
  }

  /** Drops what the supervisor has recorded. A life that still runs is not forgotten. */
  forget(keys: readonly LifeKey[], treeIsEmpty: (life: Life) => Promise<boolean>): void {
    const forgotten = keys.filter((key) => this.get(key)?.ended);
    if (forgotten.length === 0) return;
    const lives = forgotten.map((key) => this.get(key)!);
    for (const key of forgotten) this.#lives.delete(lifeId(key));
    this.#journal.append({ type: 'forgotten', lives: forgotten.map(keyOf) });
    // A spawn that is under way stands only in the journal.
    if (this.#journal.isLong && this.#spawning.size === 0) {
      const remembered = [...this.all()].map((life) => life.toMemory());
      this.#journal.begin({ machineBootId: this.machineBootId, seq: this.#seq, lives: remembered });
    }
    for (const life of lives) {
      void this.#closeOutput(life, treeIsEmpty);
      life.cgroup?.remove(); // with processes in it, it stays until the end
    }
  }

  /** For the end of this process, which closes what is open; the FIFOs go with their folder. */
  close(removeAll: boolean): void {
    for (const stop of this.#stopWatching.values()) stop();
    for (const output of this.#outputs.values()) {
      output.drain();
      output.settle();
    }
    this.#journal.close(removeAll);
    if (this.#running.size === 0) {
      removeFifoFolder(this.#options.folder.run);
      this.#cgroups.close();
    }
    this.#oom.stop();
  }

  #takeOver(life: Life): void {
    this.#running.set(life.instance, life);
    const { libc, report } = this.#options;
    const output = this.#outputOf(life.instance, life.birth);
    try {
      const { readiness } = life.birth;
      if (readiness?.kind === 'log' && !life.signalledReady) {
        output.tap = watchLines(readiness.pattern, (detail) => this.#onReady(life, detail));
      }
      output.openAdopted(life.birth.logs, life.pid);
    } catch (error) {
      report(`the output of ${life.title} cannot be read any more: ${String(error)}`);
    }
    this.#stopWatching.set(
      life,
      watchEnd(life, libc, () => {
        this.#stopWatching.delete(life);
        this.#end(life, null, null);
        this.#options.onEnd();
      }),
    );
  }

  #end(life: Life, code: number | null, signal: string | null): void {
    failpoint('keeper:reaped');
    const output = this.#outputs.get(life.instance);
    if (output) {
      try {
        output.drain();
      } catch (error) {
        this.#options.report(`cannot read the last output of ${life.title}: ${String(error)}`);
      }
      output.tap = null;
    }
    failpoint('keeper:drained');
    const ours = signal !== null && life.sent.has(signal);
    const killed = signal === 'SIGKILL' && !ours;
    const memoryLimit = killed ? (life.cgroup?.struckAt() ?? null) : null;
    const exit: ExitRecord = {
      ...life.key,
      seq: ++this.#seq,
      pid: life.pid,
      code,
      signal,
      at: Date.now(),
      ours,
      oomKilled: killed && (memoryLimit !== null || this.#oom.struck()),
      ...(memoryLimit === null ? {} : { memoryLimit }),
    };
    life.exit = exit;
    if (this.#running.get(life.instance) === life) this.#running.delete(life.instance);
    this.#journal.append({ type: 'exited', ...exit });
    failpoint('keeper:exit-journalled');
    this.#options.tell('exited', !ours && this.#options.isAlone(life) ? { ...exit, alone: true } : exit);
    failpoint('keeper:exit-told');
  }

  #onReady(key: LifeKey, detail: string | null): void {
    const life = this.get(key);
    if (!life || life.signalledReady) return;
    life.signalledReady = true;
    const output = this.#outputs.get(life.instance);
    if (output && life.birth.readiness?.kind === 'log') output.tap = null;
    this.#journal.append({ type: 'ready', ...life.key });
    failpoint('keeper:ready-journalled');
    this.#options.tell('signalledReady', { ...life.key, at: Date.now(), detail });
  }

  #outputOf(instance: string, { organ, logs }: { readonly organ: string; readonly logs: LogLimits }): InstanceOutput {
    const known = this.#outputs.get(instance);
    if (known) return known;
    const { folder, tell } = this.#options;
    const output = new InstanceOutput(
      instance,
      { fifos: this.#fifos, logs: join(folder.logs, organ) },
      {
        onTrouble: (message, lostBytes) => tell('logTrouble', { instance, message, lostBytes }),
        onRecovered: () => tell('logRecovered', { instance }),
        onRotated: (path) => this.#compressor.add(path, logs.compress),
      },
    );
    this.#outputs.set(instance, output);
    return output;
  }

  /** A descendant left behind may still write: the FIFO stays while there is one. */
  async #closeOutput(life: Life, treeIsEmpty: (life: Life) => Promise<boolean>): Promise<void> {
    const { instance } = life;
    const inUse = () =>
      [...this.all()].some((other) => other.instance === instance) ||
      [...this.#spawning.keys()].some((id) => id.startsWith(`${instance}#`));
    if (inUse() || !(await treeIsEmpty(life)) || inUse()) return;
    const output = this.#outputs.get(instance);
    output?.drain();
    output?.close(true);
    this.#outputs.delete(instance);
  }
}

const keyOf = ({ instance, generation }: LifeKey): LifeKey => ({ instance, generation });
const birthOf = ({ organ, cookie, logs, readiness }: Birth): Birth => ({ organ, cookie, logs, readiness });

const stillRuns = (rival: Life): SpawnFailure =>
  spawnFailure('other', 'EBUSY', `${rival.title} still runs, as generation ${rival.generation}`);
