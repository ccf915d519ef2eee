import { crypto } from '../adapters/crypto.ts';
import { turn } from '../adapters/turn.ts';

/**
 * What Node loads at first use, loaded while this process waits for an answer and not when organs wait for this process. To be called after
 * the question has been given to the channel, which writes it when the present turn is over.
 */

/** For listening: node:cluster, of which each `listen` asks whether it is in a worker. */
export function meanwhileLoadToListen(): void {
  afterThisWrite(() => process.getBuiltinModule('node:cluster'));
}

/** For the first spawn: tokens and cookies. */
export function meanwhileLoadToSpawn(): void {
  afterThisWrite(crypto);
}

function afterThisWrite(act: () => void): void {
  void turn().then(act);
}
