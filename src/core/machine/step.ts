import { advanceBoot, bootTimedOut, checksDone } from './boot.ts';
import { Draft, keep } from './draft.ts';
import type { Effect } from './effects.ts';
import { emergencyIn } from './emergency.ts';
import { cascade, judge, release, sayStatus, sayStopped, sayWhoWaits } from './follow.ts';
import { onFindings } from './guard.ts';
import type { Stamped, SystemInput } from './inputs.ts';
import { stepInstance } from './instance.ts';
import { isSameButSeen } from './instances.ts';
import { dropRetired } from './reload.ts';
import { act, decide, due, emergency, isGoingDown, reload, up } from './requests.ts';
import { isAlive, type SystemState } from './state.ts';
import { force, stop } from './wants.ts';

export interface Result {
  readonly state: SystemState;
  readonly effects: readonly Effect[];
}

/** The whole decision: what was, what happened, and what is to be done about it. Pure. */
export function step(before: SystemState, { input, at, random }: Stamped<SystemInput>): Result {
  const draft = new Draft(before, at, random);
  switch (input.type) {
    case 'up':
      up(draft, input);
      break;
    case 'down':
      if (before.boot.phase === 'stopped' || before.boot.phase === 'halted') {
        draft.effects.push({ type: 'halt' }); // it is: only this supervisor has to go
        break;
      }
      if (before.boot.phase !== 'emergency') draft.stopping('stopping');
      draft.boot({ stopTimeoutMs: input.timeoutMs });
      draft.emit('system-stopping', `${before.config.name} is stopping (${input.reason})`, { reason: input.reason });
      draft.effects.push({ type: 'bootDeadline', delayMs: null });
      draft.each((instance, context) => stop(instance, input.reason, { next: 'stopped' }, context));
      break;
    case 'due':
      due(draft, input.organ, input.missed);
      break;
    case 'reload':
      reload(draft, input.config, input.heldDown);
      break;
    case 'force':
      draft.each((instance, context) => force(instance, 'azora down --force', context));
      break;
    case 'act':
      for (const name of input.verb === 'start' ? [] : input.instances) {
        const stopTimeoutMs = input.stopTimeoutMs ?? null;
        draft.turn(name, (instance) =>
          instance.stopTimeoutMs === stopTimeoutMs ? keep(instance) : keep({ ...instance, stopTimeoutMs }),
        );
      }
      act(draft, input.verb, input.instances, input.reason);
      break;
    case 'checked':
      if (isGoingDown(before.boot.phase)) break; // it was asked of what was being ended
      draft.progress(checksDone(draft.system, input.passed, input.checks));
      break;
    case 'bootTimeout':
      if (draft.system.boot.phase === 'booting') draft.progress(bootTimedOut(draft.system));
      break;
    case 'emergency':
      emergency(draft, input.reason, input.organ);
      break;
    case 'emergencyDeadline':
      if (before.boot.phase === 'emergency') {
        draft.each((instance, context) =>
          isAlive(instance) ? force(instance, 'the emergency deadline has passed', context) : keep(instance),
        );
      }
      break;
    case 'findings': {
      if (isGoingDown(before.boot.phase)) break; // likewise
      const { state, effects, emergency: reason } = onFindings(draft.system, input.findings);
      draft.system = state;
      draft.effects.push(...effects);
      if (reason) emergency(draft, reason, null);
      break;
    }
    case 'decision':
      decide(draft, input.answer);
      break;
    case 'self':
      draft.system = { ...draft.system, self: input.verdict };
      break;
    case 'instance':
      draft.turn(input.instance, (instance, context) => stepInstance(instance, input.input, context));
      if (nothingFollows(before, draft, input.instance)) return { state: draft.system, effects: draft.effects };
      break;
  }
  cascade(before, draft);
  release(draft);
  if (draft.system.boot.phase === 'booting') {
    const { boot } = draft.system;
    draft.progress(advanceBoot(draft.system, at));
    if (draft.system.boot !== boot) release(draft); // a step that ended opens the next one's gate
  }
  const failed = emergencyIn(before, draft.system, draft.changed);
  if (failed) {
    emergency(draft, `critical organ ${failed.name} failed: ${failed.reason ?? 'no reason known'}`, failed.organ);
    release(draft);
  }
  draft.system = dropRetired(draft.system) ?? draft.system;
  judge(before, draft);
  sayWhoWaits(before, draft);
  sayStatus(before, draft);
  sayStopped(draft);
  return { state: draft.system, effects: draft.effects };
}

/**
 * A system that is ready, and a check that found what the one before had found: of a thousand organs that is what nearly every input
 * comes to. Nobody starts, stops or is judged anew for it.
 */
function nothingFollows(before: SystemState, draft: Draft, name: string): boolean {
  const was = before.instances.get(name);
  const is = draft.system.instances.get(name);
  if (before.boot.phase !== 'ready' || !was || !is || draft.effects.length > 0) return false;
  return isSameButSeen(was, is);
}
