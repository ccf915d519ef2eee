import type { ChalkInstance } from 'chalk';
import type { SystemEvent } from '../../../core/events.ts';
import type { JsonObject } from '../../../core/json.ts';
import { humanDuration } from '../../../core/time.ts';
import { asList, asNumber, asObject, asText, asTexts, clock, count, list, oneLine } from '../text.ts';

/**
 * An event as one line, `12:00:01.123 mint ready (240 ms)`, or null when it says nothing that another event does not say
 * better. Every kind of event that a later version adds is shown by its own sentence.
 */
export function plainLine(event: SystemEvent, style: ChalkInstance): string | null {
  const said = words(event, style);
  if (said === null) return null;
  const who = event.instance ?? event.organ ?? 'azora';
  // A whole sentence names its subject itself.
  return `${style.dim(clock(event.ts))} ${said.startsWith(`${who} `) ? '' : `${who} `}${said}`;
}

function words(event: SystemEvent, style: ChalkInstance): string | null {
  const { data } = event;
  switch (event.type) {
    case 'boot-step':
      return bootStep(data, style);
    case 'organ-waiting':
      return `waiting for ${waitingFor(data)}`;
    case 'organ-starting':
      return (asNumber(data.attempt) ?? 1) > 1 ? `starting (attempt ${asNumber(data.attempt)})` : 'starting';
    case 'organ-started':
      return `started (pid ${asNumber(data.pid) ?? '?'})`;
    case 'organ-ready':
      return `${style.green('ready')}${took(data)}`;
    case 'organ-assumed-ready':
      return `${style.green('ready')}, assumed: alive after ${humanDuration(asNumber(data.durationMs) ?? 0)}`;
    case 'organ-completed':
      return `${style.green('completed')}${took(data)}`;
    case 'organ-exited':
      return isAsked(data) ? style.dim(exitWords(data)) : style.yellow(exitWords(data));
    case 'organ-restarting':
      return style.yellow(
        `restarts in ${humanDuration(asNumber(data.delayMs) ?? 0)} (attempt ${asNumber(data.attempt) ?? '?'})`,
      );
    case 'organ-failed':
      return `${style.red('failed')}: ${oneLine(asText(data.cause) ?? event.message)}`;
    case 'organ-stopping':
      return data.forced === true ? 'being killed' : 'stopping';
    case 'organ-stopped':
      return `stopped${took(data)}`;
    case 'organ-stuck':
      return `${style.red('stuck')}: ${survivorWords(data)} cannot be killed`;
    case 'health-changed':
      return healthChange(event, style);
    case 'system-status-changed':
      return `status ${asText(data.from) ?? '?'} → ${asText(data.to) ?? '?'}`;
    case 'checks-completed':
      return checks(data, style);
    case 'system-ready':
      return style.green(`system ready${took(data)}`);
    case 'system-boot-failed':
      return `${style.red('boot failed')}: ${oneLine(asText(data.reason) ?? event.message)}`;
    case 'warning':
      return `${style.yellow('warning')}: ${oneLine(event.message)}`;
    default:
      return oneLine(event.message);
  }
}

function bootStep(data: JsonObject, style: ChalkInstance): string {
  const status = asText(data.status) ?? '';
  const shown = status === 'done' ? style.green(status) : status === 'failed' ? style.red(status) : status;
  const organs = asTexts(data.organs);
  const names = status === 'started' && organs.length > 0 ? ` (${list(organs, 8)})` : '';
  return `step ${(asNumber(data.index) ?? 0) + 1}/${asNumber(data.total) ?? '?'} ${asText(data.step) ?? ''}: ${shown}${names}`;
}

/** `covenant (healthy), aegis (started)`; its turn among the steps, when it waits for no organ. */
export function waitingFor(data: JsonObject): string {
  const on = asList(data.on).map(asObject);
  if (on.length === 0) return 'its step';
  return list(
    on.map(({ organ, condition }) => `${asText(organ) ?? '?'} (${asText(condition) ?? '?'})`),
    5,
  );
}

const took = (data: JsonObject): string => {
  const ms = asNumber(data.durationMs);
  return ms === null ? '' : ` (${humanDuration(ms)})`;
};

/** It ended because azora ended it. */
const isAsked = ({ asked, code, ours }: JsonObject): boolean =>
  asked !== undefined && asked !== null && (asNumber(code) !== null || ours === true);

/**
 * `exited with code 1 after 3.2 s`, `was killed by SIGKILL (out of memory) after 2 min`; where azora asked for it `ended by SIGTERM,
 * as asked, after 2 min` and `was killed by azora after 2 min`.
 */
function exitWords(data: JsonObject): string {
  const code = asNumber(data.code);
  const signal = asText(data.signal);
  const uptime = asNumber(data.uptimeMs);
  const after = uptime === null ? '' : ` after ${humanDuration(uptime)}`;
  if (isAsked(data)) {
    if (signal === 'SIGKILL') return `was killed by azora${after}`;
    return `${code !== null ? `exited with code ${code}` : `ended by ${signal}`}, as asked${after && `,${after}`}`;
  }
  if (code !== null) return `exited with code ${code}${after}`;
  if (signal === null) return `ended while nobody could see how${after}`;
  return `was killed by ${signal}${data.oomKilled === true ? ' (out of memory)' : ''}${after}`;
}

/** `pid 812 (sleep 99), pid 813 (sh)`. */
export function survivorWords(data: JsonObject): string {
  const processes = asList(data.processes).map(asObject);
  return list(
    processes.map(({ pid, command }) => `pid ${asNumber(pid) ?? '?'} (${oneLine(asText(command) ?? '?')})`),
    5,
  );
}

function healthChange(event: SystemEvent, style: ChalkInstance): string | null {
  const { from, to, reason } = event.data;
  // The first verdict is what "ready" has said already; that nothing is known of what is stopped goes without saying.
  if ((from === 'Unknown' && to === 'Healthy') || to === 'Unknown') return null;
  const paint = to === 'Healthy' ? style.green : to === 'Degraded' ? style.yellow : style.red;
  const why = asText(reason);
  return `${asText(from) ?? '?'} → ${paint(asText(to) ?? '?')}${why ? `: ${oneLine(why)}` : ''}`;
}

function checks(data: JsonObject, style: ChalkInstance): string {
  const all = asList(data.checks).map(asObject);
  const failed = all.filter(({ passed }) => passed !== true);
  if (all.length === 0) return 'no checks are declared';
  if (failed.length === 0) return style.green(`${count(all.length, 'check')} passed`);
  const named = failed.map(({ name, message }) => `${asText(name) ?? '?'}: ${oneLine(asText(message) ?? '')}`);
  return `${style.red(`${failed.length} of ${count(all.length, 'check')} failed`)}: ${list(named, 5)}`;
}
