import { Counter, Gauge, type Registry } from 'prom-client';
import type { ErrorCode } from '../common/errors.ts';
import { noSkips, type SkipReason, type Skips, type StreamTask } from './stream-task.ts';

/** What this worker counts of one partition, over all its tasks there; shown when it is asked for, so that a record costs no call. */
export class PartitionFigures {
  records = 0;
  outputs = 0;
  changes = 0;
  commits = 0;
  restored = 0;
  restoreSeconds = 0;
  lag = 0;
  readonly poison = new Map<ErrorCode, number>();
  isRunning = false;
  readonly #earlier = noSkips();
  #task: StreamTask | undefined;

  /** A task that ends leaves its counts behind: the next one counts from nothing. */
  set task(task: StreamTask | undefined) {
    addTo(this.#earlier, this.#task?.skips);
    this.#task = task;
  }

  /** @returns how many with this code there were before */
  countPoison(code: ErrorCode, count: number): number {
    const before = this.poison.get(code) ?? 0;
    this.poison.set(code, before + count);
    return before;
  }

  get entries(): number {
    return this.isRunning ? (this.#task?.entries ?? 0) : 0;
  }

  get skips(): Skips {
    const sum = { ...this.#earlier };
    addTo(sum, this.#task?.skips);
    return sum;
  }
}

function addTo(sum: Skips, more: Skips | undefined): void {
  for (const [reason, count] of Object.entries(more ?? {}) as [SkipReason, number][]) sum[reason] += count;
}

/** Labels are bounded: partitions of one topic, the closed list of reasons, error codes. */
export class StreamMetrics {
  readonly #partitions = new Map<number, PartitionFigures>();

  constructor(registry: Registry) {
    this.#counter(registry, 'records_in_total', 'records read, by partition', (f) => f.records);
    this.#counter(registry, 'records_out_total', 'results written and committed', (f) => f.outputs);
    this.#counter(registry, 'changelog_records_total', 'records written to the changelog', (f) => f.changes);
    this.#counter(registry, 'commits_total', 'transactions committed', (f) => f.commits);
    this.#counter(registry, 'restored_records_total', 'records read from the changelog', (f) => f.restored);
    this.#gauge(registry, 'restore_seconds', 'what the last restoring took, in seconds', (f) => f.restoreSeconds);
    this.#gauge(registry, 'lag_records', 'committed records that are not read yet', (f) => f.lag);
    this.#gauge(registry, 'state_entries', 'keys that are held', (f) => f.entries);
    this.#gauge(registry, 'tasks_running', 'partitions that this worker reads now', (f) => Number(f.isRunning));
    const skipped = new Counter({
      name: 'zeelos_stream_records_skipped_total',
      help: 'records that leave no trace in a result, by reason',
      labelNames: ['partition', 'reason'] as const,
      registers: [registry],
      collect: () => {
        skipped.reset();
        for (const [partition, figures] of this.#partitions) {
          for (const [reason, count] of Object.entries(figures.skips) as [SkipReason, number][])
            skipped.inc({ partition: String(partition), reason }, count);
        }
      },
    });
    const poison = new Counter({
      name: 'zeelos_stream_records_unreadable_total',
      help: 'records that cannot be read, by error code',
      labelNames: ['partition', 'code'] as const,
      registers: [registry],
      collect: () => {
        poison.reset();
        for (const [partition, figures] of this.#partitions)
          for (const [code, count] of figures.poison) poison.inc({ partition: String(partition), code }, count);
      },
    });
  }

  figuresOf(partition: number): PartitionFigures {
    let figures = this.#partitions.get(partition);
    if (figures === undefined) {
      figures = new PartitionFigures();
      this.#partitions.set(partition, figures);
    }
    return figures;
  }

  #counter(registry: Registry, name: string, help: string, of: (figures: PartitionFigures) => number): void {
    const counter: Counter<'partition'> = new Counter({
      name: `zeelos_stream_${name}`,
      help,
      labelNames: ['partition'] as const,
      registers: [registry],
      collect: () => {
        counter.reset();
        for (const [partition, figures] of this.#partitions) counter.inc({ partition: String(partition) }, of(figures));
      },
    });
  }

  #gauge(registry: Registry, name: string, help: string, of: (figures: PartitionFigures) => number): void {
    const gauge: Gauge<'partition'> = new Gauge({
      name: `zeelos_stream_${name}`,
      help,
      labelNames: ['partition'] as const,
      registers: [registry],
      collect: () => {
        for (const [partition, figures] of this.#partitions) gauge.set({ partition: String(partition) }, of(figures));
      },
    });
  }
}
