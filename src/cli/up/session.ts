import { readFileSync } from 'node:fs';
import { monotonic } from '../../adapters/clock.ts';
import { readLatch } from '../../adapters/latch.ts';
import type { SystemConfig } from '../../core/config/model.ts';
import type { SystemEvent } from '../../core/events.ts';
import { EXIT, fail } from '../../core/failures.ts';
import type { StatusDocument } from '../../core/status.ts';
import { bringDown } from '../bring-down.ts';
import type { CommandContext } from '../command.ts';
import type { Connection } from '../connection.ts';
import { findSupervisor } from '../daemons.ts';
import { lastLinesOf } from '../last-lines.ts';
import { type Asked, persistently } from '../persistently.ts';
import { lateReport, MOST_SPEAKERS } from '../render/boot/report.ts';
import { renderSummary } from '../render/boot/summary.ts';
import type { BootPlan, EventView, ViewOutputs } from '../render/boot/view.ts';
import { chooseProgress, jsonView, lastWords, plainView, quietView } from '../render/boot/view.ts';
import { list } from '../render/text.ts';
import type { Awaited, BootOutcome } from './boot-watch.ts';
import { BootWatch } from './boot-watch.ts';
import type { WantedEnd } from './end-watch.ts';
import { EndWatch } from './end-watch.ts';
import type { FeedEnd } from './feed.ts';
import { Feed } from './feed.ts';
import type { Interrupt, Interrupts } from './interrupts.ts';
import type { Begun } from './prepare.ts';
import type { LogStream } from './stream-logs.ts';
import { streamLogs } from './stream-logs.ts';
import type { UpManner } from './up.ts';

/** What ends the wait of an `up`, whichever comes first. */
type Turn =
  | { readonly kind: 'boot'; readonly outcome: BootOutcome }
  | { readonly kind: 'interrupt'; readonly interrupt: Interrupt }
  | { readonly kind: 'ended'; readonly how: FeedEnd }
  | { readonly kind: 'wanted'; readonly end: WantedEnd }
  | { readonly kind: 'timeout' };

/** Instances are called `web`, or `web-1`, `web-2`; no organ is called as an instance of another. */
const organOf = ({ organs }: SystemConfig, instance: string): string =>
  organs[instance] ? instance : instance.slice(0, instance.lastIndexOf('-'));

/** What was begun before the boot is shown. */
export interface Meanwhile {
  readonly interrupts: Interrupts;
  /** When the command was typed: ms since 1970. */
  readonly startedAt: number;
  /** When the boot had been asked for, by the monotonic clock. */
  readonly waitedSince: number;
  /** What has ended it since. */
  readonly ends: readonly SystemEvent[];
}

/** What follows once the supervisor has taken the boot on. */
export class UpSession {
  readonly #context: CommandContext;
  readonly #manner: UpManner;
  readonly #begun: Begun;
  readonly #meanwhile: Meanwhile;
  readonly #interrupts: Interrupts;
  readonly #startedAt: number;
  /** This command began the boot and stays: when it ends, so does the system. */
  readonly #owns: boolean;
  readonly #outputs: ViewOutputs;

  constructor(context: CommandContext, manner: UpManner, begun: Begun, meanwhile: Meanwhile) {
    this.#context = context;
    this.#manner = manner;
    this.#begun = begun;
    this.#meanwhile = meanwhile;
    this.#interrupts = meanwhile.interrupts;
    this.#startedAt = meanwhile.startedAt;
    this.#owns = begun.result.booted && !manner.detach;
    this.#outputs = { stdout: context.stdout, stderr: context.stderr, lastLines: lastLinesOf(begun.folder) };
  }

