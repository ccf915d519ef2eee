/** Health probes and checks: what is asked, and what is expected. */
import * as z from 'zod';
import {
  boolean,
  command,
  expected,
  int,
  map,
  oneOrMore,
  period,
  plainText,
  regex,
  scalarText,
  text,
} from './scalars.ts';
import { organName } from './schema-common.ts';

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

export const healthMap = map(
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
export const check = map(checkKeys, 'a map with http, tcp or exec').meta({ id: 'check' });
export const securityCheck = map(
  {
    ...checkKeys,
    severity: z
      .enum(['Low', 'Medium', 'High', 'Critical'], expected('Low, Medium, High or Critical'))
      .optional()
      .describe('How grave it is when it fails. Default: High.'),
    remedy: plainText('a remedy').optional().describe('What to do about it: told to people, and to whoever decides.'),
  },
  'a map with http, tcp or exec',
).meta({ id: 'security-check' });
const { organ: _organ, ...verifyKeys } = checkKeys;
export const verification = map(verifyKeys, 'a map with http, tcp or exec');

export type WrittenCheck = z.output<typeof check> & {
  severity?: z.output<typeof securityCheck>['severity'];
  remedy?: string | undefined;
};
export type WrittenHealth = z.output<typeof healthMap>;
export type WrittenExpectation = z.output<typeof expectation>;
