/** What every organ stands on. `testing.ts` is apart, for it needs vitest. */
export { type CallOptions, Client, type Service, type ServiceInstance } from './client.ts';
export { type Database, dataFolder, openDatabase } from './database.ts';
export * from './errors.ts';
export { readBody, readParams, readQuery } from './input.ts';
export { Mutex } from './mutex.ts';
export { createApp, type Health, type Listening, listen, log, type Organ, serve } from './server.ts';
export { bearerToken, type Principal, TokenVerifier, type TokenVerifierOptions } from './tokens.ts';
