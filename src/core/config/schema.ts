/**
 * What a user may write in azora.yaml: the single source of its validation, of azora.schema.json and of the reference page
 * (scripts/generate.ts). Key by key as the contract lists them; defaults are normalize.ts's, and are said here in words.
 */
import * as z from 'zod';
import { EVENT_TYPES } from '../events.ts';
import { cronProblem } from './cron.ts';
import {
  boolean,
  command,
  cpu,
  duration,
  durationUpTo,
  expected,
  int,
  map,
  number,
  off,
  oneOrMore,
  period,
  plainText,
  regex,
  scalarText,
  signal,
  size,
  text,
} from './scalars.ts';

const DAY_MS = 86_400_000;

/** Organ names end up in host names, file names and variables. */
export const ORGAN_NAME = /^[a-z][a-z0-9-]{0,62}$/;
export const SYSTEM_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;

const NAME_RULE = 'a name starts with a letter a-z and goes on with at most 62 of a-z, 0-9 and -';
const organName = () => z.string(expected('the name of an organ')).regex(ORGAN_NAME, NAME_RULE);
const organList = (what: string) => z.array(organName(), expected(what));
const portName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,62}$/, 'a port\'s name starts with a letter a-z and goes on with a-z, 0-9, "-" and "_"');
const PORT = 'a port: a number from 1 to 65535, or auto';
const port = () => z.union([z.literal('auto'), int(1, 65535, PORT)], expected(PORT));

const path = () => plainText('a path').min(1, 'a path');

const environment = z
  .record(
    z.string().regex(/^[^=\0]+$/, 'a variable\'s name is not empty and has no "="'),
    z.union([z.string(), z.number().transform(String), z.boolean().transform(String), z.null()], expected('text')),
    expected('a map of variables'),
  )
  .describe(
    'Variables. Numbers and booleans are taken as they are written; a variable without a value is passed on from the caller.',
  );

const envFile = oneOrMore(path(), 'a path, or a list of paths').describe(
  'Files of NAME=value lines, later ones win. A missing file is an error, unless its path ends in "?".',
);

const logKeys = {
  max_size: size().optional().describe('A log file is rotated when it grows beyond this. Default: 10MB.'),
  max_files: int(1, 10_000).optional().describe('How many rotated files are kept. Default: 5.'),
  compress: z
    .enum(['zstd', 'gzip', 'none'], expected('zstd, gzip or none'))
    .optional()
    .describe('How rotated files are compressed. Default: zstd.'),
  merge: boolean().optional().describe('Write stderr into the same file as stdout. Default: false.'),
};
const logs = map(logKeys, 'a map of log limits');

const COMPARISON = /^(?:(?:>=|<=|>|<)\s*-?\d+(?:\.\d+)?|(?:==|!=)\s*\S.*)$/;
const expectedJson = z
  .union([z.string(), z.number(), z.boolean(), z.null()], expected('text, a number, true, false or null'))
  .refine(
    (value) => typeof value !== 'string' || !/^(?:[<>]=?|[!=]=)/.test(value) || COMPARISON.test(value),
    'a comparison needs a number, as in ">= 11"',
  );

const expectation = map(
  {
    status: oneOrMore(int(100, 599), 'an HTTP status, or a list of them')
      .optional()
      .describe('The HTTP statuses that pass. Default: 200-299.'),
    json: z
      .record(z.string(), expectedJson, expected('a map of paths and values'))
      .optional()
      .describe(
        'Path into the JSON body (dots between keys) → the value it must have, or a comparison such as ">= 11".',
      ),
    body: plainText().optional().describe('Text that the body, or the output of a command, must contain.'),
    exit_code: int(0, 255).optional().describe('The exit code of a command that passes. Default: 0.'),
  },
  'a map of what is expected',
);

const httpTarget = () =>
  text('a path such as /healthz, or a URL').refine(
    (value) => /^(\/|https?:\/\/|\0)/.test(value),
    'write a path that starts with "/", or a URL that starts with http:// or https://',
  );
const method = z.enum(
  ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
  expected('an HTTP method in capitals'),
);
const tcpTarget = () =>
  z
    .union([int(1, 65535), text()], expected('a port, or host:port'))
    .transform(String)
    .refine((value) => /^(?:\d+|\S+:\d+)$/.test(value) || value.includes('\0'), 'write a port, or host:port');

const healthHttp = z.union(
  [
    httpTarget().transform((path) => ({ path })),
    map({
      path: httpTarget().describe("Path on the organ's first port, or a URL."),
      method: method.optional().describe('Default: GET.'),
    }),
  ],
  expected('a path such as /healthz, a URL, or a map with path and method'),
);

