import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { onTestFailed, onTestFinished } from 'vitest';
import { type StateFolder, stateFolder } from '../../src/adapters/state-folder.ts';
import type { SystemEvent } from '../../src/core/events.ts';
import type { InstanceStatus, StatusDocument } from '../../src/core/status.ts';
import { isAlive, killAllWith, type ProcessFound, processesWith } from './rig/processes.ts';
import { type Puppet, Puppets } from './rig/puppets.ts';
import { type Finished, Running } from './rig/running.ts';
import { Watch } from './rig/watch.ts';
import { within } from './rig/within.ts';

/**
 * The rig of the end-to-end tests: a system of its own in a temporary folder, the real command line as child processes, and
 * an end that leaves nothing behind, whatever went wrong before.
 *
 *     await using system = await rig.system({ yaml: { organs: { web: rig.puppet() } } });
 *     await system.run(['up', '-d']);
 *     await system.puppet('web').order({ exit: 7 });
 *     await system.waitFor(({ organs }) => organs[0]?.restarts === 1);
 */

const root = resolve(import.meta.dirname, '../..');
const azora = resolve(process.env.AZORA_BIN ?? join(root, 'bin/azora'));
const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
const WAIT_MS = 30_000;

export interface SystemOptions {
  /** The text of azora.yaml, or what it says. */
  readonly yaml: string | { readonly organs: object; readonly [key: string]: unknown };
  /** More files, by path within the system's folder; those that begin with `#!` are executable. */
  readonly files?: Readonly<Record<string, string>>;
  /** More environment for every command. */
  readonly env?: Readonly<Record<string, string>>;
  /** For a test that runs beside others of its file: hooks would not know which of them they belong to. Its block ends the system. */
  readonly concurrent?: boolean;
  /** Another azora than that of this checkout, or $AZORA_BIN. */
  readonly azora?: string;
}

export interface RunOptions {
  readonly timeoutMs?: number;
  /** Another azora than the one under test. */
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Another folder than the system's. */
  readonly cwd?: string;
}

export const rig = {
  /** Tests that take all a machine has, at their full size. */
  full: process.env.AZORA_FULL === '1',
  /** The single binary leaves NODE_OPTIONS to organs: what a test puts there does not reach azora itself. */
  hearsNodeOptions: readFileSync(azora).subarray(0, 2).toString() === '#!',
  node: process.execPath,

  /** The azora under test. */
  azora,

  async system(options: SystemOptions): Promise<System> {
    const system = new System(options);
    await system.puppets.listen();
    return system;
  },

  /** An organ that obeys `system.puppet(…)`; `--listen` makes it serve HTTP from the start. */
  puppet<T extends object>(more?: T, args: readonly string[] = []): { command: string[] } & T {
    return { command: [process.execPath, rig.program('puppet.mjs'), ...args], ...more } as { command: string[] } & T;
  },

  /** The path of a program in `test/puppet`. */
  program(name: string): string {
    const path = join(root, 'test/puppet', name);
    if (!existsSync(path)) throw new Error(`there is no test/puppet/${name}`);
    return path;
  },
};

export class System implements AsyncDisposable {
  readonly folder: string;
  readonly state: StateFolder;
  readonly puppets: Puppets;
  /** In the environment of everything that this system starts, so that it is found again: `AZORA_TEST_RIG=…`. */
  readonly mark: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #azora: string;
  readonly #commands: Running[] = [];
  #watch: Watch | undefined;
  #end: Promise<void> | undefined;
  #story = '';

