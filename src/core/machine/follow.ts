import { waitingReason } from './boot.ts';
import type { Draft } from './draft.ts';
import { endLife } from './ending.ts';
import { Instances } from './instances.ts';
import { conditionsHold, instancesOf, obstacles, relationsOf, stillNeeding, withRestarting } from './relations.ts';
import { isGoingDown } from './requests.ts';
import { begin } from './starting.ts';
import { type Instance, isAlive, type SystemState } from './state.ts';
import { dependentInstances, statusOf, verdictOf } from './verdict.ts';
import { stop } from './wants.ts';

/** What follows from a change: who may start or end now, whose health is another one, and what is to be said about it. */

/** Whose dependency goes through a restart, and who wants to go through it too (`depends_on: { x: { restart: true } }`). */
export function cascade(before: SystemState, draft: Draft): void {
  if (isGoingDown(draft.system.boot.phase)) return;
  for (const name of [...draft.changed]) {
    const now = draft.system.instances.get(name)!;
    const was = before.instances.get(name)?.state.tag;
    if (now.state.tag !== 'stopping' || now.state.after.next === 'stopped' || (was !== 'ready' && was !== 'starting'))
      continue;
    for (const dependent of withRestarting(draft.system, [name])) {
      if (dependent === name) continue;
      draft.turn(dependent, (instance, context) =>
        stop(instance, `${name} restarts, and it restarts with it`, { next: 'again' }, context),
      );
    }
  }
}

/** Starts whatever may start and ends whatever may end, until nothing more follows. */
export function release(draft: Draft): void {
  for (let again = true; again && Instances.anyWants(draft.system.instances); ) {
    again = false;
    for (const instance of draft.system.instances.values()) {
      if (instance.stopWanted) {
        if (stillNeeding(draft.system, instance).length > 0 || waitsItsTurn(draft.system, instance)) continue;
        const wanted = instance.stopWanted;
        draft.turn(instance.name, (ending, context) => endLife(ending, wanted, context));
        again = true;
      } else if (mayStart(draft.system, instance)) {
        draft.turn(instance.name, begin);
        again = true;
      }
    }
  }
}

/** Replicas restart one after the other, so that all but one serve at any time. */
function waitsItsTurn(system: SystemState, instance: Instance): boolean {
  if (instance.stopWanted?.next !== 'again') return false;
  return instancesOf(system, instance.organ).some((sibling) => {
    if (sibling === instance || sibling.desired === 'down') return false;
    const { tag } = sibling.state;
    return tag !== 'ready' && tag !== 'failed' && tag !== 'stuck' && tag !== 'completed';
  });
}

function mayStart(system: SystemState, instance: Instance): boolean {
  if (instance.state.tag !== 'waiting' || instance.desired !== 'up') return false;
  const { boot, config } = system;
  switch (boot.phase) {
    case 'booting':
    case 'boot-failed':
      return (relationsOf(config).gate.get(instance.organ) ?? 0) <= boot.step && conditionsHold(system, instance);
    case 'ready':
      return conditionsHold(system, instance);
    case 'stopping':
    case 'stopped':
    case 'emergency':
    case 'halted':
      return false;
  }
}

/** Gives each instance whose own health or whose dependencies changed its verdict, and says where that is another one. */
export function judge(before: SystemState, draft: Draft): void {
  const open = new Set(draft.changed);
  for (const name of open) {
    open.delete(name);
    const instance = draft.system.instances.get(name);
    if (!instance) continue; // dropped
    const verdict = verdictOf(draft.system, instance);
    const { level, reason } = instance.verdict;
    const differs = verdict.level !== level || verdict.reason !== reason;
    if (differs) draft.replace({ ...instance, verdict });
    const had = before.instances.get(name);
    if (!differs && had?.state.tag === instance.state.tag) continue;
    for (const dependent of dependentInstances(draft.system, instance.organ)) open.add(dependent.name);
  }
  for (const name of draft.changed) {
    const instance = draft.system.instances.get(name);
    if (!instance) continue;
    const from = before.instances.get(name)?.verdict.level ?? 'Unknown';
    const { level: to, reason } = instance.verdict;
    if (from === to) continue;
    draft.effects.push({
      type: 'emit',
      event: {
        type: 'health-changed',
        organ: instance.organ,
        instance: name,
        message: `${name} is ${to}, was ${from}${reason ? `: ${reason}` : ''}`,
        data: { from, to, reason },
      },
    });
  }
}

export function sayWhoWaits(before: SystemState, draft: Draft): void {
  if (!Instances.anyWants(draft.system.instances)) return;
  for (const instance of draft.system.instances.values()) {
    if (instance.state.tag !== 'waiting' || before.instances.get(instance.name)?.state.tag === 'waiting') continue;
    const unmet = obstacles(draft.system, instance);
    const message = waitingReason(draft.system, instance, unmet) ?? `${instance.name} is waiting`;
    draft.effects.push({
      type: 'emit',
      event: {
        type: 'organ-waiting',
        organ: instance.organ,
        instance: instance.name,
        message,
        data: { on: unmet.map(({ organ, condition, state }) => ({ organ, condition, state })) },
      },
    });
  }
}

export function sayStatus(before: SystemState, draft: Draft): void {
  if (!mayHaveAnotherStatus(before, draft)) return;
  const from = statusOf(before);
  const to = statusOf(draft.system);
  if (from === to) return;
  if (draft.system.boot.statusAtStop !== null) draft.boot({ statusAtStop: to }); // worse than when it began to stop
  const own = draft.system.self.reason;
  // What is Critical is an organ; Degraded the system is, or stays, because of azora itself too.
  const why = own && (to === 'Degraded' || before.self !== draft.system.self) ? `: azora itself: ${own}` : '';
  draft.emit('system-status-changed', `${draft.system.config.name} is ${to}, was ${from}${why}`, { from, to });
}

/** To look at all instances after each input would be most of the work of a thousand. */
function mayHaveAnotherStatus(before: SystemState, { system, changed }: Draft): boolean {
  const levelIn = ({ instances }: SystemState, name: string) => instances.get(name)?.verdict.level;
  return (
    before.self !== system.self ||
    before.boot.phase !== system.boot.phase ||
    before.instances.size !== system.instances.size ||
    changed.values().some((name) => levelIn(before, name) !== levelIn(system, name))
  );
}

/** Down is down when nothing is left to wait for; what is stuck is named by `down` and keeps the system from being stopped. */
export function sayStopped(draft: Draft): void {
  const { phase } = draft.system.boot;
  if (phase !== 'stopping' && phase !== 'emergency') return;
  if (draft.system.instances.values().some(isAlive)) return;
  draft.phase(phase === 'emergency' ? 'halted' : 'stopped');
  draft.emit('system-stopped', `${draft.system.config.name} is stopped: no process of it is left`, { survivors: [] });
  draft.effects.push({ type: 'halt' });
}