const healthMap = map(
  {
    http: healthHttp
      .optional()
      .describe("Probe: an HTTP request to this path on the organ's first port, or to this URL."),
    tcp: tcpTarget().optional().describe('Probe: a connection to this port, or host:port.'),
    exec: command().optional().describe("Probe: this command, run in the organ's folder and environment."),
    log: regex().optional().describe('Readiness: a line of output that matches this regular expression.'),
    fd: int(3, 255).optional().describe('Readiness: the organ writes a newline on this file descriptor.'),
    ipc: plainText('a message')
      .optional()
      .describe('Readiness: the message that a Node program sends with process.send, usually "ready".'),
    interval: period()
      .optional()
      .describe("Time between two probes of a ready organ. Default: the system's health.interval."),
    timeout: period().optional().describe('A probe without an answer by then has failed. Default: 5s.'),
    start_timeout: period().optional().describe('Not ready by then is a failed start. Default: 60s.'),
    failures: int(1, 1000).optional().describe('Failures in a row until Critical. Default: 3.'),
    successes: int(1, 1000).optional().describe('Passes in a row until Healthy again. Default: 1.'),
    slow: period().optional().describe('A slower answer means Degraded.'),
    expect: expectation.optional().describe('What an answer must be to pass.'),
    restart: boolean().optional().describe("The organ's own Critical verdict restarts it. Default: true."),
  },
  'a map with a probe, or false',
);

const checkKeys = {
  name: plainText('a name').optional().describe('What the check is called. Default: what it does.'),
  organ: organName()
    .optional()
    .describe('The organ whose first port a path refers to, and whose environment a command gets.'),
  http: z
    .union(
      [
        httpTarget().transform((path) => ({ path })),
        map({
          path: httpTarget().describe("Path on the organ's first port, or a URL."),
          method: method.optional().describe('Default: GET, or POST with a body.'),
          headers: z
            .record(z.string().min(1), scalarText(), expected('a map of headers'))
            .optional()
            .describe('Request headers.'),
          body: z
            .union(
              [text(), z.record(z.string(), z.json()), z.array(z.json())],
              expected('text, or a map or list that is sent as JSON'),
            )
            .optional()
            .describe('Request body: text as it is; a map or list as JSON.'),
        }),
      ],
      expected('a path, a URL, or a map with path, method, headers and body'),
    )
    .optional()
    .describe('An HTTP request.'),
  tcp: tcpTarget().optional().describe('A connection to this port, or host:port.'),
  exec: command().optional().describe('A command.'),
  expect: expectation.optional().describe('What the answer must be.'),
  timeout: period().optional().describe('No answer by then is a failure. Default: 10s.'),
};
const check = map(checkKeys, 'a map with http, tcp or exec').meta({ id: 'check' });
const { organ: _organ, ...verifyKeys } = checkKeys;
const verification = map(verifyKeys, 'a map with http, tcp or exec');

const dependency = map(
  {
    condition: z
      .enum(['started', 'healthy', 'completed', 'exited'], expected('started, healthy, completed or exited'))
      .optional()
      .describe(
        'What is waited for: started (spawned), healthy (ready), completed (exit 0), exited (any code). Default: as in the list form.',
      ),
    restart: boolean().optional().describe('When the dependency restarts, restart this organ too. Default: false.'),
    required: boolean().optional().describe('false: its failure does not block this organ. Default: true.'),
  },
  'a map with condition, restart and required',
);
export type WrittenDependency = z.output<typeof dependency>;

const dependsOn = z
  .union(
    [
      organList('a list of organs'),
      z.record(
        organName(),
        z.union(
          [dependency, z.null().transform((): WrittenDependency => ({}))],
          expected('a map with condition, restart and required'),
        ),
      ),
    ],
    expected('a list of organs, or a map of organs to conditions'),
  )
  .describe(
    'What has to be up first. In a list, a task has to be completed, an organ with a health probe healthy, any other started.',
  );

const restartPolicy = z.enum(['always', 'on-failure', 'never'], expected('always, on-failure or never'));
const restart = z.union(
  [
    restartPolicy.transform((policy) => ({ policy })),
    map({
      policy: restartPolicy.optional().describe('Default: always for a service, never for a task.'),
      delay: duration().optional().describe('Before the first restart. Default: 500ms.'),
      factor: number(1, 100, 'a factor from 1 to 100')
        .optional()
        .describe('Each further delay is this much longer. Default: 2.'),
      max_delay: duration().optional().describe('The longest delay. Default: 60s.'),
      jitter: number(0, 1, 'a number from 0 to 1')
        .optional()
        .describe('Delays vary at random by this share. Default: 0.25.'),
      reset_after: duration().optional().describe('Running this long resets the delay. Default: 60s.'),
      limit: int(0, 1_000_000)
        .optional()
        .describe('More restarts than this within the window: the organ is failed. Default: 10.'),
      window: period().optional().describe('The sliding window of the limit. Default: 10m.'),
    }),
  ],
  expected('always, on-failure, never, or a map'),
);

