import * as z from 'zod';
import { EventBody, GroupName, TopicName } from '../kit/index.ts';

const count = (min: number, max: number) => z.int().min(min).max(max);
const number = (min: number, max: number) => z.coerce.number().pipe(count(min, max));
const MAX_WAIT_MS = 30_000;
export const MAX_EVENTS = 1000;

/** What a publisher may leave out is filled in by the bus. */
export const Publication = z.strictObject({
  events: z
    .array(EventBody.partial({ id: true, key: true, at: true, source: true, data: true }))
    .min(1)
    .max(MAX_EVENTS),
});
export const NewTopic = z.strictObject({
  name: TopicName,
  partitions: count(1, 64).optional(),
  retentionMs: count(1000, 366 * 24 * 3600 * 1000).optional(),
});
export const TopicPath = z.object({ topic: TopicName });
export const PartitionPath = z.object({ topic: TopicName, partition: number(0, 63) });
export const Reading = z.strictObject({
  offset: number(0, Number.MAX_SAFE_INTEGER).default(0),
  limit: number(1, MAX_EVENTS).default(100),
  waitMs: number(0, MAX_WAIT_MS).default(0),
});
export const Streaming = z.strictObject({
  topics: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(TopicName).max(100))
    .default([]),
  from: z.enum(['latest', 'earliest']).default('latest'),
});
export const LastSeq = number(0, Number.MAX_SAFE_INTEGER);

export const GroupPath = z.object({ group: GroupName });
export const MemberPath = z.object({ group: GroupName, member: z.uuid() });
export const Joining = z.strictObject({
  topics: z
    .array(z.union([z.literal('*'), TopicName]))
    .min(1)
    .max(100),
  from: z.enum(['earliest', 'latest']).default('earliest'),
  sessionTimeoutMs: count(100, 300_000).default(10_000),
  instance: z.string().min(1).max(200).optional(),
});
export const Polling = z.strictObject({
  commit: z
    .array(z.strictObject({ topic: TopicName, partition: count(0, 63), offset: count(0, Number.MAX_SAFE_INTEGER) }))
    .max(10_000)
    .default([]),
  max: count(1, MAX_EVENTS).default(500),
  waitMs: count(0, MAX_WAIT_MS).default(0),
});
