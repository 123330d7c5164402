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

/** What `take` says of a record besides the number of points that it made. */
export const TAKEN = {
  /** It is read, and leaves nothing in the store. */
  nothing: 0,
  /** Not taken: the decoded record must tell what is to be done. */
  needsDecoder: -1,
  /** Not taken: the schema is to be learnt first. */
  unknownSchema: -2,
} as const;

/** Records of one partition on their way to the store, in the store's own form. */
export interface ByteChunk {
  /** A framed record as it lies in the bytes: how many points it made, or one of TAKEN. */
  take(
    bytes: Buffer,
    start: number,
    end: number,
    place: { readonly offset: number; readonly timestamp: number },
  ): number;
  readonly isEmpty: boolean;
  /** To be written before more is taken. */
  readonly isFull: boolean;
}

/** A sink that takes most records from the bytes that Kafka holds, without an object for each; the others come to `write`. */
export interface ByteSink extends Sink {
  /** How many chunks it writes at once. */
  readonly chunksAtOnce: number;
  openChunk(topic: string, partition: number): ByteChunk;
  /** From now on chunks take records of this schema, if the mapping can do that. */
  learn(topic: string, from: SinkValue['from'], schema: WriterSchema): void;
  /** As `write`. After a failure the chunk is as it was, for another attempt. */
  writeChunk(chunk: ByteChunk, signal: AbortSignal): Promise<void>;
  /** It was written, or nothing is in it: its memory may be used again. */
  release(chunk: ByteChunk): void;
}

export function isByteSink(sink: Sink): sink is ByteSink {
  return 'openChunk' in sink;
}
