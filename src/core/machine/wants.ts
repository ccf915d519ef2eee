import { UNKNOWN } from '../health.ts';
import { NO_RESTARTS } from '../restart.ts';
import type { AfterStop, In, Instance } from './state.ts';
import { type Context, emit, ignore, killTree, quiet, set, type Turn, turn, wait } from './turn.ts';

/** What others want of an instance: that it be up, down, anew, or gone at once. */

/** Someone wants it up. What runs is left alone; what had failed or completed starts over with a clean slate. */
export function start(instance: Instance, context: Context): Turn {
  const wanted: Instance = { ...instance, desired: 'up', stopWanted: null };
  switch (instance.state.tag) {
    case 'stopped':
    case 'completed':
    case 'failed':
    case 'backoff':
      return turn(
        { ...wait(wanted, context).instance, history: NO_RESTARTS, reason: null, health: UNKNOWN },
        { type: 'cancel', instance: instance.name, timer: 'backoff' },
      );
    case 'stopping':
      return ignore(
        instance.state.after.next === 'stopped' ? set(wanted, { ...instance.state, after: { next: 'again' } }) : wanted,
      );
    case 'spawning':
      return ignore(set(wanted, { ...instance.state, stop: instance.state.stop ? { next: 'again' } : null }));
    case 'stuck':
      return retryStuck(wanted, instance.state, { next: 'again' }, context);
    case 'waiting':
    case 'starting':
    case 'ready':
      return ignore(wanted);
  }
}

/** Someone wants it down. What runs is ended by `endLife` once the release says that its turn has come. */
export function stop(instance: Instance, reason: string, next: AfterStop, context: Context): Turn {
  const desired = next.next === 'again' ? 'up' : 'down';
  const unwanted: Instance = { ...instance, desired };
  switch (instance.state.tag) {
    case 'stopped':
      return next.next === 'again' ? start(instance, context) : ignore({ ...unwanted, reason });
    case 'waiting':
    case 'backoff':
    case 'completed':
    case 'failed': {
      if (next.next === 'again') return start(instance, context);
      return turn(
        { ...set(unwanted, { tag: 'stopped' }), reason, health: UNKNOWN },
        { type: 'cancel', instance: instance.name, timer: 'backoff' },
        emit(instance, 'organ-stopped', `${instance.name} is stopped (${reason})`, { reason }),
      );
    }
    case 'spawning':
      return turn(set({ ...unwanted, reason }, { ...instance.state, stop: next }), {
        type: 'abortStart',
        instance: instance.name,
      });
    case 'starting':
    case 'ready':
      return ignore({ ...unwanted, reason, stopWanted: next });
    case 'stopping':
      return ignore(set({ ...unwanted, reason }, { ...instance.state, after: next }));
    case 'stuck':
      return retryStuck({ ...unwanted, reason }, instance.state, next, context);
  }
}

/** No more patience: SIGKILL to whatever of it runs. */
export function force(instance: Instance, reason: string, context: Context): Turn {
  const { state } = instance;
  switch (state.tag) {
    case 'starting':
    case 'ready':
    case 'stopping':
    case 'stuck':
      return turn(
        {
          ...set(instance, {
            tag: 'stopping',
            life: state.life,
            since: context.at,
            after: { next: 'stopped' },
            exited: state.tag === 'stopping' && state.exited,
          }),
          desired: 'down',
          reason,
          stopWanted: null,
        },
        ...quiet(instance),
        emit(instance, 'organ-stopping', `${instance.name} is killed (${reason})`, { cause: reason, forced: true }),
        killTree(instance.name, state.life),
      );
    case 'spawning':
    case 'stopped':
    case 'waiting':
    case 'backoff':
    case 'completed':
    case 'failed':
      return stop(instance, reason, { next: 'stopped' }, context);
  }
}

function retryStuck(instance: Instance, state: In<'stuck'>, next: AfterStop, context: Context): Turn {
  return turn(
    set(instance, { tag: 'stopping', life: state.life, since: context.at, after: next, exited: false }),
    emit(instance, 'organ-stopping', `what is left of ${instance.name} is killed`, { cause: 'it was stuck' }),
    killTree(instance.name, state.life),
  );
}
