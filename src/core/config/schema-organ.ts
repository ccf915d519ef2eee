/** An organ, key by key. */
import * as z from 'zod';
import { cronProblem } from './cron.ts';
import {
  boolean,
  command,
  cpu,
  duration,
  expected,
  int,
  map,
  number,
  off,
  period,
  plainText,
  scalarText,
  signal,
  size,
} from './scalars.ts';
import { envFile, environment, logs, organList, organName, path, port, portName } from './schema-common.ts';
import { healthMap, verification } from './schema-probes.ts';

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
  replicas: int(1, 1000)
    .optional()
    .describe(
      'How many instances run; of more than one the names are web-1, web-2 and so on, which no other organ may have. Default: 1.',
    ),
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
    cpu: cpu()
      .optional()
      .describe(
        'Processor time of all its processes: `500m` and `0.5` are half of one processor. Beyond: slowed down, or Degraded where the kernel does not do that.',
      ),
    memory: size().optional().describe('Memory of all its processes. Beyond: restarted.'),
  })
    .optional()
    .describe(
      'Limits, held by the kernel (cgroup v2) where it lets azora, watched elsewhere; `azora status` says which.',
    ),
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
export const organ = map(organKeys, 'a map that describes an organ').meta({ id: 'organ' });

export type WrittenOrgan = z.output<typeof organ>;
