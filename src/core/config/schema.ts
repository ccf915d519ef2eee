/**
 * What a user may write in azora.yaml: the single source of its validation, of azora.schema.json and of the reference page
 * (scripts/generate.ts). Key by key as the contract lists them; defaults are normalize.ts's, and are said here in words.
 */
import * as z from 'zod/mini';
import { EVENT_TYPES } from '../events.ts';
import type { Occurring } from './occurring.ts';
import {
  becomes,
  durationUpTo,
  expected,
  map,
  may,
  must,
  off,
  once,
  oneOrMore,
  period,
  plainText,
  size,
  text,
} from './scalars.ts';
import { envFile, environment, logs, organList, organName, path, port, SYSTEM_NAME } from './schema-common.ts';
import { organ } from './schema-organ.ts';
import { check, securityCheck } from './schema-probes.ts';

export type { WrittenLogs } from './schema-common.ts';
export type { WrittenDependency, WrittenOrgan } from './schema-organ.ts';
export type { WrittenCheck, WrittenExpectation, WrittenHealth } from './schema-probes.ts';

const DAY_MS = 86_400_000;

/** @param of what is going to be checked with it: keys that occur nowhere are left out */
export function fileSchema(of: Occurring) {
  const anOrgan = once(() => organ(of));
  return map(
    of,
    {
      version: may(
        () => z.union([z.literal(1), becomes(z.literal('1'), (): 1 => 1)], expected('1, the only version there is')),
        'Of this format: 1.',
      ),
      name: may(
        () =>
          z
            .string(expected('a name'))
            .check(
              z.regex(
                SYSTEM_NAME,
                'a system\'s name starts with a-z or 0-9 and goes on with at most 62 of a-z, 0-9, ".", "_" and "-"',
              ),
            ),
        "Of the system. Default: the folder's name.",
      ),
      include: may(
        () => oneOrMore(path(), 'a path, or a list of paths'),
        'Further files, merged over this one in order: a later file wins, maps merge, lists replace. Their paths are relative to themselves.',
      ),
      env: may(environment),
      env_file: may(envFile),
      defaults: may(anOrgan, 'Any key of an organ; every organ starts from it.'),
      profiles: may(
        () => z.array(plainText(), expected('a list of profiles')),
        'Active when none is named with --profile.',
      ),
      boot: may(
        () =>
          map(of, {
            timeout: may(period, 'For the whole boot. Default: 120s.'),
            steps: may(
              () =>
                z.array(
                  map(of, {
                    name: must(() => plainText('a name').check(z.minLength(1, 'a step has a name')), 'Shown at boot.'),
                    organs: must(() => organList('a list of organs'), 'The organs that boot in this step.'),
                  }),
                  expected('a list of steps'),
                ),
              'Named steps, one after the other. Organs in no step boot as soon as their dependencies allow.',
            ),
          }),
        'How the system boots.',
      ),
      health: may(
        () =>
          map(of, {
            interval: may(period, "The monitor's period, default for every organ. Default: 30s."),
          }),
        'Health monitoring.',
      ),
      security: may(
        () =>
          map(of, {
            interval: may(period, 'Time between two rounds. Default: 60s.'),
            checks: may(
              () => z.array(securityCheck(of), expected('a list of checks')),
              'Extra probes; one that fails is a finding.',
            ),
            escalate: may(
              () =>
                map(of, {
                  organ: must(organName, 'Who decides.'),
                  path: must(
                    () => path().check(z.refine((value) => value.startsWith('/'), 'a path starts with "/"')),
                    'Where reports are posted.',
                  ),
                  at: may(
                    () => z.enum(['Low', 'Medium', 'High', 'Critical'], expected('Low, Medium, High or Critical')),
                    'The lowest threat level that is escalated. Default: High.',
                  ),
                }),
              'Whom findings are reported to for a decision.',
            ),
            allow: may(
              () =>
                z.array(
                  z.enum(
                    ['observe', 'restart-organ', 'stop-organ', 'emergency-shutdown'],
                    expected('observe, restart-organ, stop-organ or emergency-shutdown'),
                  ),
                  expected('a list of actions'),
                ),
              'What a decision may do. Default: observe, restart-organ, stop-organ.',
            ),
          }),
        'Security monitoring.',
      ),
      emergency: may(
        () =>
          map(of, {
            on: may(
              () =>
                z.array(
                  z.enum(
                    ['critical-organ-failed', 'security-critical'],
                    expected('critical-organ-failed or security-critical'),
                  ),
                  expected('a list of causes'),
                ),
              'What causes an emergency shutdown. Default: critical-organ-failed.',
            ),
            deadline: may(period, 'For the orderly part of it. Default: 15s.'),
          }),
        'Emergency shutdown.',
      ),
      checks: may(
        () => z.array(check(of), expected('a list of checks')),
        'The comprehensive checks, run at the end of boot and by `azora check`.',
      ),
      hooks: may(
        () =>
          z.partialRecord(
            z.enum(EVENT_TYPES),
            oneOrMore(
              text('a command or a URL').check(z.minLength(1, 'a command or a URL')),
              'a command or a URL, or a list of them',
            ),
            {
              error: (issue) =>
                (issue.code as string) === 'unrecognized_keys' ? EVENT_TYPES.join(' ') : 'a map of events and commands',
            },
          ),
        'Event → commands (the event as JSON on stdin, its type in $AZORA_EVENT) or webhooks (URLs; POST JSON).',
      ),
      registry: may(
        () =>
          z.union(
            [
              off(),
              map(of, {
                host: may(() => plainText('a host'), 'Default: 127.0.0.1.'),
                port: may(port, 'Default: auto.'),
              }),
            ],
            expected('a map with host and port, or false'),
          ),
        'The HTTP registry. false: none is served.',
      ),
      logs: may(() => logs(of), "Limits of every organ's logs."),
      redact: may(
        () => z.array(plainText(), expected('a list of patterns')),
        'Names of variables (with * for any text) whose values are masked in all that azora shows or stores. Default: *_TOKEN, *_SECRET, *PASSWORD*, *_KEY.',
      ),
      retention: may(
        () =>
          map(of, {
            max_age: may(() => durationUpTo(36_500 * DAY_MS), 'Default: 30d.'),
            max_size: may(size, 'Default: 200MB.'),
          }),
        'How much history the database keeps.',
      ),
      organs: may(() => z.record(organName(), anOrgan(), expected('a map of organs')), 'The programs, by name.'),
    },
    'a map: version, name, organs, …',
  );
}

export type WrittenFile = z.output<ReturnType<typeof fileSchema>>;
