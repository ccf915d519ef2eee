import type { SystemConfig } from '../../../core/config/model.ts';
import type { StatusDocument } from '../../../core/status.ts';
import { humanDuration } from '../../../core/time.ts';
import type { Output } from '../../command.ts';
import { paintHealth, paintStatus, tally } from '../status.ts';
import { list, oneLine } from '../text.ts';

export interface Summary {
  readonly document: StatusDocument;
  readonly config: Pick<SystemConfig, 'organs'>;
  readonly durationMs: number;
  /** Organs that stay down because a user stopped them before. */
  readonly heldDown: readonly string[];
  /** The system was running already. */
  readonly wasRunning: boolean;
}

/** What a user wants to know once it is up: how it is, where to find it, what to type next. */
export function renderSummary(summary: Summary, { style }: Pick<Output, 'style'>): string {
  const { document, heldDown, wasRunning } = summary;
  const { system, organs } = document;
  const status = paintStatus(style, system.status);
  const when = wasRunning
    ? `runs (supervisor ${system.pid ?? '?'})`
    : `is ready after ${humanDuration(summary.durationMs)}`;
  const lines = [`${style.bold(system.name)} ${when}: ${status} · ${tally(organs)}`];

  const urls = addresses(summary);
  const width = Math.max(0, ...urls.map(({ instance }) => instance.length));
  for (const { instance, url } of urls) lines.push(`  ${instance.padEnd(width)}  ${style.cyan(url)}`);

  const ill = organs.filter(
    ({ health, state }) => state !== 'stopped' && (health === 'Degraded' || health === 'Critical'),
  );
  for (const { instance, health, reason } of ill) {
    lines.push(`  ${instance} is ${paintHealth(style, health)}${reason ? `: ${oneLine(reason)}` : ''}`);
  }
  if (heldDown.length > 0) {
    lines.push(`  stopped by hand before, and still down: ${list(heldDown)}   (azora start ${heldDown.join(' ')})`);
  }
  const worst = ill.find(({ health }) => health === 'Critical') ?? ill[0];
  const next = worst ? `azora why ${worst.organ} · azora logs ${worst.organ}` : 'azora status · azora logs -f';
  lines.push(style.dim(`  ${next} · azora down`));
  return `${lines.join('\n')}\n`;
}

/** Where organs answer: first whoever routes to the others, then in the order of the file. */
function addresses({ document, config }: Summary): { instance: string; url: string }[] {
  const routed = Object.values(config.organs).some(({ route }) => route !== null);
  const gateway = (organ: string): number => (routed && isGateway(config, organ) ? 0 : 1);
  return document.organs
    .flatMap(({ organ, instance, url, state }) => (url === null || state !== 'ready' ? [] : [{ organ, instance, url }]))
    .sort((a, b) => gateway(a.organ) - gateway(b.organ));
}

/** The way in is the organ with a port that is not itself behind a route and calls itself one. */
function isGateway(config: Summary['config'], name: string): boolean {
  const organ = config.organs[name];
  return organ?.route === null && (organ.category === 'Gateway' || /gateway/.test(name));
}
