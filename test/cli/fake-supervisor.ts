import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ControlMethods, ControlNotices, UpResult } from '../../src/adapters/control/protocol.ts';
import { CONTROL_PROTOCOL } from '../../src/adapters/control/protocol.ts';
import { Channel } from '../../src/adapters/socket/channel.ts';
import type { StateFolder } from '../../src/adapters/state-folder.ts';
import { createStateFolder, stateFolder } from '../../src/adapters/state-folder.ts';
import { ownVersion } from '../../src/adapters/version.ts';
import type { EventType, SystemEvent } from '../../src/core/events.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { InstanceStatus, StatusDocument } from '../../src/core/status.ts';

type None = Record<never, never>;
type Peer = Channel<ControlMethods, None, None, ControlNotices>;
type Answers = { [K in keyof ControlMethods]: (params: ControlMethods[K]['params']) => unknown };

export const BOOT_ID = 'boot-1';
/** Beyond any that a kernel gives out: no process is mistaken for the supervisor. */
const NO_PID = 2 ** 30;

/**
 * A supervisor for tests of commands: speaks the control protocol over a real unix socket and does what the test says. Each
 * method has an honest default; a test replaces those that it is about. Events told are kept, and replayed to who subscribes.
 */
export class FakeSupervisor implements AsyncDisposable {
  readonly folder: StateFolder;
  /** The project's folder, with an azora.yaml. */
  readonly home: string;
  /** Every request but hello, in order. */
  readonly asked: { method: string; params: unknown }[] = [];
  document: StatusDocument;
  readonly answers: Answers;
  readonly #server: Server;
  readonly #peers = new Set<Peer>();
  readonly #listening = new Set<Peer>();
  readonly #events: SystemEvent[] = [];

