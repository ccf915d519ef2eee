/** What every organ stands on. `testing.ts` is apart, for it needs vitest. */
export { adminOnly } from './admin-only.ts';
export { type CallOptions, Client, type Service, type ServiceInstance } from './client.ts';
export { type Database, dataFolder, openDatabase } from './database.ts';
export * from './errors.ts';
export {
  type BusEvent,
  connectEvents,
  EventBody,
  type EventBus,
  GroupName,
  type NewEvent,
  type Subscription,
  type SubscriptionStatus,
  TopicName,
} from './events.ts';
export { readBody, readParams, readQuery } from './input.ts';
export { Mutex } from './mutex.ts';
export { Outbox, type OutboxOptions } from './outbox.ts';
export { createApp, type Health, type Listening, listen, log, type Organ, serve } from './server.ts';
export { connectState, type Lifetime, type State, StateKey, StateValue, Step, Ttl } from './state.ts';
export { bearerToken, ForgedToken, type Principal, TokenVerifier, type TokenVerifierOptions } from './tokens.ts';
