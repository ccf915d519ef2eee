/**
 * What a user may write in azora.yaml: the single source of its validation, of azora.schema.json and of the reference page
 * (scripts/generate.ts). Key by key as the contract lists them; defaults are normalize.ts's, and are said here in words.
 */
import * as z from 'zod';
import { EVENT_TYPES } from '../events.ts';
import { durationUpTo, expected, map, off, oneOrMore, period, plainText, size, text } from './scalars.ts';
import { envFile, environment, logs, organList, organName, path, port, SYSTEM_NAME } from './schema-common.ts';
import { organ } from './schema-organ.ts';
import { check, securityCheck } from './schema-probes.ts';

// A file is checked once in the life of a command: to compile the checks first takes longer than to carry them out.
z.config({ jitless: true });

export type { WrittenLogs } from './schema-common.ts';
export type { WrittenDependency, WrittenOrgan } from './schema-organ.ts';
export type { WrittenCheck, WrittenExpectation, WrittenHealth } from './schema-probes.ts';

const DAY_MS = 86_400_000;

const hookEvent = z.enum(EVENT_TYPES);

export const fileSchema = map(
  {
    version: z
      .union([z.literal(1), z.literal('1').transform((): 1 => 1)], expected('1, the only version there is'))
      .optional()
      .describe('Of this format: 1.'),
    name: z
      .string(expected('a name'))
      .regex(
        SYSTEM_NAME,
        'a system\'s name starts with a-z or 0-9 and goes on with at most 62 of a-z, 0-9, ".", "_" and "-"',
      )
      .optional()
      .describe("Of the system. Default: the folder's name."),
    include: oneOrMore(path(), 'a path, or a list of paths')
      .optional()
      .describe(
        'Further files, merged over this one in order: a later file wins, maps merge, lists replace. Their paths are relative to themselves.',
      ),
    env: environment.optional(),
    env_file: envFile.optional(),
    defaults: organ.optional().describe('Any key of an organ; every organ starts from it.'),
    profiles: z
      .array(plainText(), expected('a list of profiles'))
      .optional()
      .describe('Active when none is named with --profile.'),
    boot: map({
      timeout: period().optional().describe('For the whole boot. Default: 120s.'),
      steps: z
        .array(
          map({
            name: plainText('a name').min(1, 'a step has a name').describe('Shown at boot.'),
            organs: organList('a list of organs').describe('The organs that boot in this step.'),
          }),
          expected('a list of steps'),
        )
        .optional()
        .describe('Named steps, one after the other. Organs in no step boot as soon as their dependencies allow.'),
    })
      .optional()
      .describe('How the system boots.'),
    health: map({
      interval: period().optional().describe("The monitor's period, default for every organ. Default: 30s."),
    })
      .optional()
      .describe('Health monitoring.'),
    security: map({
      interval: period().optional().describe('Time between two rounds. Default: 60s.'),
      checks: z
        .array(securityCheck, expected('a list of checks'))
        .optional()
        .describe('Extra probes; one that fails is a finding.'),
      escalate: map({
        organ: organName().describe('Who decides.'),
        path: path()
          .refine((value) => value.startsWith('/'), 'a path starts with "/"')
          .describe('Where reports are posted.'),
        at: z
          .enum(['Low', 'Medium', 'High', 'Critical'], expected('Low, Medium, High or Critical'))
          .optional()
          .describe('The lowest threat level that is escalated. Default: High.'),
      })
        .optional()
        .describe('Whom findings are reported to for a decision.'),
      allow: z
        .array(
          z.enum(
            ['observe', 'restart-organ', 'stop-organ', 'emergency-shutdown'],
            expected('observe, restart-organ, stop-organ or emergency-shutdown'),
          ),
          expected('a list of actions'),
        )
        .optional()
        .describe('What a decision may do. Default: observe, restart-organ, stop-organ.'),
    })
      .optional()
      .describe('Security monitoring.'),
    emergency: map({
      on: z
        .array(
          z.enum(
            ['critical-organ-failed', 'security-critical'],
            expected('critical-organ-failed or security-critical'),
          ),
          expected('a list of causes'),
        )
        .optional()
        .describe('What causes an emergency shutdown. Default: critical-organ-failed.'),
      deadline: period().optional().describe('For the orderly part of it. Default: 15s.'),
    })
      .optional()
      .describe('Emergency shutdown.'),
    checks: z
      .array(check, expected('a list of checks'))
      .optional()
      .describe('The comprehensive checks, run at the end of boot and by `azora check`.'),
    hooks: z
      .partialRecord(
        hookEvent,
        oneOrMore(text('a command or a URL').min(1, 'a command or a URL'), 'a command or a URL, or a list of them'),
        {
          error: (issue) =>
            (issue.code as string) === 'unrecognized_keys' ? EVENT_TYPES.join(' ') : 'a map of events and commands',
        },
      )
      .optional()
      .describe(
        'Event → commands (the event as JSON on stdin, its type in $AZORA_EVENT) or webhooks (URLs; POST JSON).',
      ),
    registry: z
      .union(
        [
          off(),
          map({
            host: plainText('a host').optional().describe('Default: 127.0.0.1.'),
            port: port().optional().describe('Default: auto.'),
          }),
        ],
        expected('a map with host and port, or false'),
      )
      .optional()
      .describe('The HTTP registry. false: none is served.'),
    logs: logs.optional().describe("Limits of every organ's logs."),
    redact: z
      .array(plainText(), expected('a list of patterns'))
      .optional()
      .describe(
        'Names of variables (with * for any text) whose values are masked in all that azora shows or stores. Default: *_TOKEN, *_SECRET, *PASSWORD*, *_KEY.',
      ),
    retention: map({
      max_age: durationUpTo(36_500 * DAY_MS)
        .optional()
        .describe('Default: 30d.'),
      max_size: size().optional().describe('Default: 200MB.'),
    })
      .optional()
      .describe('How much history the database keeps.'),
    organs: z.record(organName(), organ, expected('a map of organs')).optional().describe('The programs, by name.'),
  },
  'a map: version, name, organs, …',
);

export type WrittenFile = z.output<typeof fileSchema>;
