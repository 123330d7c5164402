import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ErrorCode } from '../common/errors.ts';
import type { Sink, SkipReason, Skips } from './sink.ts';

/** What became of the records of one chunk. `skipped` and `poison` are parts of `total`; the rest was written. */
export interface ChunkOutcome {
  readonly total: number;
  readonly skipped: Skips;
  readonly poison: ReadonlyMap<ErrorCode, number>;
}

/**
 * in = written + skipped + dead-lettered, at every moment: a chunk is counted as a whole, once all of it has its outcome. A chunk that
 * comes again after a crash or a rebalance is counted again, on both sides. Topics are bounded by the setting gatewayIds.
 */
export class ConnectorMetrics {
  readonly #in: Counter<'topic'>;
  readonly #written: Counter<'topic'>;
  readonly #skipped: Counter<'topic' | 'reason'>;
  readonly #deadLettered: Counter<'topic' | 'code'>;
  readonly #retries: Counter<'code'>;
  readonly #lag: Gauge<'topic' | 'partition'>;
  readonly #writeSeconds: Histogram;

  constructor(registry: Registry, sink: Sink) {
    const registers = [registry];
    const name = (what: string) => `zeelos_connector_${what}`;
    const topic = ['topic'] as const;
    this.#in = new Counter({
      name: name('records_in_total'),
      help: 'records taken from Kafka',
      labelNames: topic,
      registers,
    });
    this.#written = new Counter({
      name: name('records_written_total'),
      help: 'records in the store',
      labelNames: topic,
      registers,
    });
    this.#skipped = new Counter({
      name: name('records_skipped_total'),
      help: 'records that leave nothing in the store, by reason',
      labelNames: ['topic', 'reason'] as const,
      registers,
    });
    this.#deadLettered = new Counter({
      name: name('records_dead_lettered_total'),
      help: 'records set aside in <topic>.dlq, by error code',
      labelNames: ['topic', 'code'] as const,
      registers,
    });
    this.#retries = new Counter({
      name: name('retries_total'),
      help: 'attempts that failed in a retriable way, by error code',
      labelNames: ['code'] as const,
      registers,
    });
    this.#lag = new Gauge({
      name: name('lag_records'),
      help: 'records that wait in Kafka after the last one stored',
      labelNames: ['topic', 'partition'] as const,
      registers,
    });
    this.#writeSeconds = new Histogram({
      name: name('write_seconds'),
      help: 'duration of one successful write to the store, in seconds',
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    });
    showCounters(registry, sink);
  }

  settle(topic: string, { total, skipped, poison }: ChunkOutcome): void {
    let written = total;
    for (const [reason, count] of Object.entries(skipped) as [SkipReason, number][]) {
      this.#skipped.inc({ topic, reason }, count);
      written -= count;
    }
    for (const [code, count] of poison) {
      this.#deadLettered.inc({ topic, code }, count);
      written -= count;
    }
    this.#in.inc({ topic }, total);
    this.#written.inc({ topic }, written);
  }

  retried(code: ErrorCode): void {
    this.#retries.inc({ code });
  }

  wrote(seconds: number): void {
    this.#writeSeconds.observe(seconds);
  }

  lag(topic: string, partition: number, records: bigint): void {
    this.#lag.set({ topic, partition: String(partition) }, Number(records));
  }
}

function showCounters(registry: Registry, sink: Sink): void {
  const counter = new Counter({
    name: 'zeelos_connector_store_events_total',
    help: 'what the mapping to the store wrote or left out, by kind',
    labelNames: ['kind'] as const,
    registers: [registry],
    collect() {
      counter.reset();
      for (const [kind, count] of Object.entries(sink.counters)) counter.inc({ kind }, count);
    },
  });
}
