import { closeSync, constants, existsSync, lstatSync, openSync, readlinkSync, readSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { logName, type Stream } from '../adapters/logs/format.ts';
import type { LogLimits } from '../core/config/model.ts';
import { LogClock, LogFile, type LogFileEvents } from './log-file.ts';

/**
 * The output of one instance: a FIFO and a log per stream, kept over its lives. Both sides open the FIFO for reading and
 * writing: the organ gets no SIGPIPE when the keeper dies, and the keeper no end of file when the organ does.
 */

/** All readers share it: what is read is written before the next read. */
const BUFFER_BYTES = 64 * 1024;
const shared = Buffer.allocUnsafe(BUFFER_BYTES);
/** The largest pipe a process may ask for; a grandchild may write for ever, so a drain ends here. */
const MAX_DRAIN_BYTES = 1024 * 1024;

export type Tap = (stream: Stream, chunk: Uint8Array) => void;

export interface OutputPaths {
  readonly fifos: string;
  /** logs/<organ>/. */
  readonly logs: string;
}

interface Pipe {
  readonly stream: Stream;
  readonly path: string;
  readonly fd: number;
  readonly log: LogFile;
  /** Hears what comes; null before `listen`. */
  socket: Socket | null;
}

export class InstanceOutput {
  readonly #instance: string;
  readonly #paths: OutputPaths;
  readonly #events: LogFileEvents;
  readonly #clock = new LogClock();
  readonly #pipes = new Map<Stream, Pipe>();
  /** FIFOs that nobody has written to so far. */
  readonly #unused = new Set<string>();
  /** When a life began whose mark is not in the logs yet. */
  #lifeStart: number | null = null;
  /** Sees the output as it comes (readiness by log line). */
  tap: Tap | null = null;

  constructor(instance: string, paths: OutputPaths, events: LogFileEvents) {
    this.#instance = instance;
    this.#paths = paths;
    this.#events = events;
  }

  /** The FIFOs that a life with these limits needs and that do not exist yet. What lies in their place is removed. */
  missingFifos(limits: LogLimits): string[] {
    return streamsOf(limits)
      .map((stream) => this.#fifo(stream))
      .filter((path) => {
        const stat = lstatSync(path, { throwIfNoEntry: false });
        if (stat?.isFIFO()) return false;
        if (stat) rmSync(path, { recursive: true });
        this.#unused.add(path);
        // Its reader would wait at a FIFO that no later child can open.
        this.#closePipe(path);
        return true;
      });
  }

  /** Opens what is not open yet; `listen` follows. Throws the system's error (EMFILE …). */
  open(limits: LogLimits): void {
    for (const stream of streamsOf(limits)) {
      const pipe = this.#pipes.get(stream);
      if (pipe) pipe.log.limits = limits;
      else this.#openPipe(stream, limits, this.#fifo(stream));
    }
  }

  /** Opens the FIFOs that a living process of another keeper's days writes to; if they have lost their names, through it. */
  openAdopted(limits: LogLimits, pid: number): void {
    for (const stream of streamsOf(limits)) {
      const path = this.#fifo(stream);
      this.#openPipe(stream, limits, existsSync(path) ? path : unnamedFifo(pid, stream, path));
    }
    this.listen();
  }

  /** Hears what is written from here on, and has been written since `open`: a FIFO holds it as long as one side is open. */
  listen(): void {
    for (const pipe of this.#pipes.values()) pipe.socket ??= this.#listenTo(pipe);
  }

  /** What a child opens as its stdout and stderr, by itself: blocking descriptions of its own. */
  childSide(limits: LogLimits): { readonly stdout: string; readonly stderr: string | 'same' } {
    return { stdout: this.#fifo('out'), stderr: limits.merge ? 'same' : this.#fifo('err') };
  }

  /**
   * A life has begun, after a drain: what was in the FIFOs then belongs to the life before. Files are not touched before the
   * first byte, or `settle`: to make them costs more than the spawn.
   */
  startLife(now: number): void {
    this.settle();
    this.#unused.clear();
    this.#lifeStart = now;
  }

  /** Writes the mark of a life that has said nothing so far. An organ that never said anything has no files, and needs none. */
  settle(): void {
    if (this.#lifeStart !== null && this.#hasFile('out')) this.#markStart();
  }

  /** A stream that never had a byte needs no mark: its first file begins there. */
  #markStart(): void {
    if (this.#lifeStart === null) return;
    const now = this.#lifeStart;
    this.#lifeStart = null;
    for (const { stream, log } of this.#pipes.values()) {
      if (stream === 'out' || this.#hasFile(stream)) log.startLife(now);
    }
  }

  #hasFile(stream: Stream): boolean {
    return existsSync(join(this.#paths.logs, logName(this.#instance, stream)));
  }

  /** Reads what is in the FIFOs right now. Bounded, and never waits. */
  drain(): void {
    for (const pipe of this.#pipes.values()) {
      if (this.#unused.has(pipe.path)) continue;
      for (let total = 0; total < MAX_DRAIN_BYTES; ) {
        const count = readNow(pipe.fd);
        if (count === 0) break;
        this.#take(pipe, shared.subarray(0, count));
        total += count;
      }
    }
  }

  /** Stops reading; `remove` takes the FIFOs away too. */
  close(remove: boolean): void {
    this.settle();
    for (const { path } of [...this.#pipes.values()]) {
      this.#closePipe(path);
      if (remove) rmSync(path, { force: true });
    }
  }

  #fifo(stream: Stream): string {
    return `${this.#paths.fifos}/${this.#instance}.${stream}.fifo`;
  }

  #openPipe(stream: Stream, limits: LogLimits, source: string): void {
    const path = this.#fifo(stream);
    const fd = openSync(source, constants.O_RDWR | constants.O_NONBLOCK);
    const log = new LogFile(this.#paths.logs, this.#instance, stream, limits, this.#clock, this.#events);
    this.#pipes.set(stream, { stream, path, fd, log, socket: null });
  }

  #listenTo(pipe: Pipe): Socket {
    const socket = new Socket({
      fd: pipe.fd,
      readable: true,
      writable: false,
      onread: {
        buffer: shared,
        callback: (count) => {
          this.#take(pipe, shared.subarray(0, count));
          return true;
        },
      },
    });
    socket.on('error', (error) => this.#events.onTrouble(`cannot read ${pipe.path}: ${error.message}`, 0));
    return socket;
  }

  #closePipe(path: string): void {
    for (const pipe of this.#pipes.values()) {
      if (pipe.path !== path) continue;
      if (pipe.socket) pipe.socket.destroy();
      else closeSync(pipe.fd);
      pipe.log.close();
      this.#pipes.delete(pipe.stream);
    }
  }

  #take(pipe: Pipe, chunk: Uint8Array): void {
    this.#markStart();
    pipe.log.append(chunk, Date.now());
    this.tap?.(pipe.stream, chunk);
  }
}

const streamsOf = (limits: LogLimits): readonly Stream[] => (limits.merge ? ['out'] : ['out', 'err']);

/** A logout may sweep the place of the FIFOs (systemd does); Linux still reaches them through whoever holds them. */
function unnamedFifo(pid: number, stream: Stream, path: string): string {
  const held = `/proc/${pid}/fd/${stream === 'out' ? 1 : 2}`;
  if (readlinkSync(held) !== `${path} (deleted)`) throw new Error(`${path} is gone, and pid ${pid} writes elsewhere`);
  return held;
}

/** Bytes read into `shared`; 0 when there are none now. */
function readNow(fd: number): number {
  try {
    return readSync(fd, shared);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0;
    throw error;
  }
}
