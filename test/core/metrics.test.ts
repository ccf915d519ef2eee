import parse from 'parse-prometheus-text-format';
import { expect, test } from 'vitest';
import { type MetricsSource, renderMetrics } from '../../src/core/metrics.ts';
import { aDocument, anInstance } from '../cli/fake-supervisor.ts';

const source: MetricsSource = {
  status: aDocument(
    [
      anInstance('mint-1', {
        restarts: 2,
        latencyMs: 2.5,
        metrics: { queue: 12 },
        rssBytes: 48_000_000,
        uptimeMs: 1500,
      }),
      anInstance('mint-2', { state: 'backoff', health: 'Critical', uptimeMs: null }),
    ],
    { status: 'Critical', name: 'a "quoted"\\name\nof two lines' },
  ),
  lostLogBytes: new Map([['mint-2', 4096]]),
  lastEventId: 77,
  loopLagSeconds: 0.002,
};

const families = (of: MetricsSource) => new Map(parse(renderMetrics(of)).map((family) => [family.name, family]));

test('a parser of the format reads every sample with its labels', () => {
  const found = families(source);
  expect(found.get('azora_instance_restarts_total')).toMatchObject({
    type: 'COUNTER',
    metrics: [
      { value: '2', labels: { organ: 'mint', instance: 'mint-1' } },
      { value: '0', labels: { organ: 'mint', instance: 'mint-2' } },
    ],
  });
  expect(found.get('azora_probe_latency_seconds')!.metrics).toEqual([
    { value: '0.0025', labels: { organ: 'mint', instance: 'mint-1' } },
  ]);
  const states = found.get('azora_instances_by_state')!.metrics;
  expect(states.filter(({ value }) => value !== '0').map(({ labels }) => labels!.state)).toEqual(['ready', 'backoff']);
  const status = found.get('azora_system_status')!.metrics.filter(({ value }) => value === '1');
  expect(status.map(({ labels }) => labels!.status)).toEqual(['Critical']);
  expect(found.get('azora_log_lost_bytes_total')!.metrics.map(({ value }) => value)).toEqual(['0', '4096']);
  expect(found.get('azora_instance_metric')!.metrics[0]).toMatchObject({ value: '12', labels: { name: 'queue' } });
  expect(found.get('azora_event_loop_lag_seconds')!.metrics[0]!.value).toBe('0.002');
  expect(found.get('azora_events_total')!.metrics[0]!.value).toBe('77');
});

test('label values with quotes, backslashes and newlines come through', () => {
  expect(families(source).get('azora_system_info')!.metrics[0]!.labels!.system).toBe(source.status.system.name);
});

test('what is not known has no sample; every family has its help and type', () => {
  const found = families({ ...source, loopLagSeconds: null, status: aDocument([]) });
  expect(found.has('azora_event_loop_lag_seconds')).toBe(false);
  expect(found.has('azora_instance_ready')).toBe(false);
  for (const { name, help, type, metrics } of found.values()) {
    expect([name, help, type, metrics.length > 0]).toEqual([
      name,
      expect.stringMatching(/\.$/),
      expect.any(String),
      true,
    ]);
  }
});
