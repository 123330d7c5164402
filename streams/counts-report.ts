import { Gauge, type Registry } from 'prom-client';
import type { Log } from '../common/log.ts';
import { largest, type MinuteCounts } from './analyses/counts.ts';

/** Names that are told of a minute, in the log and as labels; the others are summed up. A fleet of any size has so many labels. */
export const REPORTED_NAMES = 20;
const OTHERS = '(others)';

/** Prints what a minute came to, and shows the last one as metrics. */
export class CountsReport {
  readonly #log: Log;
  #latest: MinuteCounts | undefined;

  constructor(log: Log, registry: Registry) {
    this.#log = log;
    this.#gauge(registry, 'endpoint', 'records of the last minute by endpoint', (minute) => minute.endpoints);
    this.#gauge(registry, 'path', 'records of the last minute by endpoint and path', (minute) => minute.paths);
  }

  report(minute: MinuteCounts): void {
    if (this.#latest === undefined || minute.startMs >= this.#latest.startMs) this.#latest = minute;
    const { startMs, records, endpoints, paths } = minute;
    const most = {
      endpoints: Object.fromEntries(largest(endpoints, REPORTED_NAMES)),
      paths: Object.fromEntries(largest(paths, REPORTED_NAMES)),
    };
    const sizes = { endpoints: endpoints.size, paths: paths.size };
    this.#log.info({ minute: new Date(startMs).toISOString(), records, ...sizes, most }, 'records of a minute');
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
        if (this.#latest === undefined) return;
        let others = this.#latest.records;
        for (const [name, count] of largest(of(this.#latest), REPORTED_NAMES)) {
          gauge.set({ [label]: name }, count);
          others -= count;
        }
        gauge.set({ [label]: OTHERS }, others);
      },
    });
  }
}
