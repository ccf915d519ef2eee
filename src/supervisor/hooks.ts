import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type CommandEnd, runCommand } from '../adapters/run-command.ts';
import { postJson } from '../adapters/webhook.ts';
import { parseCommand } from '../core/config/command.ts';
import type { CommandLine, SystemConfig } from '../core/config/model.ts';
import type { NewEvent, SystemEvent } from '../core/events.ts';

/**
 * Carries out what the file wants to happen at events: `hooks` of the system, by type, and `post_ready` and `post_exit` of organs.
 * Each has a queue of its own that is worked off in order; nothing here is waited for, and what fails is a warning.
 */

export interface HooksMeans {
  readonly config: () => SystemConfig | null;
  /** How to run a command on behalf of an instance: its references filled in, its environment. */
  readonly place: (
    instance: string,
    command: CommandLine,
  ) => { readonly argv: readonly string[]; readonly cwd: string; readonly env: Readonly<Record<string, string>> };
  /** Fills in references to organs' endpoints. */
  readonly fill: (text: string) => string;
  readonly say: (event: NewEvent) => void;
}

const TRIES = 3;
const FIRST_RETRY_MS = 500;
const RETRY_FACTOR = 4;
/** For each try of a hook of the system. */
const TRY_TIMEOUT_MS = 10_000;
/** For an organ's hook, which is tried once. */
const ORGAN_TIMEOUT_MS = 30_000;
/** Of one hook: more than this waiting means that it cannot keep up, and further events pass it by. */
const MAX_QUEUED = 256;

interface Queue {
  /** For messages: "hook ./notify.sh". */
  readonly name: string;
  readonly waiting: (() => Promise<CommandEnd>)[];
  dropped: number;
}

export class Hooks {
  readonly #means: HooksMeans;
  /** Those that have something to do. */
  readonly #queues = new Map<string, Queue>();
  #idle: (() => void)[] = [];
  readonly #abort = new AbortController();

  constructor(means: HooksMeans) {
    this.#means = means;
  }

  /** To be told of every event. */
  onEvent(event: SystemEvent): void {
    const config = this.#means.config();
    // A hook that fails must not be told of its own failure for ever.
    if (!config || 'hook' in event.data) return;
    for (const target of config.hooks[event.type] ?? []) {
      const name = `the hook ${showTarget(target)} for ${event.type}`;
      this.#enqueue(`${event.type} ${target}`, name, () => this.#deliver(target, event, config));
    }
    const command = event.instance === null ? null : organHook(config, event);
    if (command) {
      const { hook, line } = command;
      const name = `the ${hook} hook of ${event.instance}`;
      this.#enqueue(`${event.instance} ${hook}`, name, () =>
        runCommand({
          ...this.#placeOf(event.instance!, line, event),
          input: `${JSON.stringify(event)}\n`,
          timeoutMs: ORGAN_TIMEOUT_MS,
          signal: this.#abort.signal,
        }),
      );
    }
  }

  /** What is not done after so long is given up; resolves when nothing of it is left. */
  async end(graceMs: number): Promise<void> {
    if (this.#queues.size === 0) return;
    const idle = new Promise<void>((resolve) => this.#idle.push(resolve));
    const timer = setTimeout(() => {
      for (const queue of this.#queues.values()) queue.waiting.length = 0;
      this.#abort.abort('given up: azora ends');
    }, graceMs);
    await idle;
    clearTimeout(timer);
  }

  #placeOf(instance: string, line: CommandLine, event: SystemEvent) {
    const place = this.#means.place(instance, line);
    return { ...place, env: { ...place.env, AZORA_EVENT: event.type } };
  }

  #enqueue(key: string, name: string, run: () => Promise<CommandEnd>): void {
    const queue = this.#queues.get(key);
    if (!queue) {
      const fresh: Queue = { name, waiting: [run], dropped: 0 };
      this.#queues.set(key, fresh);
      void this.#workOff(key, fresh);
    } else if (queue.waiting.length < MAX_QUEUED) {
      queue.waiting.push(run);
    } else {
      if (queue.dropped === 0) this.#warn(queue.name, `${queue.name} cannot keep up: further events pass it by`);
      queue.dropped++;
    }
  }

  async #workOff(key: string, queue: Queue): Promise<void> {
    for (let run = queue.waiting.shift(); run; run = queue.waiting.shift()) {
      const end = await run();
      if (!end.ok) this.#warn(queue.name, `${queue.name} failed: ${end.message}`);
    }
    if (queue.dropped > 0) this.#warn(queue.name, `${queue.name} was not told of ${queue.dropped} events`);
    this.#queues.delete(key);
    if (this.#queues.size > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle = [];
  }

  async #deliver(target: string, event: SystemEvent, config: SystemConfig): Promise<CommandEnd> {
    const body = JSON.stringify(event);
    let pause = FIRST_RETRY_MS;
    for (let attempt = 1; ; attempt++) {
      const end = isUrl(target)
        ? await postJson(
            this.#means.fill(target),
            body,
            { 'x-azora-event': event.type },
            TRY_TIMEOUT_MS,
            this.#abort.signal,
          )
        : await this.#run(target, body, event, config);
      if (end.ok) return end;
      if (this.#abort.signal.aborted) return end;
      if (attempt === TRIES) return { ok: false, message: `${end.message} (tried ${TRIES} times)` };
      await delay(pause, undefined, { signal: this.#abort.signal }).catch(() => null); // given up: the next try says so
      pause *= RETRY_FACTOR;
    }
  }

  async #run(target: string, body: string, event: SystemEvent, config: SystemConfig): Promise<CommandEnd> {
    const command = parseCommand(target);
    if ('error' in command) return { ok: false, message: command.error };
    return runCommand({
      argv: command.argv.map(this.#means.fill),
      cwd: dirname(config.file),
      env: { ...(process.env as Record<string, string>), AZORA_EVENT: event.type, AZORA_SYSTEM: config.name },
      input: `${body}\n`,
      timeoutMs: TRY_TIMEOUT_MS,
      signal: this.#abort.signal,
    });
  }

  #warn(hook: string, message: string): void {
    this.#means.say({ type: 'warning', organ: null, instance: null, message, data: { hook } });
  }
}

function organHook(config: SystemConfig, event: SystemEvent): { hook: string; line: CommandLine } | null {
  const hooks = config.organs[event.organ ?? '']?.hooks;
  if (!hooks) return null;
  switch (event.type) {
    case 'organ-ready':
    case 'organ-assumed-ready':
      return hooks.postReady && { hook: 'post_ready', line: hooks.postReady };
    case 'organ-exited':
      return hooks.postExit && { hook: 'post_exit', line: hooks.postExit };
    default:
      return null;
  }
}

const isUrl = (target: string): boolean => /^https?:\/\//i.test(target);

/** A webhook's path and query often hold its key. */
function showTarget(target: string): string {
  return isUrl(target)
    ? target.replace(/^(https?:\/\/(?:[^@/]*@)?)([^/?#]*).*$/i, (_, _scheme, host) => `to ${host}`)
    : target;
}