  async run(): Promise<number> {
    const { connection, folder, result } = this.#begun;
    const awaited = await this.#awaited();
    const boot = new BootWatch(awaited);
    const ends = new EndWatch(this.#manner);
    let view = await this.#bootView(awaited);
    const feed = new Feed(
      // Whoever joins a boot that is under way hears all of it.
      {
        context: this.#context,
        folder,
        connection,
        bootId: result.bootId,
        since: this.#joins(awaited.whole) ? 0 : result.since,
        ends: this.#meanwhile.ends,
      },
      (event) => {
        boot.event(event);
        ends.event(event);
        view.event(event);
      },
    );
    const others = [
      this.#interrupts.first.then((interrupt): Turn => ({ kind: 'interrupt', interrupt })),
      feed.ended.then((how): Turn => ({ kind: 'ended', how })),
      ends.wanted.then((end): Turn => ({ kind: 'wanted', end })),
    ];
    const waited = monotonic() - this.#meanwhile.waitedSince;
    const { waitTimeoutMs } = this.#manner;
    const timer = deadline(waitTimeoutMs && Math.max(0, waitTimeoutMs - waited));
    let turn = await Promise.race([
      ...others,
      boot.outcome.then((outcome): Turn => ({ kind: 'boot', outcome })),
      timer.passed.then((): Turn => ({ kind: 'timeout' })),
    ]);
    timer.clear();
    await view.end();

    let failed = turn.kind === 'ended'; // before it had booted
    let logs: LogStream | null = null;
    if (turn.kind === 'boot') {
      failed = await this.#tellOutcome(turn.outcome);
      if (!this.#owns || turn.outcome.kind === 'boot-failed') {
        feed.leave();
        return failed ? EXIT.failed : EXIT.done;
      }
      await this.#tellServiceManager();
      view = this.#steadyView();
      logs = this.#context.global.progress === 'json' ? null : this.#streamLogs(awaited);
      turn = await Promise.race(others);
      // A terminal has one last line, which is for those that still have to stop; elsewhere their last words are worth more.
      if (this.#context.stdout.isTTY) await logs?.finish();
      await view.end();
    }
    if (turn.kind !== 'ended') feed.leave();
    return this.#end(turn, boot, failed).finally(() => logs?.finish());
  }

  #streamLogs({ instances }: Awaited): LogStream {
    const names = instances.map(({ instance }) => instance);
    return streamLogs(this.#context, this.#begun.folder, this.#startedAt, names);
  }

  async #awaited(): Promise<Awaited> {
    const { connection, result, config } = this.#begun;
    const { since } = result;
    if (result.booted && result.starting.length > 0) {
      return {
        whole: true,
        instances: result.starting.map((instance) => ({ organ: organOf(config, instance), instance })),
        since,
      };
    }
    const { answer } = await this.#ask(connection);
    const { organs, system } = answer;
    const whole = result.booted || system.phase === 'booting';
    const starting = organs.filter(({ instance }) => result.starting.includes(instance));
    if (!this.#joins(whole)) return { whole, instances: starting, since };
    const inFile = (organ: string): boolean => config.organs[organ] !== undefined;
    return { whole, instances: organs.filter(({ organ, desired }) => desired === 'up' && inFile(organ)), since };
  }

  /** The status, from the supervisor of the moment. */
  #ask(connection: Connection): Promise<Asked<StatusDocument>> {
    return persistently(
      connection,
      () => findSupervisor(this.#begun.folder, this.#context.version),
      (present) => present.request('status', null),
    );
  }

  /** A boot is under way that somebody else began, and this command has added nothing to it. */
  #joins(whole: boolean): boolean {
    const { booted, starting } = this.#begun.result;
    return whole && !booted && starting.length === 0;
  }

  async #bootView(awaited: Awaited): Promise<EventView> {
    const how = chooseProgress(this.#context.global.progress, this.#context.stderr);
    switch (how) {
      case 'json':
        return jsonView(this.#outputs);
      case 'quiet':
        return quietView(this.#outputs);
      case 'plain':
        return plainView(this.#outputs);
      case 'tty': {
        const { ttyView } = await import('../render/boot/tty.ts');
        const plan: BootPlan = { ...awaited, steps: awaited.whole ? this.#begun.config.boot.steps : [] };
        return ttyView(plan, this.#outputs);
      }
      default:
        return how satisfies never;
    }
  }

  /** After the boot, between the organs' own lines. */
  #steadyView(): EventView {
    const { progress } = this.#context.global;
    if (progress === 'json') return jsonView(this.#outputs);
    return progress === 'quiet' ? quietView(this.#outputs) : plainView(this.#outputs);
  }

  /** Answers whether something failed. */
  async #tellOutcome(outcome: BootOutcome): Promise<boolean> {
    const { stderr, global } = this.#context;
    const quiet = global.progress === 'quiet' || global.progress === 'json';
    if (outcome.kind === 'ready') {
      const { config, result, connection } = this.#begun;
      if (!quiet) {
        const { answer: document } = await this.#ask(connection);
        const { durationMs } = outcome;
        const { heldDown, booted } = result;
        stderr.write(renderSummary({ document, config, durationMs, heldDown, wasRunning: !booted }, stderr));
      }
    }
    const { failed } = outcome;
    if (failed.length > 0 && outcome.kind === 'ready' && !quiet)
      stderr.write(`${stderr.style.red('azora:')} failed: ${list(failed)}\n`);
    return outcome.kind === 'boot-failed' || failed.length > 0 || !outcome.checksPassed;
  }

  /** systemd, say, which waits for it before it starts what comes after (`azora export systemd`). */
  async #tellServiceManager(): Promise<void> {
    const socket = this.#context.env.NOTIFY_SOCKET;
    if (!socket) return;
    const { notifyServiceManager } = await import('../../adapters/notify.ts');
    const trouble = notifyServiceManager(socket, 'READY=1');
    if (trouble !== null) this.#say(`cannot tell systemd that the system is ready: ${trouble}`);
  }

  async #end(turn: Turn, boot: BootWatch, failed: boolean): Promise<number> {
    switch (turn.kind) {
      case 'interrupt':
        if (!this.#owns) this.#say('left; the system goes on without this command: azora status, azora down');
        else {
          if (turn.interrupt.signal === 'SIGINT') this.#say('stopping; Ctrl-C again kills');
          await this.#down();
        }
        return turn.interrupt.exit;
      case 'wanted':
        this.#say(turn.end.why);
        await this.#down();
        return turn.end.code;
      case 'timeout': {
        const open = boot.open.length === 0 ? '' : `; not there yet: ${list(boot.open, 12)}`;
        await this.#tellLate(boot.open);
        if (this.#owns) await this.#down();
        return fail(
          'timed-out',
          `not ready within ${(this.#manner.waitTimeoutMs ?? 0) / 1000} s (--wait-timeout)${open}`,
          this.#owns ? 'It was stopped.' : 'The system goes on booting: azora status   or   azora down',
        );
      }
      case 'ended':
        return this.#tellEnd(turn.how, failed);
      case 'boot':
        return failed ? EXIT.failed : EXIT.done;
      default:
        return turn satisfies never;
    }
  }

  /** The last lines of those whose turn it was, and whom they keep waiting. */
  async #tellLate(open: readonly string[]): Promise<void> {
    const { stderr, global } = this.#context;
    if (open.length === 0 || global.progress === 'quiet' || global.progress === 'json') return;
    const { answer } = await this.#ask(this.#begun.connection);
    const rows = answer.organs.filter(({ instance }) => open.includes(instance));
    const late = rows.filter(({ state }) => state !== 'waiting' && state !== 'ready');
    const blocked = rows.filter(({ state }) => state === 'waiting').map(({ instance }) => instance);
    const words = await lastWords(late.slice(0, MOST_SPEAKERS), this.#outputs.lastLines, () => this.#startedAt);
    stderr.write(lateReport(late, blocked, words, stderr));
  }

  #tellEnd(how: FeedEnd, failed: boolean): number {
    switch (how) {
      case 'down':
        this.#say('the system was stopped by another command (azora down)');
        return failed ? EXIT.failed : EXIT.done;
      case 'emergency':
        return this.#tellEmergency();
      case 'lost':
        return fail(
          'unreachable',
          'the supervisor and the keeper have ended, and no organ is left',
          'azora up starts it again',
        );
      default:
        return how satisfies never;
    }
  }

  #tellEmergency(): never {
    const latch = readLatch(this.#begun.folder);
    if (latch?.report) this.#context.stderr.write(`${readFileSync(latch.report, 'utf8')}\n`);
    return fail(
      'emergency',
      `the system was shut down by an emergency${latch ? `: ${latch.reason}` : ''}`,
      'Nothing starts until: azora emergency --clear',
    );
  }

  async #down(): Promise<void> {
    const { folder } = this.#begun;
    const connection = await findSupervisor(folder, this.#context.version);
    if (!connection) return;
    await bringDown(this.#context, folder, connection, { timeoutMs: null, force: false }, this.#interrupts.second);
  }

  #say(text: string): void {
    const { stderr, global } = this.#context;
    if (global.progress !== 'json') stderr.write(`${stderr.style.yellow('azora:')} ${text}\n`);
  }
}

function deadline(ms: number | null): { passed: Promise<void>; clear: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<void>((resolve) => {
    if (ms !== null) timer = setTimeout(resolve, ms);
  });
  return { passed, clear: () => clearTimeout(timer) };
}
