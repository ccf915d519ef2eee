import type { StateFolder } from '../../adapters/state-folder.ts';
import type { SystemConfig } from '../../core/config/model.ts';
import { FailureError } from '../../core/failures.ts';
import type { CheckOutcome } from '../../core/machine/inputs.ts';
import { lifeOf, type SystemState } from '../../core/machine/state.ts';
import { type Finding, mergeFindings } from '../../core/security.ts';
import type { LifeKey, TreeMember } from '../../keeper/protocol.ts';

import { openFiles } from './files.ts';
import { changedFiles, Fingerprints, type RememberedPrints } from './fingerprints.ts';
import {
  escapedProcesses,
  HeldSockets,
  listenersOfARound,
  strangersOnPorts,
  type Tree,
  undeclaredListeners,
} from './processes.ts';

import { SecretsInLogs } from './secrets-in-logs.ts';

/** Looks at the system's security, round by round. */

export interface MonitorMeans {
  readonly folder: StateFolder;
  readonly state: () => SystemState;
  readonly treesOf: (lives: readonly LifeKey[]) => Promise<readonly (readonly TreeMember[])[]>;
  readonly portsOf: (instance: string) => Readonly<Record<string, number>>;
  /** Carries out the file's own checks. */
  readonly runChecks: (config: SystemConfig) => Promise<readonly CheckOutcome[]>;
  readonly onFindings: (findings: readonly Finding[]) => void;
  /** What an earlier supervisor of this boot knew of the files; null: nothing. */
  readonly recall: () => RememberedPrints | null;
  readonly remember: (prints: RememberedPrints) => void;
}

export class SecurityMonitor {
  readonly #means: MonitorMeans;
  #prints = new Fingerprints();
  #taken: SystemConfig | null = null;
  readonly #secrets: SecretsInLogs;
  readonly #held = new HeldSockets();
  #timer: NodeJS.Timeout | null = null;
  #looking = false;

  constructor(means: MonitorMeans) {
    this.#means = means;
    this.#secrets = new SecretsInLogs(means.folder.logs);
  }

  /** From now on, every interval; the first round at once. What the files are now is what they are to stay. */
  start(): void {
    if (this.#timer) return;
    const { config } = this.#means.state();
    this.#prints = new Fingerprints(this.#means.recall() ?? undefined);
    this.#take(config);
    this.#timer = setInterval(() => void this.look(), config.security.intervalMs);
    this.#timer.unref();
    void this.look();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** azora.yaml has been applied as it is now, with this result, which is answered. */
  applied<T>(result: T): T {
    const { config } = this.#means.state();
    if (this.#timer) {
      this.#prints.renew(config.file);
      this.#take(config);
    }
    return result;
  }

  /** What is declared anew is from now on to stay as it is now. */
  #take(config: SystemConfig): void {
    this.#taken = config;
    this.#prints.take(config);
    this.#means.remember(this.#prints.toRemember());
  }

  /** One round. One that takes longer than the interval is not overtaken. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const findings = await this.#findings();
      if (this.#timer) this.#means.onFindings(findings);
    } catch (error) {
      // The keeper went away, or could not look, in the middle of it: the next round sees.
      if (!(error instanceof FailureError)) throw error;
    } finally {
      this.#looking = false;
    }
  }

  async #findings(): Promise<Finding[]> {
    const state = this.#means.state();
    const { config } = state;
    if (config !== this.#taken) this.#take(config);
    // Before the trees: of a round that fails after them nothing is known, and what runs no more since is looked at all the same.
    const held = this.#held.round();
    const trees = await this.#trees(state);
    const checks = await this.#means.runChecks(config);
    const listeners = listenersOfARound();
    return mergeFindings([
      ...changedFiles(config, this.#prints),
      ...openFiles(config, this.#means.folder),
      ...undeclaredListeners(trees, listeners, held),
      ...strangersOnPorts(trees, listeners, held),
      ...escapedProcesses(trees),
      ...runningAsRoot(config),
      ...this.#secrets.round(
        config,
        state.boot.startedAt.wall,
        [...state.instances.values()].map(({ organ, name }) => ({ organ, instance: name })),
      ),
      ...failedChecks(config, checks),
    ]);
  }

  async #trees(state: SystemState): Promise<Tree[]> {
    const alive = [...state.instances.values()].flatMap((instance) => {
      const life = lifeOf(instance);
      return life && instance.state.tag === 'ready' ? [{ instance, life }] : [];
    });
    if (alive.length === 0) return [];
    const trees = await this.#means.treesOf(
      alive.map(({ instance, life }) => ({ instance: instance.name, generation: life.generation })),
    );
    return alive.map(({ instance }, index) => ({
      organ: instance.organ,
      instance: instance.name,
      processes: trees[index] ?? [],
      ports: Object.values(this.#means.portsOf(instance.name)),
    }));
  }
}

/** Everything of a root user's system can do everything; said once, and not of organs that say who they are to be. */
function runningAsRoot(config: SystemConfig): Finding[] {
  if (process.getuid?.() !== 0) return [];
  const organs = Object.values(config.organs).filter((organ) => organ.user === null);
  if (organs.length === 0) return [];
  return [
    {
      id: 'root',
      severity: 'Low',
      organ: null,
      message: `${organs.length} organs run as root, and nobody said that they should`,
      evidence: 'uid 0',
      remedy: 'Run azora as another user, or give each organ a `user:` (root, if it has to be).',
    },
  ];
}

function failedChecks(config: SystemConfig, outcomes: readonly CheckOutcome[]): Finding[] {
  return outcomes
    .filter((outcome) => !outcome.passed)
    .map((outcome) => {
      const check = config.security.checks.find(({ name }) => name === outcome.name);
      return {
        id: `check:${outcome.name}`,
        severity: check?.severity ?? 'High',
        organ: outcome.organ,
        message: `the security check "${outcome.name}" failed`,
        evidence: outcome.message,
        remedy: check?.remedy ?? (outcome.organ ? `azora why ${outcome.organ}` : 'Look at what it checks.'),
      };
    });
}
