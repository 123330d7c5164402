import type { Aggregate, ClosedWindow } from '../windowed-task.ts';

export interface Count {
  count: number;
}

/** The records of one minute, of one partition. */
export interface MinuteCounts {
  readonly startMs: number;
  readonly records: number;
  readonly endpoints: ReadonlyMap<string, number>;
  /** By `<endpoint>.<path>`. */
  readonly paths: ReadonlyMap<string, number>;
}

export const COUNT_WINDOW_MS = 60_000;
const STATE_BYTES = 8;

/**
 * Counts the records of each endpoint and path; those of the endpoint are their sum. It writes no records: what a minute came to is
 * told when it closes, and again if the process dies before that is committed.
 */
export function counts(report: (minute: MinuteCounts) => void): Aggregate<Count> {
  return {
    keyedBy: 'endpoint and path',
    skips: () => undefined,
    create: () => ({ count: 0 }),
    update(state) {
      state.count++;
      return true;
    },
    encode({ count }) {
      const bytes = Buffer.allocUnsafe(STATE_BYTES);
      bytes.writeDoubleBE(count);
      return bytes;
    },
    decode(bytes) {
      if (bytes.length !== STATE_BYTES) throw new RangeError('no state of a count');
      return { count: bytes.readDoubleBE(0) };
    },
    emit: () => undefined,
    onClosed: (window) => report(minuteOf(window)),
  };
}

function minuteOf({ startMs, results }: ClosedWindow<Count>): MinuteCounts {
  const endpoints = new Map<string, number>();
  const paths = new Map<string, number>();
  let records = 0;
  for (const { ep, path, state } of results) {
    records += state.count;
    endpoints.set(ep, (endpoints.get(ep) ?? 0) + state.count);
    paths.set(`${ep}.${path}`, state.count);
  }
  return { startMs, records, endpoints, paths };
}

/** The largest counts, largest first, equal ones by name. */
export function largest(of: ReadonlyMap<string, number>, most: number): readonly (readonly [string, number])[] {
  return [...of].sort(([name, one], [other, two]) => two - one || (name < other ? -1 : 1)).slice(0, most);
}
