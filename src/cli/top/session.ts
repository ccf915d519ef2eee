import { monotonic } from '../../adapters/clock.ts';
import type { StateFolder } from '../../adapters/state-folder.ts';
import { graphDocument } from '../../core/dependency-view.ts';
import { EXIT, type ExitCode, FailureError } from '../../core/failures.ts';
import { readBootDocument } from '../../supervisor/boot-document.ts';
import type { CommandContext } from '../command.ts';
import type { Connection } from '../connection.ts';
import { findSupervisor } from '../daemons.ts';
import { persistently } from '../persistently.ts';
import { outputMask } from '../secrets.ts';
import { feedStatus, SETTLE_MS } from '../status-feed.ts';
import { Keyboard } from './keyboard.ts';
import type { Key } from './keys.ts';
import { LogFeed } from './log-feed.ts';
import { type Action, press } from './press.ts';
import { renderTop } from './render.ts';
import { Screen } from './screen.ts';
import { NEW_STATE, type Notice, type TopState, type Verb, withLines, withNotice, withStatus } from './state.ts';

/** Figures of processors and memory are taken, and uptimes drawn, this often; what happens is shown when it happens. */
const SAMPLE_MS = 1_000;

/** Shows a system until somebody leaves, or with `not-running` when it is down; a supervisor that was killed is awaited. */
export async function runTop(context: CommandContext, folder: StateFolder, first: Connection): Promise<ExitCode> {
  const session = new Session(context, folder);
  try {
    await session.open();
    return await Promise.race([session.ended, session.watch(first)]);
  } finally {
    session.close();
  }
}

class Session {
  readonly #context: CommandContext;
  readonly #folder: StateFolder;
  readonly #screen: Screen;
  readonly #keyboard: Keyboard;
  readonly #end = Promise.withResolvers<ExitCode>();
  #logs: LogFeed | null = null;
  #state: TopState = NEW_STATE;
  #connection: Connection | null = null;
  #release: (() => void)[] = [];

  constructor(context: CommandContext, folder: StateFolder) {
    this.#context = context;
    this.#folder = folder;
    this.#screen = new Screen(context.stdout, () => renderTop(this.#state, this.#size(), context.stdout.style));
    const onKey = (key: Key): void => {
      const [state, action] = press(this.#state, key, this.#size());
      this.#show(state);
      if (action) this.#perform(action);
    };
    this.#keyboard = new Keyboard(process.stdin, onKey, () => this.#end.resolve(EXIT.terminated));
  }

  /** Resolves when whoever looks on, or a signal, ends it. */
  get ended(): Promise<ExitCode> {
    return this.#end.promise;
  }

  async open(): Promise<void> {
    const { onSignal } = this.#context;
    const endWith = (code: ExitCode) => (): void => this.#end.resolve(code);
    this.#release = [
      onSignal('SIGINT', endWith(EXIT.interrupted)),
      onSignal('SIGTERM', endWith(EXIT.terminated)),
      onSignal('SIGHUP', endWith(EXIT.terminated)),
      onSignal('SIGPIPE', endWith(EXIT.done)),
      onSignal('SIGWINCH', () => this.#screen.redraw()),
    ];
    this.#screen.open();
    this.#keyboard.open();
    const onTrouble = (message: string): void => this.#notify(message, 'bad');
    const mask = await outputMask(this.#context, this.#folder, onTrouble);
    const onLines = (lines: Parameters<typeof withLines>[1]): void => this.#show(withLines(this.#state, lines));
    this.#logs = new LogFeed({ folder: this.#folder.logs, mask, onLines, onTrouble });
    this.#logs.follow(null);
  }

  close(): void {
    for (const unregister of this.#release) unregister();
    this.#logs?.close();
    this.#connection?.close();
    this.#keyboard.close();
    this.#screen.close();
  }

  /** Until the system is down: one supervisor after the other. */
  watch(first: Connection): Promise<never> {
    let sampledAt = Number.NEGATIVE_INFINITY;
    return feedStatus(first, {
      folder: this.#folder,
      version: this.#context.version,
      everyMs: SAMPLE_MS,
      show: (document) => {
        const now = monotonic();
        const due = now - sampledAt >= SAMPLE_MS - SETTLE_MS;
        if (due) sampledAt = now;
        this.#show(withStatus(this.#state, document, due));
      },
      onConnected: (connection, isFirst) => {
        this.#connection = connection;
        if (!isFirst) this.#notify(`supervisor ${connection.hello.pid} has taken over`, 'good');
      },
      onLost: () => this.#notify('the supervisor is gone; organs run on, waiting for the next one', 'bad'),
    });
  }

  readonly #successor = (): Promise<Connection | null> => findSupervisor(this.#folder, this.#context.version);

  #perform(action: Action): void {
    switch (action.kind) {
      case 'quit':
        this.#end.resolve(EXIT.done);
        break;
      case 'interrupt':
        this.#end.resolve(EXIT.interrupted);
        break;
      case 'suspend':
        this.#suspend();
        break;
      case 'redraw':
        this.#screen.redraw();
        break;
      case 'act':
        void this.#act(action.verb, action.instance);
        break;
      case 'follow':
        this.#follow(action.only);
        break;
      case 'read-graph':
        this.#readGraph();
        break;
      default:
        action satisfies never;
    }
  }

  #follow(only: string | null): void {
    this.#logs?.follow(this.#state.document?.organs.find(({ instance }) => instance === only) ?? null);
  }

  async #act(verb: Verb, instance: string): Promise<void> {
    this.#notify(`${verb} ${instance} …`);
    try {
      const { answer, connection } = await persistently(this.#connection!, this.#successor, (present) =>
        present.request('act', { verb, organs: [instance], timeoutMs: null }, null),
      );
      if (connection !== this.#connection) connection.close();
      const outcomes = answer.instances.map(
        ({ instance, state, reason }) => `${instance} ${state}${reason ? `: ${reason}` : ''}`,
      );
      const left = answer.survivors.map(({ instance }) => `processes of ${instance} are left`);
      const failed =
        left.length > 0 || answer.instances.some(({ state }) => ['failed', 'stuck', 'waiting'].includes(state));
      this.#notify([...left, ...outcomes].join(' · ') || `${verb} ${instance}: nothing to do`, failed ? 'bad' : 'good');
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      this.#notify(`cannot ${verb} ${instance}: ${error.failure.message}`, 'bad');
    }
  }

  /** Of what runs, whatever has become of azora.yaml since. */
  #readGraph(): void {
    try {
      const boot = readBootDocument(this.#folder.bootDocument);
      if (boot) this.#show({ ...this.#state, graph: graphDocument(boot.config) });
    } catch (error) {
      this.#notify((error as Error).message, 'bad');
    }
  }

  /** As every program does on Ctrl-Z: to the shell, and back by `fg`. */
  #suspend(): void {
    this.#keyboard.close();
    this.#screen.close();
    process.once('SIGCONT', () => {
      this.#keyboard.open();
      this.#screen.open();
    });
    process.kill(0, 'SIGTSTP');
  }

  #notify(text: string, tone: Notice['tone'] = 'plain'): void {
    this.#show(withNotice(this.#state, text, tone));
  }

  #show(state: TopState): void {
    this.#state = state;
    this.#screen.changed();
  }

  #size(): { columns: number; rows: number } {
    const { columns, rows } = this.#context.stdout;
    return { columns, rows };
  }
}
