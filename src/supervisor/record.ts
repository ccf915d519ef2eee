import type { Store } from '../adapters/sqlite/store.ts';
import type { Json } from '../core/json.ts';
import { Instances, isSameButSeen } from '../core/machine/instances.ts';
import type { Boot, Instance, SystemState } from '../core/machine/state.ts';
import { instanceStatus, type Surroundings } from '../core/status-view.ts';
import { timestamp } from '../core/time.ts';
import { type BootDocument, restoreBoot, type SavedBoot, saveBoot } from './boot-document.ts';
import type { Redaction } from './redaction.ts';

/** Writes down what changed from one state of the system to the next. */

const MEMORY = 'instance:';
const BOOT = 'boot';

export function recordChanges(
  store: Store,
  before: SystemState | null,
  now: SystemState,
  around: Surroundings,
  redaction: Redaction,
): void {
  const changed = before ? Instances.changed(before.instances, now.instances) : [...now.instances.values()];
  const dropped = before ? Instances.dropped(before.instances, now.instances) : [];
  for (const name of dropped) store.removeInstance(name);
  forgetInstances(store, dropped);
  if (changed.length === 0) return;
  const news = changed.filter((instance) => {
    const was = before?.instances.get(instance.name);
    return !was || !isSameButSeen(was, instance);
  });
  if (news.length > 0) store.saveInstances(news.map((instance) => instanceStatus(now, instance, around)));
  const checked = changed.filter((instance) => wasChecked(before?.instances.get(instance.name), instance));
  if (checked.length > 0) {
    store.recordHealth(
      checked.map(({ name, health, verdict }) => ({
        instance: name,
        health: verdict.level,
        checkedAt: timestamp(health.checkedAt!),
        latencyMs: health.latencyMs,
        message: verdict.reason === null ? null : redaction.text(verdict.reason),
      })),
    );
    store.recordMetrics(
      checked.flatMap(({ name, health }) =>
        Object.entries(health.metrics).map(([metric, value]) => ({
          instance: name,
          name: metric,
          value,
          at: timestamp(health.checkedAt!),
        })),
      ),
    );
  }
  // What a next supervisor needs to go on from here.
  for (const instance of news) {
    const saved = { bootId: now.boot.bootId, instance: redaction.sentences(instance) };
    store.remember(MEMORY + instance.name, saved as unknown as Json);
  }
}

/** Whether a check has answered between these two. */
export function wereChecked(before: SystemState, now: SystemState): boolean {
  const changed = Instances.changed(before.instances, now.instances);
  return changed.some((instance) => wasChecked(before.instances.get(instance.name), instance));
}

const wasChecked = (was: Instance | undefined, { health: { checkedAt } }: Instance): boolean =>
  checkedAt !== null && checkedAt !== was?.health.checkedAt;

/** What an earlier supervisor wrote down of an instance. */
export function recallInstance(store: Store, bootId: string, name: string): Instance | null {
  const saved = store.recall(MEMORY + name) as unknown as { bootId: string; instance: Instance } | null;
  return saved?.bootId === bootId ? saved.instance : null;
}

/** How far the boot has come, of this configuration. */
export function rememberBoot(store: Store, { boot, config }: SystemState): void {
  const saved: RememberedBoot = { boot: saveBoot(boot), configHash: config.configHash };
  store.remember(BOOT, saved as unknown as Json);
}

interface RememberedBoot {
  readonly boot: SavedBoot;
  readonly configHash: string;
}

/** null: nothing was written down since the document, which comes first, of this boot or of another configuration that it took on. */
export function recallBoot(store: Store, { boot, config }: BootDocument): Boot | null {
  const saved = store.recall(BOOT) as unknown as RememberedBoot | null;
  const isOfThis = saved?.boot?.bootId === boot.bootId && saved.configHash === config.configHash;
  return isOfThis ? restoreBoot(saved.boot) : null;
}

export function forgetInstances(store: Store, names: Iterable<string>): void {
  for (const name of names) store.remember(MEMORY + name, null);
}

/** What a part of the supervisor wants the next one of the same boot to know. */
export function memoryOf<T>(
  store: Store,
  key: string,
  bootId: () => string,
): { recall: () => T | null; remember: (value: T) => void } {
  return {
    recall: () => {
      const saved = store.recall(key) as unknown as { bootId: string; value: T } | null;
      return saved?.bootId === bootId() ? saved.value : null;
    },
    remember: (value) => store.remember(key, { bootId: bootId(), value } as unknown as Json),
  };
}
