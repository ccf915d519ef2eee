/** A supervisor is its keeper's child: another parent than at first means that its keeper has died. */

let keeper = process.ppid;

/** It is known which process that is, or is about to be: that one may have ended before this one could look. */
export function comeFrom(pid: number): void {
  keeper = pid;
}

/** Whether the keeper that started this process is gone. */
export const isOrphan = (): boolean => process.ppid !== keeper;
