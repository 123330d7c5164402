import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ErrorCode } from '../common/errors.ts';
import { Progress, type TaskProgress } from './progress.ts';
import type { Sink, SkipReason, Skips } from './sink.ts';

/** What became of the records of one chunk. `skipped` and `poison` are parts of `total`; the rest was written. */
export interface ChunkOutcome {
  readonly total: number;
  readonly skipped: Skips;
  readonly poison: ReadonlyMap<ErrorCode, number>;
}

/**
 * in = written + skipped + dead-lettered, at every moment: a chunk is counted as a whole, once all of it has its outcome. A chunk that
 * comes again after a crash or a rebalance is counted again, on both sides. A connector has at most 2,000 topics.
 */
export class ConnectorMetrics {
  readonly #meters: Meters;
  readonly #connector: string;
  readonly #progress: TaskProgress;
  readonly #retire: () => void;

  /** Several connectors of a process share one registry. @param connector its name */
  constructor(registry: Registry, sink: Pick<Sink, 'counters'>, connector: string) {
    this.#meters = Meters.of(registry);
    this.#connector = connector;
    this.#progress = Progress.of(registry).begin(connector);
    this.#retire = this.#meters.storeEvents.add(connector, sink);
  }

  settle(topic: string, { total, skipped, poison }: ChunkOutcome): void {
    const connector = this.#connector;
    const { taken, stored, skipped: skippedTotal, deadLettered } = this.#meters;
    let written = total;
    for (const [reason, count] of Object.entries(skipped) as [SkipReason, number][]) {
      skippedTotal.inc({ connector, topic, reason }, count);
      written -= count;
    }
    for (const [code, count] of poison) {
      deadLettered.inc({ connector, topic, code }, count);
      written -= count;
    }
    taken.inc({ connector, topic }, total);
    stored.inc({ connector, topic }, written);
  }

  retried(code: ErrorCode): void {
    this.#meters.retries.inc({ connector: this.#connector, code });
  }

  wrote(seconds: number): void {
    this.#meters.writeSeconds.observe({ connector: this.#connector }, seconds);
  }

  lag(topic: string, partition: number, records: bigint): void {
    this.#meters.lag.set({ connector: this.#connector, topic, partition: String(partition) }, Number(records));
  }

  /** The group has shared its partitions: what is said here of those of before is old. */
  joined(): void {
    this.#progress.joined();
    this.#meters.forgetLag(this.#connector);
  }

  committed(): void {
    this.#progress.committed();
  }

  /** A batch is in hand until what this returns is called: how long is shown while it goes on. */
  take(): () => void {
    return this.#progress.take();
  }

  /** What the sink counted stays in the sum. */
  close(): void {
    this.#retire();
    this.#progress.end();
    this.#meters.forgetLag(this.#connector);
  }

  /** A connector is gone: so that names which come and go do not add up. */
  static forget(registry: Registry, connector: string): void {
    Meters.of(registry).forget(connector);
    Progress.of(registry).forget(connector);
  }
}

const PREFIX = 'zeelos_connector_';

/** The metrics of all connectors of a process. */
class Meters {
  static readonly #byRegistry = new WeakMap<Registry, Meters>();
  readonly taken: Counter<'connector' | 'topic'>;
  readonly stored: Counter<'connector' | 'topic'>;
  readonly skipped: Counter<'connector' | 'topic' | 'reason'>;
  readonly deadLettered: Counter<'connector' | 'topic' | 'code'>;
  readonly retries: Counter<'connector' | 'code'>;
  readonly lag: Gauge<'connector' | 'topic' | 'partition'>;
  readonly writeSeconds: Histogram<'connector'>;
  readonly storeEvents: StoreEvents;

