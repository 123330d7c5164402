import type { ObservationView } from './observation-view.ts';

/** Why an observation leaves no trace in a result although nothing is wrong with it as a record. Labels of a metric: the list is closed. */
export const SKIP_REASONS = {
  late: 'its windows were closed before it came',
  from_future: 'its time lies more than an hour ahead of its record',
  not_numeric: 'its value is no number, or not a finite one',
  not_single: 'it holds several values, which this analysis does not look into',
  no_value: 'it holds no value: the device answered with an error',
  state_full: 'the limit of keys is reached and there is no older window to close',
  out_of_order: 'a newer value of the same resource was seen before',
  too_long: 'its names, or what would be kept or made of it, are longer than any of a device',
  tombstone: 'it is a record without a value',
} as const;
export type SkipReason = keyof typeof SKIP_REASONS;
export type Skips = Record<SkipReason, number>;

export function noSkips(): Skips {
  return Object.fromEntries(Object.keys(SKIP_REASONS).map((reason) => [reason, 0])) as Skips;
}

/** A device whose clock is ahead by more than this is wrong: its values would stand until the clock of the others gets there. */
export const FUTURE_LIMIT_MS = 3_600_000;

/** Endpoint name and path together, in bytes: with the limit of keys it bounds the memory. */
const NAMES_LIMIT_BYTES = 1_024;

export function isLongNamed({ epStart, epEnd, pathStart, pathEnd }: ObservationView): boolean {
  return epEnd - epStart + pathEnd - pathStart > NAMES_LIMIT_BYTES;
}

/** Takes what a task has to say; all of one flush is committed together with the input it comes from. */
export interface Emitter {
  /** To the topic of the analysis. */
  output(key: Buffer, value: Buffer): void;
  /** To the changelog; null forgets the key. */
  change(key: Buffer, value: Buffer | null): void;
}

/** How far a task is in the time of its records; kept with its offset, so that a restart calls the same records late. */
export interface TaskClock {
  /** The latest time seen, ms since 1970. */
  readonly streamTimeMs: number;
  /** Windows that begin up to here were closed before their time, for want of room. */
  readonly closedThroughMs: number;
}

/**
 * An analysis of one input partition. It knows nothing of Kafka: it is given observations in the order of the partition, and asked from
 * time to time for what came of them. The same records in the same order must give the same results.
 */
export interface StreamTask {
  /** @param recordTimeMs timestamp of the record: when the gateway wrote it */
  process(observation: ObservationView, recordTimeMs: number): void;
  /** Called about once a second while there is nothing left to read, with the clock of the machine. */
  tick(nowMs: number): void;
  /** Everything new since the last call. */
  flush(out: Emitter): void;
  /** One record of the changelog, before anything else; null forgets. Its bytes are lent. Throws at what no flush can have written. */
  restore(key: Buffer, value: Buffer | null): void;
  clock: TaskClock;
  /** What the state is a state of: that of another form cannot be gone on with. Empty where it does not matter. */
  readonly form: string;
  readonly skips: Skips;
  /** Keys that are held. */
  readonly entries: number;
  /** What the next flush will have to say, roughly, in records: bounds the memory between two flushes. */
  readonly unflushed: number;
}
