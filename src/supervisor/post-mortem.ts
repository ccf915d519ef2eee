import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastLines } from '../adapters/logs/reader.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { outputMasker, secretsOf } from '../core/config/redact.ts';
import type { SystemEvent } from '../core/events.ts';
import { describeInstance } from '../core/machine/describe.ts';
import type { SystemState } from '../core/machine/state.ts';

/** What is written after an emergency shutdown: the cause, how it came to it, and the last words of whoever was concerned. */

const TIMELINE_EVENTS = 60;
const LAST_LINES = 20;

/** Writes the report into the state folder and returns its path. */
export async function writePostMortem(
  folder: StateFolder,
  system: SystemState,
  events: readonly SystemEvent[],
  at: string,
): Promise<string> {
  const path = join(folder.root, `post-mortem-${at.replace(/[:.]/g, '-')}.md`);
  const mask = outputMasker(secretsOf(system.config));
  writeFileSync(path, mask(await postMortem(folder, system, events, at)), { mode: 0o600 });
  return path;
}

async function postMortem(
  folder: StateFolder,
  system: SystemState,
  events: readonly SystemEvent[],
  at: string,
): Promise<string> {
  const cause = events.findLast((event) => event.type === 'emergency-shutdown');
  const concerned = new Set(
    events
      .filter((event) => event.type === 'organ-failed' || event.type === 'organ-stuck')
      .flatMap((event) => event.organ ?? []),
  );
  if (cause?.organ) concerned.add(cause.organ);
  const words = await Promise.all(
    [...concerned].map(async (organ) => {
      const lines = await lastLines(folder.logs, organ, LAST_LINES);
      return [`### ${organ}`, '', '```', ...lines.map((line) => line.line), '```', ''];
    }),
  );
  const stuck = [...system.instances.values()].filter((instance) => instance.state.tag === 'stuck');
  return [
    `# Emergency shutdown of ${system.config.name}`,
    '',
    `- cause: ${cause?.data.reason ?? 'not known'}`,
    `- began: ${cause?.ts ?? 'not known'}, over: ${at}`,
    `- left running: ${stuck.length === 0 ? 'nothing' : stuck.map(describeInstance).join('; ')}`,
    `- to boot again: azora emergency --clear, then azora up`,
    '',
    '## How it came to it',
    '',
    ...events.slice(-TIMELINE_EVENTS).map((event) => `- ${event.ts} ${event.type}: ${event.message}`),
    '',
    '## Last words',
    '',
    ...words.flat(),
  ].join('\n');
}