const organKeys = {
  description: plainText().optional().describe('What it is, for people.'),
  category: plainText().optional().describe('Groups organs in `azora status --by category`.'),
  command: command()
    .optional()
    .describe(
      'What to run. Text: plain words run without a shell, shell syntax or a builtin with /bin/sh -c. List: executed as it is.',
    ),
  cwd: path().optional().describe('Where it runs. Default: the folder of the file that declares it.'),
  env: environment.optional(),
  env_file: envFile.optional(),
  kind: z
    .enum(['service', 'task'], expected('service or task'))
    .optional()
    .describe('service: runs on; task: runs to completion. Default: service.'),
  schedule: plainText('a schedule')
    .superRefine((value, context) => {
      const problem = cronProblem(value);
      if (problem) context.addIssue({ code: 'custom', message: problem });
    })
    .optional()
    .describe('Cron expression, five fields or six with seconds, on which a task runs. Overlapping runs are skipped.'),
  depends_on: dependsOn.optional(),
  critical: boolean().optional().describe("Its failure for good is the system's emergency. Default: false."),
  autostart: boolean().optional().describe('Started by `azora up`. Default: true.'),
  profiles: z
    .array(plainText(), expected('a list of profiles'))
    .optional()
    .describe('Only part of the system when one of these is active. Default: always.'),
  replicas: int(1, 1000).optional().describe('How many instances run. Default: 1.'),
  autoscale: map({
    min: int(1, 1000).describe('Fewest instances.'),
    max: int(1, 1000).describe('Most instances.'),
    cpu: number(1, 100, 'a percentage from 1 to 100')
      .optional()
      .describe('Percent of a core per instance that is aimed at. Default: 70.'),
  })
    .optional()
    .describe('Instances come and go with the load.'),
  ports: z
    .record(portName, port(), expected('a map of names and ports'))
    .optional()
    .describe(
      'Name → number or auto (chosen freely, and remembered while it is free). The first is $PORT and ${organs.NAME.port}.',
    ),
  health: z
    .union([off(), healthMap], expected('a map with a probe, or false'))
    .optional()
    .describe('Readiness at boot and health afterwards. Default: no probe.'),
  verify: z
    .array(verification, expected('a list of checks'))
    .optional()
    .describe('Checks run once per start, after readiness and before dependents are released.'),
  restart: restart.optional().describe('Whether and how it is restarted when it exits.'),
  success_exit_codes: z
    .array(int(0, 255), expected('a list of exit codes'))
    .min(1, 'name at least one exit code')
    .optional()
    .describe('Exit codes that are no failure. Default: [0].'),
  stop: map({
    signal: signal().optional().describe('Sent to the whole process group. Default: SIGTERM.'),
    timeout: duration().optional().describe('Then everything left is killed. Default: 10s.'),
    command: command().optional().describe('Run instead of sending the signal.'),
  })
    .optional()
    .describe('How it is stopped.'),
  resources: map({
    cpu: cpu().optional().describe('Share of the processors.'),
    memory: size().optional().describe('Exceeding it restarts the organ.'),
  })
    .optional()
    .describe('Limits.'),
  user: z
    .union([plainText().min(1, 'name a user'), z.int().min(0).transform(String)], expected('a user'))
    .optional()
    .describe('The user it runs as, where azora may switch.'),
  logs: logs.optional().describe("Limits of its logs. Default: the system's."),
  watch: map({
    paths: z.array(path(), expected('a list of paths')).min(1, 'name at least one path').describe('Files and folders.'),
    ignore: z.array(plainText(), expected('a list of patterns')).optional().describe('Patterns that do not count.'),
    debounce: duration().optional().describe('Quiet time before the restart. Default: 300ms.'),
  })
    .optional()
    .describe('Restarts the organ when files change.'),
  route: map({
    prefix: path()
      .refine((value) => value.startsWith('/'), 'a prefix starts with "/"')
      .describe('Path under which the gateway serves it.'),
    rate_limit: plainText('a rate such as 100/s')
      .refine((value) => /^[1-9]\d*\/(s|m|h)$/.test(value), 'write a rate as 100/s, 100/m or 100/h')
      .optional()
      .describe('Requests per client.'),
    auth: z
      .enum(['required', 'optional', 'none'], expected('required, optional or none'))
      .optional()
      .describe('Default: none.'),
  })
    .optional()
    .describe('How the gateway exposes it.'),
  hooks: map({
    pre_start: command().optional().describe('Before each start; its failure is a failed start.'),
    post_ready: command().optional().describe('Once ready.'),
    pre_stop: command().optional().describe('Before it is stopped.'),
    post_exit: command().optional().describe('After it has ended.'),
  })
    .optional()
    .describe("Commands run around the organ's life."),
  labels: z
    .record(z.string().min(1), scalarText(), expected('a map of labels'))
    .optional()
    .describe('Anything, for people and tools.'),
};
const organ = map(organKeys, 'a map that describes an organ').meta({ id: 'organ' });

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
        .array(check, expected('a list of checks'))
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
export type WrittenOrgan = z.output<typeof organ>;
export type WrittenCheck = z.output<typeof check>;
export type WrittenHealth = z.output<typeof healthMap>;
export type WrittenExpectation = z.output<typeof expectation>;
export type WrittenLogs = z.output<typeof logs>;
