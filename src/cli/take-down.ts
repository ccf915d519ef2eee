import { EXIT } from '../core/failures.ts';
import { bringDown, type DownRequest } from './bring-down.ts';
import type { CommandContext } from './command.ts';
import { findSupervisor } from './daemons.ts';
import { locateState } from './locate.ts';

/** `azora down`: answers its exit code. */
export async function takeDown(context: CommandContext, request: DownRequest): Promise<number> {
  const folder = locateState(context);
  const connection = await findSupervisor(folder, context.version);
  if (!connection) {
    context.stderr.write('nothing is running\n');
    return EXIT.done;
  }
  await bringDown(context, folder, connection, request);
  return EXIT.done;
}
