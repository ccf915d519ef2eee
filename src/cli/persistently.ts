import { FailureError } from '../core/failures.ts';
import type { Connection } from './connection.ts';

/** As often as a command asks anew: a supervisor that dies more often than the keeper puts up with is not going to answer. */
const ATTEMPTS = 8;
/** One that ends has hung up by then. */
const CLOSING_MS = 200;

export interface Asked<T> {
  readonly answer: T;
  /** Of the supervisor that answered. */
  readonly connection: Connection;
}

/**
 * Asks a supervisor; if it dies before it has answered, its successor is asked. What is asked for must bear being asked for twice.
 * @param next finds the successor, starting it if need be; null: there is none, and the failure stands
 */
export async function persistently<T>(
  first: Connection,
  next: () => Promise<Connection | null>,
  ask: (connection: Connection) => Promise<T>,
): Promise<Asked<T>> {
  let connection = first;
  for (let attempt = 1; ; attempt++) {
    try {
      return { answer: await ask(connection), connection };
    } catch (error) {
      const died = error instanceof FailureError && error.failure.kind === 'unreachable';
      if (!died || attempt === ATTEMPTS) throw error;
      await Promise.race([connection.closed, new Promise((resolve) => setTimeout(resolve, CLOSING_MS).unref())]);
      const successor = await next();
      if (!successor) throw error;
      connection = successor;
    }
  }
}