  private constructor(home: string, document: StatusDocument, answers: Partial<Answers>) {
    this.home = home;
    this.folder = stateFolder(join(home, '.azora'));
    this.document = document;
    const up: UpResult = {
      bootId: BOOT_ID,
      booted: true,
      starting: [],
      heldDown: [],
      plan: null,
      changed: [],
      since: 0,
    };
    this.answers = {
      hello: () => ({
        protocol: CONTROL_PROTOCOL,
        version: ownVersion(),
        pid: NO_PID,
        bootId: BOOT_ID,
        configHash: 'hash',
        file: join(home, 'azora.yaml'),
      }),
      status: () => this.document,
      up: () => up,
      down: () => {
        setImmediate(() => this.end());
        return { survivors: [] };
      },
      act: () => ({ instances: [], survivors: [] }),
      plan: () => EMPTY_PLAN,
      reload: () => ({ plan: EMPTY_PLAN, starting: [], since: 0 }),
      scale: () => ({ plan: EMPTY_PLAN, starting: [], since: 0 }),
      emergency: () => ({ survivors: [], report: null }),
      wait: () => ({ outcomes: [], timedOut: false }),
      oneOff: () => ({ argv: ['true'], cwd: home, env: {} }),
      retire: () => null,
      check: () => ({ passed: true, checks: [], leftOut: [] }),
      subscribe: () => ({ lastId: this.#events.length }),
      ...answers,
    };
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async start(
    document: StatusDocument,
    answers: Partial<Answers> = {},
    yaml = EXAMPLE,
  ): Promise<FakeSupervisor> {
    const fake = new FakeSupervisor(newProject(yaml), document, answers);
    createStateFolder(fake.folder);
    await new Promise<void>((resolve) => fake.#server.listen(fake.folder.supervisorSocket, resolve));
    return fake;
  }

  /** Says that something happened, to everybody who listens now or later. */
  tell(type: EventType, instance: string | null, data: JsonObject = {}, message: string = type): void {
    const event = anEvent(this.#events.length + 1, type, instance, data, message);
    this.#events.push(event);
    for (const peer of this.#listening) peer.notify('event', event);
  }

  /** Ends as a supervisor does: every conversation, then itself. */
  end(): void {
    this.#server.close();
    for (const peer of this.#peers) peer.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.#peers) peer.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.home, { recursive: true, force: true });
  }

  #accept(socket: import('node:net').Socket): void {
    const answer = <K extends keyof ControlMethods>(method: K) => {
      return async (params: ControlMethods[K]['params']): Promise<ControlMethods[K]['result']> => {
        if (method !== 'hello') this.asked.push({ method, params });
        // Whoever asks for the events and then for more hears of that more, as with a real one.
        if (method === 'subscribe') this.#subscribe(peer, (params as { since: number | null }).since);
        return (await this.answers[method](params as never)) as ControlMethods[K]['result'];
      };
    };
    const peer: Peer = new Channel<ControlMethods, None, None, ControlNotices>(socket, {
      methods: {
        hello: answer('hello'),
        up: answer('up'),
        down: answer('down'),
        status: answer('status'),
        act: answer('act'),
        plan: answer('plan'),
        reload: answer('reload'),
        scale: answer('scale'),
        emergency: answer('emergency'),
        wait: answer('wait'),
        oneOff: answer('oneOff'),
        retire: answer('retire'),
        check: answer('check'),
        subscribe: answer('subscribe'),
      },
      notices: {},
      onClose: () => {
        this.#peers.delete(peer);
        this.#listening.delete(peer);
      },
    });
    this.#peers.add(peer);
  }

  #subscribe(peer: Peer, since: number | null): void {
    this.#listening.add(peer);
    if (since === null) return;
    for (const event of this.#events.filter(({ id }) => id > since)) peer.notify('event', event);
  }
}

const EMPTY_PLAN = { organs: [], system: [], unchanged: 0 };

const EXAMPLE = 'version: 1\nname: example\norgans:\n  mint: { command: sleep 99 }\n  aegis: { command: sleep 99 }\n';

/** A folder with an azora.yaml, of which nothing runs; whoever asks for it removes it. */
export function newProject(yaml: string = EXAMPLE): string {
  const home = mkdtempSync(join(tmpdir(), 'azora-cli-'));
  writeFileSync(join(home, 'azora.yaml'), yaml);
  return home;
}

const START = Date.parse('2026-11-23T12:00:00.000Z');

/** Events are 100 ms apart, from noon on. */
export function anEvent(
  id: number,
  type: EventType,
  instance: string | null,
  data: JsonObject = {},
  message: string = type,
): SystemEvent {
  const organ = instance === null ? null : instance.replace(/-\d+$/, '');
  const ts = new Date(START + id * 100).toISOString();
  return { id, ts, bootId: BOOT_ID, type, organ, instance, message, data };
}

export function aDocument(
  organs: readonly InstanceStatus[],
  system: Partial<StatusDocument['system']> = {},
): StatusDocument {
  return {
    version: 1,
    system: {
      name: 'example',
      phase: 'ready',
      status: 'Operational',
      threatLevel: 'None',
      bootId: BOOT_ID,
      pid: 4242,
      keeperPid: 4243,
      startedAt: '2026-11-23T12:00:00.000Z',
      uptimeMs: 61_000,
      file: 'azora.yaml',
      configHash: 'hash',
      registryUrl: null,
      ...system,
    },
    organs,
  };
}

export function anInstance(instance: string, more: Partial<InstanceStatus> = {}): InstanceStatus {
  return {
    organ: instance.replace(/-\d+$/, ''),
    instance,
    replica: 1,
    category: null,
    kind: 'service',
    critical: false,
    desired: 'up',
    state: 'ready',
    health: 'Healthy',
    reason: null,
    pid: 4300,
    startedAt: '2026-11-23T12:00:00.000Z',
    uptimeMs: 60_000,
    restarts: 0,
    errors: 0,
    exit: null,
    ports: {},
    url: null,
    cpuPercent: null,
    rssBytes: null,
    lastCheckAt: null,
    latencyMs: null,
    metrics: {},
    ...more,
  };
}
