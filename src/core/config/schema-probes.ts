/** Health probes and checks: what is asked, and what is expected. */
import * as z from 'zod/mini';
import type { Occurring } from './occurring.ts';
import {
  becomes,
  boolean,
  command,
  expected,
  int,
  map,
  may,
  must,
  once,
  oneOrMore,
  period,
  plainText,
  regex,
  scalarText,
  text,
} from './scalars.ts';
import { organName } from './schema-common.ts';

const json = once(z.json);
const COMPARISON = /^(?:(?:>=|<=|>|<)\s*-?\d+(?:\.\d+)?|(?:==|!=)\s*\S.*)$/;
const expectedJson = () =>
  z
    .union([z.string(), z.number(), z.boolean(), z.null()], expected('text, a number, true, false or null'))
    .check(
      z.refine(
        (value) => typeof value !== 'string' || !/^(?:[<>]=?|[!=]=)/.test(value) || COMPARISON.test(value),
        'a comparison needs a number, as in ">= 11"',
      ),
    );

const expectation = (of: Occurring) =>
  map(
    of,
    {
      status: may(
        () => oneOrMore(int(100, 599), 'an HTTP status, or a list of them'),
        'The HTTP statuses that pass. Default: 200-299.',
      ),
      json: may(
        () => z.record(z.string(), expectedJson(), expected('a map of paths and values')),
        'Path into the JSON body (dots between keys) → the value it must have, or a comparison such as ">= 11".',
      ),
      body: may(plainText, 'Text that the body, or the output of a command, must contain.'),
      exit_code: may(() => int(0, 255), 'The exit code of a command that passes. Default: 0.'),
    },
    'a map of what is expected',
  );

const httpTarget = () =>
  text('a path such as /healthz, or a URL').check(
    z.refine(
      (value) => /^(\/|https?:\/\/|\0)/.test(value),
      'write a path that starts with "/", or a URL that starts with http:// or https://',
    ),
  );
const method = () =>
  z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'], expected('an HTTP method in capitals'));
const tcpTarget = () =>
  becomes(z.union([int(1, 65535), text()], expected('a port, or host:port')), String).check(
    z.refine((value) => /^(?:\d+|\S+:\d+)$/.test(value) || value.includes('\0'), 'write a port, or host:port'),
  );

const healthHttp = (of: Occurring) =>
  z.union(
    [
      becomes(httpTarget(), (path) => ({ path })),
      map(of, {
        path: must(httpTarget, "Path on the organ's first port, or a URL."),
        method: may(method, 'Default: GET.'),
      }),
    ],
    expected('a path such as /healthz, a URL, or a map with path and method'),
  );

export const healthMap = (of: Occurring) =>
  map(
    of,
    {
      http: may(() => healthHttp(of), "Probe: an HTTP request to this path on the organ's first port, or to this URL."),
      tcp: may(tcpTarget, 'Probe: a connection to this port, or host:port.'),
      exec: may(command, "Probe: this command, run in the organ's folder and environment."),
      log: may(regex, 'Readiness: a line of output that matches this regular expression.'),
      fd: may(() => int(3, 255), 'Readiness: the organ writes a newline on this file descriptor.'),
      ipc: may(
        () => plainText('a message'),
        'Readiness: the message that a Node program sends with process.send, usually "ready".',
      ),
      interval: may(period, "Time between two probes of a ready organ. Default: the system's health.interval."),
      timeout: may(period, 'A probe without an answer by then has failed. Default: 5s.'),
      start_timeout: may(period, 'Not ready by then is a failed start. Default: 60s.'),
      failures: may(() => int(1, 1000), 'Failures in a row until Critical. Default: 3.'),
      successes: may(() => int(1, 1000), 'Passes in a row until Healthy again. Default: 1.'),
      slow: may(period, 'A slower answer means Degraded.'),
      expect: may(() => expectation(of), 'What an answer must be to pass.'),
      restart: may(boolean, "The organ's own Critical verdict restarts it. Default: true."),
    },
    'a map with a probe, or false',
  );

const checkKeys = (of: Occurring) => ({
  name: may(() => plainText('a name'), 'What the check is called. Default: what it does.'),
  organ: may(organName, 'The organ whose first port a path refers to, and whose environment a command gets.'),
  http: may(
    () =>
      z.union(
        [
          becomes(httpTarget(), (path) => ({ path })),
          map(of, {
            path: must(httpTarget, "Path on the organ's first port, or a URL."),
            method: may(method, 'Default: GET, or POST with a body.'),
            headers: may(
              () =>
                z.record(z.string().check(z.minLength(1, 'it is empty')), scalarText(), expected('a map of headers')),
              'Request headers.',
            ),
            body: may(
              () =>
                z.union(
                  [text(), z.record(z.string(), json()), z.array(json())],
                  expected('text, or a map or list that is sent as JSON'),
                ),
              'Request body: text as it is; a map or list as JSON.',
            ),
          }),
        ],
        expected('a path, a URL, or a map with path, method, headers and body'),
      ),
    'An HTTP request.',
  ),
  tcp: may(tcpTarget, 'A connection to this port, or host:port.'),
  exec: may(command, 'A command.'),
  expect: may(() => expectation(of), 'What the answer must be.'),
  timeout: may(period, 'No answer by then is a failure. Default: 10s.'),
});
export const check = (of: Occurring) =>
  map(of, checkKeys(of), 'a map with http, tcp or exec').check(z.meta({ id: 'check' }));
export const securityCheck = (of: Occurring) =>
  map(
    of,
    {
      ...checkKeys(of),
      severity: may(
        () => z.enum(['Low', 'Medium', 'High', 'Critical'], expected('Low, Medium, High or Critical')),
        'How grave it is when it fails. Default: High.',
      ),
      remedy: may(() => plainText('a remedy'), 'What to do about it: told to people, and to whoever decides.'),
    },
    'a map with http, tcp or exec',
  ).check(z.meta({ id: 'security-check' }));
export const verification = (of: Occurring) => {
  const { organ: _organ, ...keys } = checkKeys(of);
  return map(of, keys, 'a map with http, tcp or exec');
};

export type WrittenCheck = z.output<ReturnType<typeof check>> & {
  severity?: z.output<ReturnType<typeof securityCheck>>['severity'];
  remedy?: string | undefined;
};
export type WrittenHealth = z.output<ReturnType<typeof healthMap>>;
export type WrittenExpectation = z.output<ReturnType<typeof expectation>>;
