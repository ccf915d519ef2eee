import { closeSync, openSync } from 'node:fs';

/**
 * Places at which a test may have the supervisor or the keeper killed, as if by kill -9 at that very moment. Armed by
 * AZORA_FAILPOINT=<name>[@<n-th time>] where AZORA_TEST=1 says that this is a test; AZORA_FAILPOINT_MARK names the file that is made
 * when it strikes, so that it strikes one process once. Otherwise a failpoint costs one comparison.
 */
export const FAILPOINTS = [
  // A supervisor begins, and takes over what there is.
  'supervisor:locked',
  'supervisor:linked',
  'supervisor:recalled',
  'supervisor:reconciled',
  'supervisor:listening',
  // A boot begins.
  'supervisor:created',
  'supervisor:document-written',
  'supervisor:boot-committed',
  'supervisor:before-effects',
  'supervisor:after-effects',
  'supervisor:recorded',
  // An organ starts.
  'supervisor:before-spawn',
  'supervisor:spawn-asked',
  'supervisor:spawned',
  'supervisor:ready-heard',
  'supervisor:probed',
  'supervisor:before-verify',
  'supervisor:verified',
  'supervisor:before-checks',
  'supervisor:checked',
  // An organ ends.
  'supervisor:exit-heard',
  'supervisor:exit-recorded',
  'supervisor:desired-stored',
  'supervisor:before-stop',
  'supervisor:stop-signalled',
  'supervisor:tree-gone',
  'supervisor:before-kill',
  'supervisor:forgotten',
  'supervisor:keeper-lost',
  // Everything ends.
  'supervisor:halt-begun',
  'supervisor:halt-recorded',
  'supervisor:document-removed',
  'supervisor:record-closed',
  'supervisor:keeper-ended',
  // A keeper begins.
  'keeper:locked',
  'keeper:adopted',
  'keeper:listening',
  'keeper:supervisor-started',
  // A life.
  'keeper:spawn-heard',
  'keeper:spawn-journalled',
  'keeper:spawned',
  'keeper:birth-journalled',
  'keeper:ready-journalled',
  'keeper:reaped',
  'keeper:drained',
  'keeper:exit-journalled',
  'keeper:exit-told',
  'keeper:signalled',
  'keeper:killing',
  'keeper:forgotten',
  // The end.
  'keeper:shutdown-heard',
  'keeper:strays-killed',
  'keeper:journal-removed',
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

interface Armed {
  readonly name: string;
  readonly mark: string;
  left: number;
}

let armed: Armed | null = process.env.AZORA_TEST === '1' ? arm(process.env.AZORA_FAILPOINT ?? '') : null;

/** Ends this process here, by SIGKILL, if a test wants it so. */
export function failpoint(name: Failpoint): void {
  if (armed !== null) pass(name, armed);
}

function pass(name: Failpoint, at: Armed): void {
  if (at.name !== name || --at.left > 0) return;
  armed = null;
  try {
    closeSync(openSync(at.mark, 'wx'));
  } catch {
    return; // it struck another process before
  }
  process.kill(process.pid, 'SIGKILL');
}

function arm(text: string): Armed | null {
  const [name = '', times] = text.split('@');
  const mark = process.env.AZORA_FAILPOINT_MARK;
  return name === '' || !mark ? null : { name, mark, left: Number(times ?? 1) };
}
