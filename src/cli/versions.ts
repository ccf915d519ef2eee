import { join } from 'node:path';
import { selfCommand } from '../adapters/self.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { FailureError } from '../core/failures.ts';
import type { CommandContext } from './command.ts';
import type { Connection } from './connection.ts';
import { connectKeeper, startSupervisor } from './daemons.ts';

/** What happens when the azora that is typed is not the azora that runs. */

/** `azora up` by a newer azora: its own supervisor takes the place of the older one. Organs are not touched. */
export async function withOwnVersion(
  context: CommandContext,
  folder: StateFolder,
  connection: Connection,
): Promise<Connection> {
  const { version, pid } = connection.hello;
  if (version === context.version) return connection;
  if (!isNewer(context.version, version)) {
    sayVersions(context, connection);
    return connection;
  }
  const keeper = await connectKeeper(folder, context.version);
  if (keeper) {
    const command = selfCommand(['__supervisor', '--state-dir', folder.root]);
    // A keeper that does not know this request starts what it has always started, which may have been replaced in its place.
    await keeper.channel.request('successor', { command }).catch(ignoreUnknown);
    keeper.channel.close();
  }
  await connection.request('retire', null);
  await connection.closed;
  const next = await startSupervisor(folder, context.version);
  say(
    context,
    next.hello.version === context.version
      ? `the supervisor (pid ${pid}) was azora ${version}; azora ${context.version} (pid ${next.hello.pid}) has taken over, organs run on`
      : `the supervisor is azora ${next.hello.version}, and this is azora ${context.version}: see ${join(folder.run, 'supervisor.log')}`,
  );
  return next;
}

/** A line when they differ, and what else is to be said of the supervisor. */
export function sayVersions(context: CommandContext, { hello, notice }: Connection): void {
  if (notice !== null) say(context, notice);
  if (hello.version === context.version) return;
  const remedy = isNewer(context.version, hello.version) ? '; azora up replaces it, organs run on' : '';
  say(context, `the supervisor is azora ${hello.version}, and this is azora ${context.version}${remedy}`);
}

/** By the numbers of semantic versions. */
export function isNewer(one: string, other: string): boolean {
  const [a, b] = [one, other].map((version) => version.split('-')[0]!.split('.').map(Number));
  for (let i = 0; i < 3; i++) if ((a?.[i] ?? 0) !== (b?.[i] ?? 0)) return (a?.[i] ?? 0) > (b?.[i] ?? 0);
  return false;
}

function say({ stderr, global }: CommandContext, text: string): void {
  if (global.progress !== 'quiet' && global.progress !== 'json')
    stderr.write(`${stderr.style.yellow('azora:')} ${text}\n`);
}

function ignoreUnknown(error: unknown): void {
  if (!(error instanceof FailureError) || error.failure.kind !== 'version-mismatch') throw error;
}
