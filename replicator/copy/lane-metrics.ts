import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { LanePlan } from '../lanes.ts';
import { GAP_KINDS } from './gap-events.ts';
import { MODES } from './relay.ts';

/** Numbers of all lanes of a process. Labels: gateways, their three lanes, their topics, the modes: bounded by the settings. */
export interface LaneMetrics {
  readonly records: Counter<'gateway' | 'lane' | 'topic'>;
  readonly bytesIn: Counter<'gateway' | 'lane'>;
  readonly bytesOut: Counter<'gateway' | 'lane'>;
  readonly batches: Counter<'gateway' | 'lane' | 'mode'>;
  readonly commitSeconds: Histogram<'gateway' | 'lane'>;
  readonly lagRecords: Gauge<'gateway' | 'topic'>;
  readonly lagBytes: Gauge<'gateway' | 'topic'>;
  readonly lagSeconds: Gauge<'gateway' | 'topic'>;
  readonly headroomSeconds: Gauge<'gateway' | 'topic'>;
  readonly endToEndSeconds: Gauge<'gateway' | 'topic'>;
  readonly gapRecords: Counter<'gateway' | 'topic'>;
  readonly gaps: Counter<'gateway' | 'lane' | 'kind'>;
  readonly stoppedPartitions: Gauge<'gateway' | 'lane'>;
  readonly failures: Counter<'gateway' | 'lane'>;
  readonly waitingSeconds: Gauge<'gateway' | 'lane'>;
  readonly schemaMisses: Counter<'gateway'>;
}

export function createLaneMetrics(registry: Registry): LaneMetrics {
  const registers = [registry];
  const lane = ['gateway', 'lane'] as const;
  const topic = ['gateway', 'topic'] as const;
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
    new Counter<T>({ name: `zeelos_replicator_${name}`, help, labelNames, registers });
  const gauge = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
    new Gauge<T>({ name: `zeelos_replicator_${name}`, help, labelNames, registers });
  return {
    records: counter('records_total', 'records committed at the target', ['gateway', 'lane', 'topic']),
    bytesIn: counter('bytes_in_total', 'bytes of batches read at the source', lane),
    bytesOut: counter('bytes_out_total', 'bytes of batches written to the target', lane),
    batches: counter('batches_total', 'batches committed at the target, by how they were copied', [...lane, 'mode']),
    commitSeconds: new Histogram({
      name: 'zeelos_replicator_commit_seconds',
      help: 'time from the last write of a commit to its end',
      labelNames: lane,
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
      registers,
    }),
    lagRecords: gauge('lag_records', 'offsets at the source that are not copied yet', topic),
    lagBytes: gauge('lag_bytes', 'about so many bytes wait at the source, by the mean size of what was copied', topic),
    lagSeconds: gauge(
      'lag_seconds',
      'age of the newest record that was copied while others wait; 0 when none waits',
      topic,
    ),
    headroomSeconds: gauge('headroom_seconds', 'time until the source deletes what was not copied yet', topic),
    endToEndSeconds: gauge('end_to_end_seconds', 'age of the newest record when it was committed at the target', topic),
    gapRecords: counter('gap_records_total', 'records that are missing in the copy', topic),
    gaps: counter('gaps_total', 'events written to the topic of replication events', [...lane, 'kind']),
    stoppedPartitions: gauge('stopped_partitions', 'partitions that wait because something must be mended first', lane),
    failures: counter(
      'failures_total',
      'attempts that ended in an error and began anew at the committed positions',
      lane,
    ),
    waitingSeconds: gauge(
      'target_waiting_seconds',
      'how long the lane has been without a committed copy though it has work',
      lane,
    ),
    schemaMisses: counter('schema_map_misses_total', 'schema ids that had to be asked for', ['gateway']),
  };
}

/** Takes the series of a gateway out that is no longer copied, so that they neither stand still nor add up. */
export function forgetGateway(metrics: LaneMetrics, gateway: string, plans: readonly LanePlan[]): void {
  const { bytesIn, bytesOut, commitSeconds, stoppedPartitions, failures, waitingSeconds } = metrics;
  const { lagRecords, lagBytes, lagSeconds, headroomSeconds, endToEndSeconds, gapRecords } = metrics;
  metrics.schemaMisses.remove({ gateway });
  for (const { name: lane, topics } of plans) {
    for (const one of [bytesIn, bytesOut, commitSeconds, stoppedPartitions, failures, waitingSeconds])
      one.remove({ gateway, lane });
    for (const mode of MODES) metrics.batches.remove({ gateway, lane, mode });
    for (const kind of GAP_KINDS) metrics.gaps.remove({ gateway, lane, kind });
    for (const { topic } of topics) {
      metrics.records.remove({ gateway, lane, topic });
      for (const one of [lagRecords, lagBytes, lagSeconds, headroomSeconds, endToEndSeconds, gapRecords])
        one.remove({ gateway, topic });
    }
  }
}
