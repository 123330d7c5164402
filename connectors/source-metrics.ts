import { Counter, Gauge, type Registry } from 'prom-client';
import { Progress, type TaskProgress } from './progress.ts';

interface SourceMeters {
  readonly rows: Counter<'connector'>;
  readonly behind: Gauge<'connector'>;
}

const byRegistry = new WeakMap<Registry, SourceMeters>();

/** What a source has read; the sources of a process share one registry. */
export class SourceMetrics {
  readonly #meters: SourceMeters;
  readonly #connector: string;
  readonly #progress: TaskProgress;

  constructor(registry: Registry, connector: string) {
    this.#connector = connector;
    this.#progress = Progress.of(registry).begin(connector);
    this.#meters = byRegistry.get(registry) ?? makeMeters(registry);
    byRegistry.set(registry, this.#meters);
  }

  /** @param behindMs how old the end of the round is */
  round(rows: number, behindMs: number): void {
    this.#meters.rows.inc({ connector: this.#connector }, rows);
    this.#meters.behind.set({ connector: this.#connector }, behindMs / 1_000);
    this.#progress.committed();
  }

  close(): void {
    this.#progress.end();
    this.#meters.behind.remove({ connector: this.#connector });
  }

  static forget(registry: Registry, connector: string): void {
    const meters = byRegistry.get(registry);
    meters?.rows.remove({ connector });
    meters?.behind.remove({ connector });
  }
}

function makeMeters(registry: Registry): SourceMeters {
  const labelNames = ['connector'] as const;
  const registers = [registry];
  return {
    rows: new Counter({
      name: 'zeelos_connector_source_records_total',
      help: 'records that a source has written to its topic',
      labelNames,
      registers,
    }),
    behind: new Gauge({
      name: 'zeelos_connector_source_behind_seconds',
      help: 'age of the end of the last round of a source, in seconds',
      labelNames,
      registers,
    }),
  };
}
