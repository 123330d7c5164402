import { Gauge, type Registry } from 'prom-client';
import type { Log } from '../common/log.ts';
import { largest, type MinuteCounts } from './analyses/counts.ts';

/** Names that are told of a minute, in the log and as labels; the others are summed up. A fleet of any size has so many labels. */
export const REPORTED_NAMES = 20;
const OTHERS = '(others)';

/** Prints what a minute of a partition came to, and shows the last one as metrics: the partitions of this worker together. */
export class CountsReport {
  readonly #log: Log;
  /** By partition. */
  readonly #latest = new Map<number, MinuteCounts>();

  constructor(log: Log, registry: Registry) {
    this.#log = log;
    this.#gauge(registry, 'endpoint', 'records of the last minute by endpoint', (minute) => minute.endpoints);
    this.#gauge(registry, 'path', 'records of the last minute by endpoint and path', (minute) => minute.paths);
  }

  report(partition: number, minute: MinuteCounts): void {
    const before = this.#latest.get(partition);
    if (before === undefined || minute.startMs >= before.startMs) this.#latest.set(partition, minute);
    const { startMs, records, endpoints, paths } = minute;
    const most = {
      endpoints: Object.fromEntries(largest(endpoints, REPORTED_NAMES)),
      paths: Object.fromEntries(largest(paths, REPORTED_NAMES)),
    };
    const sizes = { endpoints: endpoints.size, paths: paths.size };
    this.#log.info(
      { partition, minute: new Date(startMs).toISOString(), records, ...sizes, most },
      'records of a minute',
    );
  }

  /** Of partitions that lie behind, or belong to another worker by now, an older minute may be the last. */
  #lastMinutes(): readonly MinuteCounts[] {
    const all = [...this.#latest.values()];
    const last = Math.max(...all.map(({ startMs }) => startMs));
    return all.filter(({ startMs }) => startMs === last);
  }

  #gauge(
    registry: Registry,
    label: 'endpoint' | 'path',
    help: string,
    of: (minute: MinuteCounts) => ReadonlyMap<string, number>,
  ): void {
    const gauge = new Gauge({
      name: `zeelos_stream_minute_records_by_${label}`,
      help: `${help}; the ${REPORTED_NAMES} largest, the others together`,
      labelNames: [label],
      registers: [registry],
      collect: () => {
        gauge.reset();
        if (this.#latest.size === 0) return;
        const minutes = this.#lastMinutes();
        const together = new Map(minutes.flatMap((minute) => largest(of(minute), REPORTED_NAMES)));
        let others = minutes.reduce((sum, { records }) => sum + records, 0);
        for (const [name, count] of largest(together, REPORTED_NAMES)) {
          gauge.set({ [label]: name }, count);
          others -= count;
        }
        gauge.set({ [label]: OTHERS }, others);
      },
    });
  }
}
