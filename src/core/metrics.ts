import type { InstanceStatus, StatusDocument } from './status.ts';

/** The system in numbers, as Prometheus reads them (text exposition format 0.0.4). */

export interface MetricsSource {
  readonly status: StatusDocument;
  /** Bytes of output that could not be kept, by instance. */
  readonly lostLogBytes: ReadonlyMap<string, number>;
  /** The number of the latest event. */
  readonly lastEventId: number;
  /** How late the supervisor's event loop is, seconds; null: not measured. */
  readonly loopLagSeconds: number | null;
}

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const STATES = ['stopped', 'waiting', 'starting', 'ready', 'stopping', 'backoff', 'completed', 'failed', 'stuck'];
const HEALTHS = ['Unknown', 'Healthy', 'Degraded', 'Critical'];
const STATUSES = ['Operational', 'Degraded', 'Critical', 'Offline'];
const THREATS = ['None', 'Low', 'Medium', 'High', 'Critical'];

export function renderMetrics({ status, lostLogBytes, lastEventId, loopLagSeconds }: MetricsSource): string {
  const { system, organs } = status;
  const each = (value: (row: InstanceStatus) => number | null): Sample[] =>
    organs.flatMap((row) => {
      const found = value(row);
      return found === null ? [] : [{ labels: labelsOf(row), value: found }];
    });
  const count = (key: 'state' | 'health', words: readonly string[]): Sample[] =>
    words.map((word) => ({ labels: { [key]: word }, value: organs.filter((row) => row[key] === word).length }));
  const oneOf = (key: string, words: readonly string[], is: string): Sample[] =>
    words.map((word) => ({ labels: { [key]: word }, value: Number(word === is) }));

  return [
    family('azora_system_info', 'gauge', 'The system and its boot.', [
      { labels: { system: system.name, boot_id: system.bootId ?? '', phase: system.phase }, value: 1 },
    ]),
    family('azora_system_status', 'gauge', '1 for what the system is, 0 for the rest.', [
      ...oneOf('status', STATUSES, system.status),
    ]),
    family('azora_threat_level', 'gauge', '1 for the present threat level, 0 for the rest.', [
      ...oneOf('level', THREATS, system.threatLevel),
    ]),
    family('azora_uptime_seconds', 'gauge', 'Since the boot began.', plain(system.uptimeMs, 1000)),
    family('azora_instances_by_state', 'gauge', 'Instances in each state.', count('state', STATES)),
    family('azora_instances_by_health', 'gauge', 'Instances of each health.', count('health', HEALTHS)),
    family('azora_instance_ready', 'gauge', '1 while the instance is ready.', [
      ...each(({ state }) => Number(state === 'ready')),
    ]),
    family('azora_instance_health', 'gauge', '0 Unknown, 1 Healthy, 2 Degraded, 3 Critical.', [
      ...each(({ health }) => HEALTHS.indexOf(health)),
    ]),
    family(
      'azora_instance_restarts_total',
      'counter',
      'Restarts in this boot.',
      each(({ restarts }) => restarts),
    ),
    family(
      'azora_instance_errors_total',
      'counter',
      'Failed checks, failed starts and exits that nobody wanted.',
      each(({ errors }) => errors),
    ),
    family('azora_instance_uptime_seconds', 'gauge', 'Of the present process.', [
      ...each(({ uptimeMs }) => seconds(uptimeMs)),
    ]),
    family(
      'azora_instance_cpu_percent',
      'gauge',
      'Of one core.',
      each(({ cpuPercent }) => cpuPercent),
    ),
    family(
      'azora_instance_memory_bytes',
      'gauge',
      'Resident memory.',
      each(({ rssBytes }) => rssBytes),
    ),
    family('azora_probe_latency_seconds', 'gauge', 'How long the latest check took.', [
      ...each(({ latencyMs }) => seconds(latencyMs)),
    ]),
    family('azora_instance_metric', 'gauge', "What an organ's health body says of itself.", [
      ...organs.flatMap((row) =>
        Object.entries(row.metrics).map(([name, value]) => ({ labels: { ...labelsOf(row), name }, value })),
      ),
    ]),
    family('azora_log_lost_bytes_total', 'counter', 'Output that could not be kept.', [
      ...each(({ instance }) => lostLogBytes.get(instance) ?? 0),
    ]),
    family('azora_events_total', 'counter', 'Events ever recorded.', plain(lastEventId)),
    family('azora_event_loop_lag_seconds', 'gauge', 'How late the supervisor is.', plain(loopLagSeconds)),
  ].join('');
}

const labelsOf = ({ organ, instance }: InstanceStatus) => ({ organ, instance });
const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);
const plain = (value: number | null, per = 1): Sample[] => (value === null ? [] : [{ labels: {}, value: value / per }]);

/** One metric with its samples; nothing at all without one. */
function family(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const lines = samples.map(({ labels, value }) => `${name}${labelText(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function labelText(labels: Sample['labels']): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escapeLabel = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