  constructor({ yaml, files = {}, env = {}, concurrent = false, azora: given }: SystemOptions) {
    this.#azora = given ?? azora;
    this.folder = mkdtempSync(join(tmpdir(), 'azora-e2e-'));
    this.state = stateFolder(join(this.folder, '.azora'));
    const id = randomBytes(8).toString('hex');
    this.mark = `AZORA_TEST_RIG=${id}`;
    this.puppets = new Puppets(join(this.folder, 'puppets.sock'));
    this.#env = { ...outerEnvironment(), AZORA_TEST_RIG: id, PUPPET_SOCKET: this.puppets.socketPath, ...env };
    this.write('azora.yaml', typeof yaml === 'string' ? yaml : JSON.stringify({ version: 1, ...yaml }, null, 2));
    for (const [path, text] of Object.entries(files)) this.write(path, text);
    if (concurrent) return;
    try {
      onTestFailed(() => console.error(this.#story));
      // A test that runs out of time never gets to the end of its block.
      onTestFinished(() => this[Symbol.asyncDispose]());
    } catch {
      // Not within a test (a beforeAll, say): its own error has to do.
    }
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text, { mode: text.startsWith('#!') ? 0o755 : 0o644 });
  }

  /** What a program gets that is to be of this system though the rig does not start it. */
  get environment(): NodeJS.ProcessEnv {
    return this.#env;
  }

  puppet(instance: string): Puppet {
    return this.puppets.of(instance);
  }

  /** Starts a command of azora that stays. */
  start(args: readonly string[], options: RunOptions = {}): Running {
    const running = new Running(options.program ?? this.#azora, args, {
      cwd: options.cwd ?? this.folder,
      env: { ...this.#env, ...options.env },
    });
    this.#commands.push(running);
    return running;
  }

  /** Runs a command of azora to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return this.start(args, options).finished(options.timeoutMs);
  }

  /** As `run`, but fails, and shows what was said, unless the exit code is `code`. */
  async expect(code: number, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const running = this.start(args, options);
    const finished = await running.finished(options.timeoutMs);
    if (finished.code !== code) {
      throw new Error(
        `\`azora ${args.join(' ')}\` ended with ${finished.code ?? finished.signal}, expected ${code}.${running.said()}`,
      );
    }
    return finished;
  }

  /** The document of `azora status --json`. */
  async status(): Promise<StatusDocument> {
    const { stdout, stderr, code } = await this.run(['status', '--json']);
    if (!stdout.startsWith('{')) throw new Error(`\`azora status --json\` ended with ${code}: ${stdout}${stderr}`);
    return JSON.parse(stdout) as StatusDocument;
  }

  async instance(name: string): Promise<InstanceStatus> {
    const { organs } = await this.status();
    const found = organs.find(({ instance, organ }) => instance === name || organ === name);
    if (!found) throw new Error(`status has no ${name}, only ${organs.map(({ instance }) => instance).join(' ')}`);
    return found;
  }

  /** Every event of this system that has been heard since `listen`, or the first `waitFor…`. */
  get events(): readonly SystemEvent[] {
    return this.#watching().events;
  }

  /** Waits until status is as wanted; fails with status, and what the daemons said, when that takes too long. */
  async waitFor(holds: (status: StatusDocument) => boolean, timeoutMs = WAIT_MS): Promise<StatusDocument> {
    let last: StatusDocument | null = null;
    const found = await this.#bounded(
      timeoutMs,
      (stop) => this.#watching().until(holds, (status) => (last = status), stop),
      () => `status is not as wanted (${holds}); it is ${last === null ? 'not to be had' : brief(last)}`,
    );
    return found!;
  }