  private constructor(registry: Registry) {
    const counter = <L extends string>(name: string, help: string, ...labelNames: readonly L[]) =>
      new Counter<L>({ name: PREFIX + name, help, labelNames: [...labelNames], registers: [registry] });
    this.taken = counter('records_in_total', 'records taken from Kafka', 'connector', 'topic');
    this.stored = counter('records_written_total', 'records in the store', 'connector', 'topic');
    this.skipped = counter(
      'records_skipped_total',
      'records that leave nothing in the store, by reason',
      ...(['connector', 'topic', 'reason'] as const),
    );
    this.deadLettered = counter(
      'records_dead_lettered_total',
      'records set aside in <topic>.dlq, by error code',
      ...(['connector', 'topic', 'code'] as const),
    );
    this.retries = counter(
      'retries_total',
      'attempts that failed in a retriable way, by error code',
      'connector',
      'code',
    );
    this.lag = new Gauge({
      name: `${PREFIX}lag_records`,
      help: 'records that wait in Kafka after the last one stored',
      labelNames: ['connector', 'topic', 'partition'] as const,
      registers: [registry],
    });
    this.writeSeconds = new Histogram({
      name: `${PREFIX}write_seconds`,
      help: 'duration of one successful write to the store, in seconds',
      labelNames: ['connector'] as const,
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
      registers: [registry],
    });
    this.storeEvents = new StoreEvents(registry);
  }

  static of(registry: Registry): Meters {
    const meters = Meters.#byRegistry.get(registry) ?? new Meters(registry);
    Meters.#byRegistry.set(registry, meters);
    return meters;
  }

  forgetLag(connector: string): void {
    removeOf(this.lag, connector);
  }

  forget(connector: string): void {
    const { taken, stored, skipped, deadLettered, retries, lag, writeSeconds } = this;
    for (const metric of [taken, stored, skipped, deadLettered, retries, lag, writeSeconds])
      removeOf(metric, connector);
    this.storeEvents.forget(connector);
  }
}

/** prom-client has no way to ask for the label sets of a metric. */
function removeOf(metric: object, connector: string): void {
  const { hashMap, remove } = metric as {
    hashMap: Record<string, { labels: Record<string, string> }>;
    remove(labels: Record<string, string>): void;
  };
  for (const { labels } of Object.values(hashMap)) if (labels.connector === connector) remove.call(metric, labels);
}

/** What the sinks count themselves: of those that run, and what those that ended have left. */
class StoreEvents {
  readonly #running = new Set<{ readonly connector: string; readonly sink: Pick<Sink, 'counters'> }>();
  readonly #ended = new Map<string, Map<string, number>>();

  constructor(registry: Registry) {
    const totals = () => this.#totals();
    const counter = new Counter({
      name: `${PREFIX}store_events_total`,
      help: 'what the mapping to the store wrote or left out, by kind',
      labelNames: ['connector', 'kind'] as const,
      registers: [registry],
      collect() {
        counter.reset();
        for (const [connector, kinds] of totals())
          for (const [kind, count] of kinds) counter.inc({ connector, kind }, count);
      },
    });
  }

  add(connector: string, sink: Pick<Sink, 'counters'>): () => void {
    const one = { connector, sink };
    this.#running.add(one);
    return () => {
      if (this.#running.delete(one)) addCounts(this.#ended, connector, sink.counters);
    };
  }

  forget(connector: string): void {
    this.#ended.delete(connector);
  }

  #totals(): ReadonlyMap<string, ReadonlyMap<string, number>> {
    const totals = new Map([...this.#ended].map(([connector, kinds]) => [connector, new Map(kinds)]));
    for (const { connector, sink } of this.#running) addCounts(totals, connector, sink.counters);
    return totals;
  }
}

function addCounts(
  totals: Map<string, Map<string, number>>,
  connector: string,
  counts: Readonly<Record<string, number>>,
): void {
  const kinds = totals.get(connector) ?? new Map<string, number>();
  totals.set(connector, kinds);
  for (const [kind, count] of Object.entries(counts)) kinds.set(kind, (kinds.get(kind) ?? 0) + count);
}
