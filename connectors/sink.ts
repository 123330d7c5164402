import type { WriterSchema } from '../common/records.ts';
import type { AvroRegistrationResponse, AvroResponse, AvroResponseObserve } from '../schemas/generated/records.ts';

/** A decoded record, by the row of the topic table it came from. */
export type SinkValue =
  | { readonly from: 'observations'; readonly value: AvroResponseObserve }
  | { readonly from: 'replies'; readonly value: AvroResponse }
  | { readonly from: 'registrations'; readonly value: AvroRegistrationResponse }
  /** Of any topic, for a sink that maps by KCQL. */
  | { readonly from: 'any'; readonly value: unknown; readonly schema: WriterSchema };

export type SinkTopic = Exclude<SinkValue['from'], 'any'>;
export type SinkRecord = SinkValue & {
  readonly topic: string;
  /** Where the record first stood: one that was replayed from the dead letters keeps its place. */
  readonly partition: number;
  readonly offset: string;
  /** ms since 1970, the record's own in its topic. */
  readonly timestampMs: number;
};

/** Why a record leaves nothing in the store although nothing is wrong with it. Labels of a metric, so the list is closed. */
export const SKIP_REASONS = {
  tombstone: 'the record has no value',
  no_field: 'none of the selected fields has a value',
  dropped: 'the store failed and the error policy is NOOP',
  not_finite: 'every value in it is NaN or infinite, which the store cannot hold',
  stale: 'the store already knows something newer of this endpoint',
  unknown_endpoint: 'it ends a registration that the store has never seen',
} as const;
export type SkipReason = keyof typeof SKIP_REASONS;

/** How many records of a batch were skipped, by reason; the others are in the store. */
export type Skips = Partial<Record<SkipReason, number>>;

/**
 * A store that takes batches from Kafka. The runner owns retries, offsets and dead letters; a sink only writes.
 * Errors: a retriable code when the store cannot be used now, anything else when the batch holds something it refuses for good;
 * the runner then halves the batch until the culprit stands alone.
 */
export interface Sink {
  /** Opens the store and prepares it. Called before the first write, and again, with growing pauses, after a retriable failure. */
  connect(signal: AbortSignal): Promise<void>;
  /**
   * Resolves once every record is durable or skipped. Writing the same records again changes nothing.
   * When the signal is aborted it throws soon, even if the store hangs.
   */
  write(batch: readonly SinkRecord[], signal: AbortSignal): Promise<Skips>;
  /** Also fine when never connected. */
  close(): Promise<void>;
  /** Counts of what the store's mapping left out, by fixed names; shown as a metric. */
  readonly counters: Readonly<Record<string, number>>;
}
