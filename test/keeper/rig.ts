import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selfCommand } from '../../src/adapters/self.ts';
import { Channel } from '../../src/adapters/socket/channel.ts';
import { type StateFolder, stateFolder } from '../../src/adapters/state-folder.ts';
import type { LogLimits } from '../../src/core/config/model.ts';
import {
  KEEPER_PROTOCOL,
  type KeeperInfo,
  type KeeperMethods,
  type KeeperNotices,
  type SpawnRequest,
} from '../../src/keeper/protocol.ts';

/** A real keeper in a folder of its own, and a client that plays its supervisor. */

type Nothing = Record<never, never>;
type Heard<K extends keyof KeeperNotices> = KeeperNotices[K];

export const puppet = (name: string): string => new URL(`../puppet/${name}`, import.meta.url).pathname;

export const LIMITS: LogLimits = { maxSize: 10_000_000, maxFiles: 5, compress: 'none', merge: false };

const WAIT_MS = 10_000;

export class Rig {
  readonly folder: StateFolder;
  readonly env: Readonly<Record<string, string>>;
  readonly notices: { [K in keyof KeeperNotices]: Heard<K>[] } = {
    exited: [],
    signalledReady: [],
    logTrouble: [],
    logRecovered: [],
  };
  readonly flags: readonly string[];
  keeper!: ChildProcess;
  channel!: Channel<Nothing, KeeperMethods, KeeperNotices, Nothing>;
  info!: KeeperInfo;
  stderr = '';
  #listeners = new Set<() => void>();
  #generation = 0;

  constructor(env: Readonly<Record<string, string>>, flags: readonly string[]) {
    this.folder = stateFolder(mkdtempSync(join(tmpdir(), 'azora-keeper-')));
    this.env = env;
    this.flags = flags;
  }

  static async start(env: Readonly<Record<string, string>> = {}, flags = ['--alone']): Promise<Rig> {
    const rig = new Rig(env, flags);
    await rig.startKeeper();
    return rig;
  }

  async startKeeper(): Promise<void> {
    const [file, ...args] = selfCommand(['__keeper', '--state-dir', this.folder.root, ...this.flags]);
    this.keeper = spawn(file, args, {
      cwd: '/',
      env: { ...process.env, ...this.env },
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.keeper.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    await this.connect();
  }

  /** Connects as the supervisor, as soon as the keeper listens. */
  async connect(): Promise<void> {
    for (const deadline = Date.now() + WAIT_MS; ; ) {
      const socket = connect(this.folder.keeperSocket);
      try {
        await once(socket, 'connect');
        const notices = Object.fromEntries(
          Object.entries(this.notices).map(([name, list]) => [
            name,
            (notice: never) => {
              list.push(notice);
              for (const look of this.#listeners) look();
            },
          ]),
        );
        this.channel = new Channel(socket, { methods: {}, notices });
        this.info = await this.channel.request('hello', {
          protocol: KEEPER_PROTOCOL,
          version: 'test',
          role: 'supervisor',
          pid: process.pid,
        });
        return;
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`no keeper: ${this.stderr}`, { cause: error });
        await new Promise((resolve) => setTimeout(resolve, 5)); // it listens any moment; there is no event to wait for
      }
    }
  }

  request(argv: readonly [string, ...string[]], extra: Partial<SpawnRequest> = {}): SpawnRequest {
    const generation = ++this.#generation;
    const cookie = `cookie-${generation}-${this.folder.root}`;
    return {
      instance: 'mint',
      organ: 'mint',
      generation,
      argv,
      cwd: '/',
      cookie,
      logs: LIMITS,
      readiness: null,
      ...extra,
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', AZORA_COOKIE: cookie, ...extra.env },
    };
  }

  /** Spawns and expects it to succeed. */
  async run(argv: readonly [string, ...string[]], extra: Partial<SpawnRequest> = {}) {
    const request = this.request(argv, extra);
    const result = await this.channel.request('spawn', request);
    if (!result.ok) throw new Error(result.message);
    return { ...result, instance: request.instance, generation: request.generation };
  }

  /** Resolves with the first notice that fits, come or coming. */
  heard<K extends keyof KeeperNotices>(
    name: K,
    fits: (notice: Heard<K>) => boolean = () => true,
    withinMs = WAIT_MS,
  ): Promise<Heard<K>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#listeners.delete(look);
        reject(new Error(`no "${name}" that fits within ${withinMs} ms; ${this.stderr}`));
      }, withinMs);
      const look = () => {
        const found = (this.notices[name] as Heard<K>[]).find(fits);
        if (found === undefined) return;
        clearTimeout(timer);
        this.#listeners.delete(look);
        resolve(found);
      };
      this.#listeners.add(look);
      look();
    });
  }

  exitOf(life: { readonly instance: string; readonly generation: number }): Promise<KeeperNotices['exited']> {
    return this.heard('exited', (exit) => exit.instance === life.instance && exit.generation === life.generation);
  }

  /** Resolves when the log of `mint` holds `text` (a poll: files have no events worth relying on). */
  async logged(text: string, name = 'mint.out.log', organ = 'mint'): Promise<string> {
    for (const deadline = Date.now() + WAIT_MS; ; ) {
      const content = this.log(name, organ);
      if (content.includes(text)) return content;
      if (Date.now() > deadline) throw new Error(`"${text}" is not in ${name}: ${content.slice(-500)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  log(name = 'mint.out.log', organ = 'mint'): string {
    try {
      return readFileSync(join(this.folder.logs, organ, name), 'utf8');
    } catch {
      return ''; // not written yet
    }
  }

  logFiles(organ = 'mint'): string[] {
    return readdirSync(join(this.folder.logs, organ)).sort();
  }

  async killKeeper(): Promise<void> {
    const gone = once(this.keeper, 'exit');
    this.keeper.kill('SIGKILL');
    await gone;
    this.channel.destroy();
  }

  /** Leaves nothing behind, whatever the test did. */
  async end(): Promise<void> {
    if (this.keeper.exitCode === null && this.keeper.signalCode === null) {
      if (this.channel.closed) await this.connect();
      const lives = await this.channel.request('lives', null);
      await Promise.all(lives.map((life) => this.channel.request('killTree', { ...life, timeoutMs: 3000 })));
      await Promise.all(lives.filter(({ exit }) => exit === null).map((life) => this.exitOf(life)));
      const gone = once(this.keeper, 'exit');
      await this.channel.request('shutdown', null);
      await gone;
    }
    rmSync(this.folder.root, { recursive: true, force: true });
  }
}
