import { waitingReason } from './machine/boot.ts';
import { publicState } from './machine/describe.ts';
import { type Instance, lifeOf, type SystemState } from './machine/state.ts';
import { statusOf } from './machine/verdict.ts';
import {
  ASSUMED,
  type InstanceStatus,
  type LimitsStatus,
  type Phase,
  type StatusDocument,
  type SystemStatus,
} from './status.ts';
import { type Instant, timestamp } from './time.ts';

/** What the status shows that the machine's state does not hold. */
export interface Surroundings {
  readonly now: Instant;
  readonly pid: number;
  readonly keeperPid: number | null;
  readonly registryUrl: string | null;
  readonly limits?: () => LimitsStatus | null;
  /** Hides secrets in what is shown. */
  readonly mask: (text: string) => string;
  readonly portsOf: (instance: string) => Readonly<Record<string, number>>;
  readonly urlOf: (instance: string) => string | null;
  readonly usageOf: (
    instance: string,
    pid: number,
  ) => { readonly cpuPercent: number | null; readonly rssBytes: number | null };
}

/** The document of `azora status --json`. */
export function statusDocument(system: SystemState, around: Surroundings): StatusDocument {
  const { boot, config } = system;
  const running = boot.phase !== 'stopped' && boot.phase !== 'halted';
  const limits = around.limits?.() ?? null;
  return {
    version: 1,
    system: {
      name: config.name,
      phase: boot.phase,
      status: systemStatus(system),
      threatLevel: system.security.threatLevel,
      bootId: boot.bootId,
      pid: around.pid,
      keeperPid: around.keeperPid,
      startedAt: running ? timestamp(boot.startedAt.wall) : null,
      uptimeMs: running ? Math.round(around.now.mono - boot.startedAt.mono) : null,
      file: config.file,
      configHash: config.configHash,
      registryUrl: around.registryUrl,
      ...(limits ? { limits } : {}),
    },
    organs: [...system.instances.values()].map((instance) => instanceStatus(system, instance, around)),
  };
}

export function systemStatus(system: SystemState): SystemStatus {
  return isOffline(system.boot.phase) ? 'Offline' : statusOf(system);
}

const isOffline = (phase: Phase): boolean => phase === 'stopped' || phase === 'halted';

/** One row of it. */
export function instanceStatus(system: SystemState, instance: Instance, around: Surroundings): InstanceStatus {
  const organ = system.config.organs[instance.organ]!;
  const life = lifeOf(instance);
  const alive = life !== null && !(instance.state.tag === 'stopping' && instance.state.exited);
  const reason = waitingReason(system, instance) ?? instance.reason ?? instance.verdict.reason ?? assumed(instance);
  const usage = alive ? around.usageOf(instance.name, life.pid) : { cpuPercent: null, rssBytes: null };
  return {
    organ: instance.organ,
    instance: instance.name,
    replica: instance.replica,
    category: organ.category,
    kind: organ.kind,
    critical: organ.critical,
    desired: instance.desired,
    state: publicState(instance.state.tag),
    health: instance.verdict.level,
    reason: reason === null ? null : around.mask(reason),
    pid: alive ? life.pid : null,
    startedAt: alive ? timestamp(life.since.wall) : null,
    uptimeMs: alive ? Math.round(around.now.mono - life.since.mono) : null,
    restarts: instance.restarts,
    errors: instance.errors,
    exit: instance.lastExit,
    ports: around.portsOf(instance.name),
    url: around.urlOf(instance.name),
    ...usage,
    lastCheckAt: instance.health.checkedAt === null ? null : timestamp(instance.health.checkedAt),
    latencyMs: instance.health.latencyMs === null ? null : Math.round(instance.health.latencyMs * 10) / 10,
    metrics: instance.health.metrics,
  };
}

const assumed = (instance: Instance): string | null =>
  instance.state.tag === 'ready' && instance.state.assumed ? ASSUMED : null;
