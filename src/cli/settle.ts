import type { ReloadResult } from '../adapters/control/protocol.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import type { CommandContext } from './command.ts';
import type { Connection } from './connection.ts';
import { lastLinesOf } from './last-lines.ts';
import { jsonView, plainView, quietView } from './render/boot/view.ts';

/** How an instance's start can come out. */
const ENDS = new Set(['organ-ready', 'organ-assumed-ready', 'organ-completed', 'organ-failed', 'organ-stuck']);

/**
 * Shows what a request has set going, until each instance that it begins (or begins anew) and each that it takes down has got
 * there. Answers whether one of them failed.
 */
export async function settle(
  context: CommandContext,
  folder: StateFolder,
  connection: Connection,
  { starting, plan, since }: ReloadResult,
): Promise<boolean> {
  const outputs = { ...context, lastLines: lastLinesOf(folder) };
  const { progress } = context.global;
  const view = progress === 'json' ? jsonView(context) : progress === 'quiet' ? quietView(outputs) : plainView(outputs);
  const open = new Set(starting);
  const leaving = new Set(plan.organs.flatMap(({ organ, action }) => (action === 'stop' ? [organ] : [])));
  let failed = false;
  const done = new Promise<void>((resolve) => {
    const look = (): void => {
      if (open.size === 0 && leaving.size === 0) resolve();
    };
    connection.onEvent((event) => {
      view.event(event);
      if (ENDS.has(event.type)) open.delete(event.instance ?? '');
      if (event.type === 'organ-failed' || event.type === 'organ-stuck') {
        failed = true;
        const blocked = Array.isArray(event.data.blocked) ? event.data.blocked : [];
        for (const name of open)
          if (blocked.includes(name.replace(/-\d+$/, '')) || blocked.includes(name)) open.delete(name);
      }
      if (event.type === 'organ-stopped' || event.type === 'organ-stuck') leaving.delete(event.organ ?? '');
      look();
    });
    void connection.closed.then(resolve);
    look();
  });
  await connection.request('subscribe', { since, types: null });
  // What was down already has nothing to say.
  const { organs } = await connection.request('status', null);
  for (const organ of [...leaving]) if (!organs.some((row) => row.organ === organ)) leaving.delete(organ);
  if (open.size > 0 || leaving.size > 0) await done;
  await view.end();
  connection.close();
  return failed;
}