  /** Waits for an event; one that has been is found as well. */
  async waitForEvent(holds: (event: SystemEvent) => boolean, timeoutMs = WAIT_MS): Promise<SystemEvent> {
    const watch = this.#watching();
    const found = await this.#bounded(
      timeoutMs,
      (stop) => watch.event(holds, stop),
      () =>
        `no event is as wanted (${holds}); there were:\n${watch.events.map(({ type, message }) => `  ${type}: ${message}`).join('\n')}`,
    );
    return found!;
  }

  /** Everything that belongs to this system and lives: daemons, organs, whatever they started. */
  processes(): ProcessFound[] {
    return processesWith(this.mark);
  }

  /** Fails unless nothing of the system is left, its daemons included, as must be once `down` has returned. */
  async expectNothingLeft(): Promise<void> {
    const left = this.processes();
    if (left.length > 0) throw new Error(`left: ${list(left)}${this.daemonLogs()}`);
  }

  /** Likewise within two seconds: after a boot that was refused, what was started for it ends by itself. */
  async nothingLeftSoon(): Promise<void> {
    const deadline = performance.now() + 2_000;
    while (this.processes().length > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await this.expectNothingLeft();
  }

  isAlive(pid: number): boolean {
    return isAlive(pid);
  }

  /** What the daemons wrote about themselves. */
  daemonLogs(): string {
    return ['supervisor.log', 'keeper.log'].map((name) => section(name, join(this.state.run, name))).join('');
  }

  /**
   * Ends the system, by its own means first; then whatever still carries its mark is killed, and having had to is an error.
   */
  [Symbol.asyncDispose](): Promise<void> {
    this.#end ??= this.#dispose();
    return this.#end;
  }

  async #dispose(): Promise<void> {
    const complaints: string[] = [];
    if (this.processes().length > 0 || existsSync(this.state.bootDocument)) {
      const down = await this.run(['down', '--force'], { timeoutMs: 20_000 }).catch((error: Error) => error);
      if (down instanceof Error) complaints.push(`\`azora down --force\`: ${down.message}`);
      else if (down.code !== 0 && down.code !== 3)
        complaints.push(`\`azora down --force\` ended with ${down.code}: ${down.stderr}`);
    }
    this.#watch?.close();
    await this.#lingering();
    this.#story = this.#tellStory();
    const left = await killAllWith(this.mark);
    if (left.length > 0) {
      complaints.push(`left after \`down --force\`: ${list(left)}`);
    }
    await Promise.all(this.#commands.map((command) => command.exit.catch(() => null)));
    this.puppets.close();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
    if (this.state.run !== join(this.state.root, 'run')) rmSync(this.state.run, { recursive: true, force: true });
    if (complaints.length > 0) throw new Error(`${complaints.join('\n')}${this.#story}`);
  }

  /** Commands that stream, and the daemons, end by themselves once the system is down; they get a moment to do so. */
  async #lingering(): Promise<void> {
    const deadline = performance.now() + 3_000;
    while (this.processes().length > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #watching(): Watch {
    this.#watch ??= new Watch(this.state, version);
    return this.#watch;
  }

  /** Listens to events from now on (and to those before, as far as the supervisor kept them). */
  listen(): this {
    this.#watching();
    return this;
  }

  async #bounded<T>(timeoutMs: number, wait: (stop: AbortSignal) => Promise<T>, complaint: () => string): Promise<T> {
    const stop = new AbortController();
    try {
      return await within(timeoutMs, wait(stop.signal), () => `${complaint()}${this.daemonLogs()}`);
    } finally {
      stop.abort();
    }
  }

  #tellStory(): string {
    const commands = this.#commands.map((command) => `\n=== ${command.name} ===${command.said()}`).join('');
    return `${section('azora.yaml', this.path('azora.yaml'))}${commands}${this.daemonLogs()}`;
  }
}

const list = (found: readonly ProcessFound[]): string =>
  found.map(({ pid, command }) => `${pid} ${command}`).join(', ');

/** What azora is started with: this process's environment without what belongs to the tests or to an azora around them. */
function outerEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(AZORA_|VITEST|TEST$|NODE_|FORCE_COLOR$|NO_COLOR$|npm_)/.test(name),
  );
  return { ...Object.fromEntries(kept), PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
}

function brief({ system, organs }: StatusDocument): string {
  const lines = organs.map(
    ({ instance, state, health, restarts, reason }) =>
      `  ${instance}: ${state} ${health}, ${restarts} restarts, ${reason}`,
  );
  return `${system.phase} ${system.status}\n${lines.join('\n')}`;
}

function section(title: string, path: string): string {
  if (!existsSync(path)) return `\n--- ${title}: not there ---\n`;
  const text = readFileSync(path, 'utf8');
  return `\n--- ${title} ---\n${text.length > 20_000 ? `…${text.slice(-20_000)}` : text}`;
}
