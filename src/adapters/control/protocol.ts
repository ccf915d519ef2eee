import type { SystemConfig } from '../../core/config/model.ts';
import type { EventType, SystemEvent } from '../../core/events.ts';
import type { Goal, Outcome } from '../../core/goal.ts';
import type { CheckOutcome } from '../../core/machine/inputs.ts';
import type { Plan } from '../../core/plan.ts';
import type { Phase, StatusDocument } from '../../core/status.ts';

/** What a command and the supervisor say to each other over `run/supervisor.sock`. */
export const CONTROL_PROTOCOL = 2;

export interface UpRequest {
  readonly config: SystemConfig;
  /** Boot these and what they need; null = every autostarted organ. */
  readonly organs: readonly string[] | null;
  /** Do not start what they need. */
  readonly noDeps: boolean;
  /** Forget the desired states kept from before (organs that a user had stopped). */
  readonly fresh: boolean;
}

export interface UpResult {
  readonly bootId: string;
  /** false: the system was running already, and only what was missing was started. */
  readonly booted: boolean;
  /** What this request has begun to start, instances. */
  readonly starting: readonly string[];
  /** Organs that stay down because a user stopped them before. */
  readonly heldDown: readonly string[];
  /** What differed from the running configuration and was taken on with this request; null when it named organs. */
  readonly plan: Plan | null;
  /** Organs whose configuration differs from the one that runs, and was not taken on because the request named organs. */
  readonly changed: readonly string[];
  /** The events of this request begin after this id. */
  readonly since: number;
}

/** A stopped organ of which processes are left. */
export interface Survivor {
  readonly instance: string;
  readonly processes: readonly { readonly pid: number; readonly command: string }[];
}

/** Outcome of `start`, `stop`, `restart`, per instance. */
export interface ActResult {
  readonly instances: readonly { readonly instance: string; readonly state: string; readonly reason: string | null }[];
  readonly survivors: readonly Survivor[];
}

/** A command in an organ's place: in its folder, with its environment but for the token and the mark of a life of its own. */
export interface OneOff {
  /** The organ's own command. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface ReloadResult {
  readonly plan: Plan;
  /** Instances that begin or begin anew because of it. */
  readonly starting: readonly string[];
  /** The events of this request begin after this id. */
  readonly since: number;
}

/** Outcome of `check`. */
export interface CheckReport {
  readonly passed: boolean;
  readonly checks: readonly CheckOutcome[];
  /** Declared, but of organs that are not meant to run now. */
  readonly leftOut: readonly string[];
}

/** What the supervisor answers. */
export type ControlMethods = {
  hello: {
    params: { protocol: number; version: string };
    result: {
      protocol: number;
      version: string;
      pid: number;
      bootId: string | null;
      configHash: string | null;
      file: string;
      /** null: nothing has been booted. */
      phase?: Phase | null;
    };
  };
  /** Makes room for a supervisor of another version, which the keeper starts; organs are not touched. Answers, then ends. */
  retire: { params: null; result: null };
  up: { params: UpRequest; result: UpResult };
  /** Answers once everything is gone, or names what is not. The supervisor and the keeper end by themselves afterwards. */
  down: { params: { timeoutMs: number | null; force: boolean }; result: { survivors: readonly Survivor[] } };
  /** What a reload of this configuration would do. */
  plan: { params: { config: SystemConfig }; result: Plan };
  /** Takes the configuration on; only what differs is touched. Answers once that has begun; events tell how it goes on. */
  reload: { params: { config: SystemConfig }; result: ReloadResult };
  /** Other numbers of instances, until the next reload of the file. */
  scale: { params: { organs: Readonly<Record<string, number>> }; result: ReloadResult };
  /** Everything down within the file's deadline, and latched. Answers once all is gone; `report` is the post-mortem's path. */
  emergency: { params: { reason: string }; result: { survivors: readonly Survivor[]; report: string | null } };
  /** `usage` false: without what each process uses, for which all of them have to be looked at. */
  status: { params: { usage: boolean } | null; result: StatusDocument };
  /**
   * Acts on organs or instances. With `wait`, answers when each has got there (or failed); dependencies come along on `start`,
   * dependents that need it are stopped first on `stop`, as `dependents` says.
   */
  act: {
    params: {
      verb: 'start' | 'stop' | 'restart';
      organs: readonly string[];
      /** How long each may take to stop before it is killed; null: its own. */
      timeoutMs: number | null;
    };
    result: ActResult;
  };
  /**
   * Answers when every instance of these organs (none named: of those that this boot is to start) has got there, when one
   * never will, or after `timeoutMs`. `goal` null: a service is to be ready, a task to be completed.
   */
  wait: {
    params: { organs: readonly string[]; goal: Goal | null; timeoutMs: number | null };
    result: { outcomes: readonly Outcome[]; timedOut: boolean };
  };
  /** What a one-off in an organ's place is started with. It holds secrets: it goes to whoever asked and nowhere else. */
  oneOff: { params: { organ: string }; result: OneOff };
  /** Carries the comprehensive checks out now. */
  check: { params: null; result: CheckReport };
  /** From now on this connection hears `event`; those after `since` (an id) first, as far as they are kept. */
  subscribe: { params: { since: number | null; types: readonly EventType[] | null }; result: { lastId: number } };
};

/** What the supervisor tells a subscribed connection. */
export type ControlNotices = {
  event: SystemEvent;
};
