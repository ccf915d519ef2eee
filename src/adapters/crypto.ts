/**
 * node:crypto, loaded by the first call: that takes 4 ms, for which no process should wait while it starts. Whoever has a moment to spare before
 * it is needed calls this then.
 */
export const crypto = (): typeof import('node:crypto') => process.getBuiltinModule('node:crypto');
