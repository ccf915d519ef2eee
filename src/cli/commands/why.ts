import { readLogs } from '../../adapters/logs/reader.ts';
import type { StateFolder } from '../../adapters/state-folder.ts';
import type { OrganConfig } from '../../core/config/model.ts';
import type { SystemEvent } from '../../core/events.ts';
import { EXIT, fail } from '../../core/failures.ts';
import { past } from '../../core/past.ts';
import { worstOf } from '../../core/why/chain.ts';
import { explain } from '../../core/why/explain.ts';
import type { Question, Subject } from '../../core/why/question.ts';
import { type CommandContext, defineCommand } from '../command.ts';
import { openRecord, recentEvents, storedEvents, supervisorIfItAnswers } from '../history.ts';
import { locateState } from '../locate.ts';
import { requireKnown } from '../organs.ts';
import { clock } from '../render/text.ts';
import { renderWhy, type WhyAnswer, whyJson } from '../render/why.ts';
import { outputMask } from '../secrets.ts';

interface WhyOptions {
  readonly json?: true;
}

/** Of the root's output. */
const LAST_LINES = 10;
/** Of one boot, the latest: more than any story needs. */
const MOST_EVENTS = 50_000;

export const command = defineCommand<WhyOptions>({
  declare: (command) =>
    command
      .description(
        'Explain why an organ is as it is: from the symptom through its dependencies down to the root, with what happened and ' +
          'its last lines. With nothing running it tells how it was before the end.',
      )
      .argument('<organ>', 'an organ, or an instance such as mint-2')
      .option('--json', 'one JSON document'),
  examples: [
    { line: 'azora why mint', what: 'why mint waits, fails, restarts or is Degraded, and what to do' },
    { line: 'azora why mint --json', what: 'the same for a script' },
  ],
  async run(context, [name = '', ...more], { json }) {
    if (more.length > 0) fail('usage', 'azora why takes one organ', 'azora why mint');
    const { stdout } = context;
    const known = await gather(context, locateState(context));
    const subjects = known.instances.filter(({ organ, instance }) => organ === name || instance === name);
    const answer = subjects.length > 0 ? await answerFor(context, known, worstOf(subjects)) : null;
    const shown = answer ?? (await unknownToTheBoot(context, known, name));
    stdout.write(json ? whyJson(shown) : renderWhy(shown, stdout.style));
    return EXIT.done;
  },
});

/** All that is known: of the running system, else of the last one. */
interface Known extends Question {
  readonly folder: StateFolder;
  /** Why nothing runs; null when it does. */
  readonly ended: string | null;
}

async function gather(context: CommandContext, folder: StateFolder): Promise<Known> {
  const { stderr } = context;
  const onTrouble = (why: string): void => void stderr.write(`${stderr.style.yellow('azora:')} ${why}\n`);
  const connection = await supervisorIfItAnswers(folder, context.version, onTrouble);
  const record = await openRecord(folder, onTrouble);
  try {
    const boot = record?.lastBoot() ?? null;
    const bootId = connection?.hello.bootId ?? boot?.bootId;
    const events: SystemEvent[] = [];
    const take = (page: readonly SystemEvent[]): void => {
      for (const event of page) if (event.bootId === bootId) events.push(event);
      if (events.length > MOST_EVENTS * 2) events.splice(0, events.length - MOST_EVENTS);
    };
    if (record && boot) for (const page of storedEvents(record, { sinceTs: boot.startedAt })) take(page);
    const organs = record?.organs() ?? (await declaredOrgans(context));
    const common = { folder, organs, events, now: Date.now(), clock: time };
    if (connection?.hello.bootId) {
      take(await recentEvents(connection, events.at(-1)?.id ?? 0));
      const { organs: instances } = await connection.request('status', null);
      return { ...common, instances, running: true, ended: null };
    }
    const { subjects, end, events: before } = past(events);
    const ended =
      boot === null
        ? 'nothing has run yet'
        : end === null
          ? `${boot.name} ended without a word${events.length > 0 ? ` after ${time(events.at(-1)!.ts)}` : ''}`
          : `${boot.name} was ${end.type === 'emergency-shutdown' ? 'shut down in an emergency' : 'stopped'} at ${time(end.ts)} (${end.data.reason})`;
    return { ...common, events: before, instances: subjects, running: false, ended };
  } finally {
    connection?.close();
    record?.close();
  }
}

/** What the file says of who needs whom, where no record does. */
async function declaredOrgans({ cwd, env, global }: CommandContext): Promise<Question['organs']> {
  const { loadConfig } = await import('../../adapters/config/load.ts');
  const loaded = await loadConfig({ cwd, env, ...(global.file === undefined ? {} : { file: global.file }) });
  return new Map<string, OrganConfig>(loaded.ok ? Object.entries(loaded.config.organs) : []);
}

async function answerFor(context: CommandContext, known: Known, subject: Subject): Promise<WhyAnswer> {
  const { stderr } = context;
  const explanation = explain(subject, known);
  const root = explanation.causes.at(-1)!;
  const mask = await outputMask(context, known.folder, (why) => void stderr.write(`azora: ${why}\n`));
  const query = {
    folder: known.folder.logs,
    mask,
    organs: [root.organ],
    instances: (source: { readonly instance: string }) => source.instance === root.instance,
    window: { from: Date.parse(known.events[0]?.ts ?? '') || 0, to: Number.POSITIVE_INFINITY },
    tail: LAST_LINES,
  };
  const lines: string[] = [];
  for await (const batch of readLogs(query)) lines.push(...batch.map(({ line }) => line));
  return {
    ...explanation,
    organ: subject.organ,
    instance: subject.instance,
    running: known.running,
    ended: known.ended,
    lastLines: lines,
  };
}

/** The boot that is asked about does not know it: perhaps the file does, and says why it was left out. */
async function unknownToTheBoot(context: CommandContext, known: Known, name: string): Promise<WhyAnswer> {
  const { loadConfig } = await import('../../adapters/config/load.ts');
  const { cwd, env, global } = context;
  const loaded = await loadConfig({ cwd, env, ...(global.file === undefined ? {} : { file: global.file }) });
  const inFile = loaded.ok ? [...Object.keys(loaded.config.organs), ...loaded.config.inactive] : [];
  requireKnown([name], new Set([...known.instances.flatMap(({ organ, instance }) => [organ, instance]), ...inFile]));
  const profiles = loaded.ok ? (loaded.inactiveProfiles[name] ?? []) : [];
  const absent = (headline: string, next: string): WhyAnswer => ({
    ...{ organ: name, instance: name, running: known.running, ended: known.ended, headline, next },
    causes: [{ organ: name, instance: name, state: 'stopped', health: 'Unknown', summary: headline, since: null }],
    changed: null,
    events: [],
    lastLines: [],
  });
  if (profiles.length > 0) {
    const active = loaded.ok && loaded.config.profiles.length > 0 ? loaded.config.profiles.join(', ') : 'none';
    const belongs = profiles.length === 1 ? `profile ${profiles[0]}` : `profiles ${profiles.join(', ')}`;
    const headline = `${name} is stopped: it belongs to ${belongs}, and active is ${active}`;
    return absent(headline, `azora up --profile ${profiles[0]} ${name}`);
  }
  if (!known.running) return absent(`${name} is stopped: it has not been started yet`, `azora up ${name}`);
  const headline = `${name} is stopped: it is in azora.yaml, and not part of what was booted (added since, or of another profile)`;
  return absent(headline, 'azora down   then   azora up');
}

/** Without milliseconds. */
const time = (ts: string): string => clock(ts).slice(0, 8);
