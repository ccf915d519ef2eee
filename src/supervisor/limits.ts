import type { OrganConfig } from '../core/config/model.ts';
import type { Instance, SystemState } from '../core/machine/state.ts';
import { lifeOf } from '../core/machine/state.ts';
import type { LimitsStatus } from '../core/status.ts';
import type { HeldLimits, LifeKey, Limits } from '../keeper/protocol.ts';

/** Which limits of which lives the kernel holds, as the keeper has found; the others are watched (resources.ts). */

export type LimitName = keyof Limits;

export const limitsOf = ({ resources }: OrganConfig): LimitName[] =>
  (['cpu', 'memory'] as const).filter((name) => resources[name] !== null);

export class LimitsKept {
  readonly #lives = new Map<string, { readonly generation: number } & HeldLimits>();
  /** What was said already. */
  readonly #said = new Set<string>();
  readonly #warn: (message: string) => void;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** What the keeper says of a life that has limits. The first that is not held is said, for all organs at once. */
  learn(
    { instance, generation }: LifeKey,
    limits: HeldLimits | undefined,
    organs: Readonly<Record<string, OrganConfig>>,
  ): void {
    if (!limits) return;
    this.#lives.set(instance, { generation, ...limits });
    if (limits.reason === null) return;
    const message = `${notHeld(organs, limits.held)}: watched, not held by the kernel (${limits.reason})`;
    if (this.#said.has(message)) return;
    this.#said.add(message);
    this.#warn(message);
  }

  /** What earlier supervisors of this boot have said is not said again. */
  recall(messages: Iterable<string>): void {
    for (const message of messages) this.#said.add(message);
  }

  isHeld(instance: Instance, name: LimitName): boolean {
    const known = this.#lives.get(instance.name);
    return known !== undefined && known.generation === lifeOf(instance)?.generation && known.held.includes(name);
  }

  /** For the status; null where nothing that runs has limits. */
  status(state: SystemState): LimitsStatus | null {
    const seen = { held: new Set<LimitName>(), watched: new Set<LimitName>() };
    let reason: string | null = null;
    for (const instance of state.instances.values()) {
      const organ = state.config.organs[instance.organ];
      if (!organ || !lifeOf(instance)) continue;
      for (const name of limitsOf(organ)) {
        const isHeld = this.isHeld(instance, name);
        seen[isHeld ? 'held' : 'watched'].add(name);
        if (!isHeld) reason ??= this.#lives.get(instance.name)?.reason ?? null;
      }
    }
    if (seen.held.size + seen.watched.size === 0) return null;
    return { held: [...seen.held], watched: [...seen.watched], reason };
  }
}

/** "resources.cpu (burner, sage), resources.memory (hog)" */
function notHeld(organs: Readonly<Record<string, OrganConfig>>, held: readonly LimitName[]): string {
  const all = Object.values(organs);
  return (['cpu', 'memory'] as const)
    .map((name) => ({ name, whose: all.filter((organ) => limitsOf(organ).includes(name)).map((organ) => organ.name) }))
    .filter(({ name, whose }) => whose.length > 0 && !held.includes(name))
    .map(({ name, whose }) => `resources.${name} (${whose.join(', ')})`)
    .join(', ');
}
