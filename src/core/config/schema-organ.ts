/** An organ, key by key. */
import * as z from 'zod/mini';
import { cronProblem } from './cron.ts';
import type { Occurring } from './occurring.ts';
import {
  becomes,
  boolean,
  command,
  cpu,
  duration,
  expected,
  int,
  map,
  may,
  must,
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

const dependency = (of: Occurring) =>
  map(
    of,
    {
      condition: may(
        () => z.enum(['started', 'healthy', 'completed', 'exited'], expected('started, healthy, completed or exited')),
        'What is waited for: started (spawned), healthy (ready), completed (exit 0), exited (any code). Default: as in the list form.',
      ),
      restart: may(boolean, 'When the dependency restarts, restart this organ too. Default: false.'),
      required: may(boolean, 'false: its failure does not block this organ. Default: true.'),
    },
    'a map with condition, restart and required',
  );
export type WrittenDependency = z.output<ReturnType<typeof dependency>>;

const dependsOn = (of: Occurring) =>
  z
    .union(
      [
        organList('a list of organs'),
        z.record(
          organName(),
          z.union(
            [dependency(of), becomes(z.null(), (): WrittenDependency => ({}))],
            expected('a map with condition, restart and required'),
          ),
        ),
      ],
      expected('a list of organs, or a map of organs to conditions'),
    )
    .check(
      z.describe(
        'What has to be up first. In a list, a task has to be completed, an organ with a health probe healthy, any other started.',
      ),
    );

const restartPolicy = () => z.enum(['always', 'on-failure', 'never'], expected('always, on-failure or never'));
const restart = (of: Occurring) =>
  z.union(
    [
      becomes(restartPolicy(), (policy) => ({ policy })),
      map(of, {
        policy: may(restartPolicy, 'Default: always for a service, never for a task.'),
        delay: may(duration, 'Before the first restart. Default: 500ms.'),
        factor: may(
          () => number(1, 100, 'a factor from 1 to 100'),
          'Each further delay is this much longer. Default: 2.',
        ),
        max_delay: may(duration, 'The longest delay. Default: 60s.'),
        jitter: may(() => number(0, 1, 'a number from 0 to 1'), 'Delays vary at random by this share. Default: 0.25.'),
        reset_after: may(duration, 'Running this long resets the delay. Default: 60s.'),
        limit: may(
          () => int(0, 1_000_000),
          'More restarts than this within the window: the organ is failed. Default: 10.',
        ),
        window: may(period, 'The sliding window of the limit. Default: 10m.'),
      }),
    ],
    expected('always, on-failure, never, or a map'),
  );

const organKeys = (of: Occurring) => ({
  description: may(plainText, 'What it is, for people.'),
  category: may(plainText, 'Groups organs in `azora status --by category`.'),
  command: may(
    command,
    'What to run. Text: plain words run without a shell, shell syntax or a builtin with /bin/sh -c. List: executed as it is.',
  ),
  cwd: may(path, 'Where it runs. Default: the folder of the file that declares it.'),
  env: may(environment),
  env_file: may(envFile),
  kind: may(
    () => z.enum(['service', 'task'], expected('service or task')),
    'service: runs on; task: runs to completion. Default: service.',
  ),
  schedule: may(
    () =>
      plainText('a schedule').check(
        z.superRefine((value, context) => {
          const problem = cronProblem(value);
          if (problem) context.addIssue({ code: 'custom', message: problem });
        }),
      ),
    'Cron expression, five fields or six with seconds, on which a task runs. Overlapping runs are skipped.',
  ),
  depends_on: may(() => dependsOn(of)),
  critical: may(boolean, "Its failure for good is the system's emergency. Default: false."),
  autostart: may(boolean, 'Started by `azora up`. Default: true.'),
  profiles: may(
    () => z.array(plainText(), expected('a list of profiles')),
    'Only part of the system when one of these is active. Default: always.',
  ),
  replicas: may(
    () => int(1, 1000),
    'How many instances run; of more than one the names are web-1, web-2 and so on, which no other organ may have. Default: 1.',
  ),
  autoscale: may(
    () =>
      map(of, {
        min: must(() => int(1, 1000), 'Fewest instances.'),
        max: must(() => int(1, 1000), 'Most instances.'),
        cpu: may(
          () => number(1, 100, 'a percentage from 1 to 100'),
          'Percent of a core per instance that is aimed at. Default: 70.',
        ),
      }),
    'Instances come and go with the load.',
  ),
  ports: may(
    () => z.record(portName(), port(), expected('a map of names and ports')),
    'Name → number or auto (chosen freely, and remembered while it is free). The first is $PORT and ${organs.NAME.port}.',
  ),
  health: may(
    () => z.union([off(), healthMap(of)], expected('a map with a probe, or false')),
    'Readiness at boot and health afterwards. Default: no probe.',
  ),
  verify: may(
    () => z.array(verification(of), expected('a list of checks')),
    'Checks run once per start, after readiness and before dependents are released.',
  ),
  restart: may(() => restart(of), 'Whether and how it is restarted when it exits.'),
  success_exit_codes: may(
    () => z.array(int(0, 255), expected('a list of exit codes')).check(z.minLength(1, 'name at least one exit code')),
    'Exit codes that are no failure. Default: [0].',
  ),
  stop: may(
    () =>
      map(of, {
        signal: may(signal, 'Sent to the whole process group. Default: SIGTERM.'),
        timeout: may(duration, 'Then everything left is killed. Default: 10s.'),
        command: may(command, 'Run instead of sending the signal.'),
      }),
    'How it is stopped.',
  ),
  resources: may(
    () =>
      map(of, {
        cpu: may(
          cpu,
          'Processor time of all its processes: `500m` and `0.5` are half of one processor. Beyond: slowed down, or Degraded where the kernel does not do that.',
        ),
        memory: may(size, 'Memory of all its processes. Beyond: restarted.'),
      }),
    'Limits, held by the kernel (cgroup v2) where it lets azora, watched elsewhere; `azora status` says which.',
  ),
  user: may(
    () =>
      z.union(
        [
          plainText().check(z.minLength(1, 'name a user')),
          becomes(z.int(expected('a user')).check(z.gte(0, 'a user')), String),
        ],
        expected('a user'),
      ),
    'The user it runs as, where azora may switch.',
  ),
  logs: may(() => logs(of), "Limits of its logs. Default: the system's."),
  watch: may(
    () =>
      map(of, {
        paths: must(
          () => z.array(path(), expected('a list of paths')).check(z.minLength(1, 'name at least one path')),
          'Files and folders.',
        ),
        ignore: may(() => z.array(plainText(), expected('a list of patterns')), 'Patterns that do not count.'),
        debounce: may(duration, 'Quiet time before the restart. Default: 300ms.'),
      }),
    'Restarts the organ when files change.',
  ),
  route: may(
    () =>
      map(of, {
        prefix: must(
          () => path().check(z.refine((value) => value.startsWith('/'), 'a prefix starts with "/"')),
          'Path under which the gateway serves it.',
        ),
        rate_limit: may(
          () =>
            plainText('a rate such as 100/s').check(
              z.refine((value) => /^[1-9]\d*\/(s|m|h)$/.test(value), 'write a rate as 100/s, 100/m or 100/h'),
            ),
          'Requests per client.',
        ),
        auth: may(
          () => z.enum(['required', 'optional', 'none'], expected('required, optional or none')),
          'Default: none.',
        ),
      }),
    'How the gateway exposes it.',
  ),
  hooks: may(
    () =>
      map(of, {
        pre_start: may(command, 'Before each start; its failure is a failed start.'),
        post_ready: may(command, 'Once ready.'),
        pre_stop: may(command, 'Before it is stopped.'),
        post_exit: may(command, 'After it has ended.'),
      }),
    "Commands run around the organ's life.",
  ),
  labels: may(
    () => z.record(z.string().check(z.minLength(1, 'it is empty')), scalarText(), expected('a map of labels')),
    'Anything, for people and tools.',
  ),
});
export const organ = (of: Occurring) =>
  map(of, organKeys(of), 'a map that describes an organ').check(z.meta({ id: 'organ' }));

export type WrittenOrgan = z.output<ReturnType<typeof organ>>;
