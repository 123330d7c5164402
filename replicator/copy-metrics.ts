import { Counter, Gauge, type Registry } from 'prom-client';

/** Numbers of the copy. Labels: the topics of one gateway and the two directions, so at most a handful of series. */
export interface CopyMetrics {
  readonly copied: Counter<'topic'>;
  readonly copiedBytes: Counter<'topic'>;
  readonly lag: Gauge<'topic'>;
  readonly lost: Counter<'topic'>;
  readonly stopped: Gauge<'topic'>;
  readonly failures: Counter<'direction' | 'stage'>;
  readonly waitingSeconds: Gauge<'direction'>;
}

export function createCopyMetrics(registry: Registry): CopyMetrics {
  const registers = [registry];
  const topic = ['topic'] as const;
  return {
    copied: new Counter({
      name: 'zeelos_replicator_records_total',
      help: 'records committed at the target, repetitions included',
      labelNames: topic,
      registers,
    }),
    copiedBytes: new Counter({
      name: 'zeelos_replicator_bytes_total',
      help: 'bytes of keys and values committed at the target',
      labelNames: topic,
      registers,
    }),
    lag: new Gauge({
      name: 'zeelos_replicator_lag_records',
      help: 'records at the source that are not copied yet',
      labelNames: topic,
      registers,
    }),
    lost: new Counter({
      name: 'zeelos_replicator_lost_records_total',
      help: 'records that the source deleted before they were copied',
      labelNames: topic,
      registers,
    }),
    stopped: new Gauge({
      name: 'zeelos_replicator_stopped_partitions',
      help: 'partitions that wait because the target refuses their next record for good',
      labelNames: topic,
      registers,
    }),
    failures: new Counter({
      name: 'zeelos_replicator_failures_total',
      help: 'batches that could not be copied (stage copy) or whose offset could not be committed (stage commit)',
      labelNames: ['direction', 'stage'],
      registers,
    }),
    waitingSeconds: new Gauge({
      name: 'zeelos_replicator_target_waiting_seconds',
      help: 'seconds that the batch in flight waits for the target',
      labelNames: ['direction'],
      registers,
    }),
  };
}
