/** A supervisor is its keeper's child: another parent than at first means that its keeper has died. */

const keeper = process.ppid;

/** Whether the keeper that started this process is gone. */
export const isOrphan = (): boolean => process.ppid !== keeper;
