import type { Histogram, Registry } from 'prom-client';

/** Upper bounds in seconds: from what Kafka on the same machine takes to what a device behind a slow radio may take. */
export const COMMIT_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30];
export const COMMAND_BUCKETS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 600];

/** Durations in buckets: noted as plain numbers, made into a histogram when the metrics are asked for. */
export class Latencies {
  readonly #bounds: readonly number[];
  /** One more than the bounds: the last takes what is longer. */
  readonly #counts: number[];
  #sumSeconds = 0;

  /** @param bounds in seconds, rising */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  note(ms: number): void {
    const seconds = Math.max(0, ms) / 1_000;
    let bucket = 0;
    while (bucket < this.#bounds.length && seconds > this.#bounds[bucket]!) bucket++;
    this.#counts[bucket]!++;
    this.#sumSeconds += seconds;
  }

  /** As Prometheus has it: each bucket counts what is in those before it too. */
  read(): { readonly buckets: readonly (readonly [number, number])[]; readonly sum: number; readonly count: number } {
    let count = 0;
    const buckets = this.#bounds.map((bound, index) => {
      count += this.#counts[index]!;
      return [bound, count] as const;
    });
    return { buckets, sum: this.#sumSeconds, count: count + this.#counts.at(-1)! };
  }

  /** prom-client's own histogram would be told of each duration; this one is asked when the metrics are. */
  expose(registry: Registry, name: string, help: string): void {
    const get = async () => {
      const { buckets, sum, count } = this.read();
      const values = [
        ...buckets.map(([le, value]) => ({ metricName: `${name}_bucket`, labels: { le }, value })),
        { metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: count },
        { metricName: `${name}_sum`, labels: {}, value: sum },
        { metricName: `${name}_count`, labels: {}, value: count },
      ];
      return { name, help, type: 'histogram', aggregator: 'sum', values };
    };
    registry.registerMetric({ name, get } as unknown as Histogram);
  }
}
