import { PlatformError } from '../../common/errors.ts';
import { AbortedTransactions } from '../../common/kafka/batch/aborted.ts';
import { BatchBuilder } from '../../common/kafka/batch/builder.ts';
import { COMPRESSIONS, type Compression, decompress } from '../../common/kafka/batch/compression.ts';
import { corruptBatch } from '../../common/kafka/batch/corrupt.ts';
import { BatchCursor, LENGTH_AT, LENGTH_COUNTS_FROM } from '../../common/kafka/batch/cursor.ts';
import { needsReencoding } from '../../common/kafka/batch/readdress.ts';
import { patchSchemaIds } from '../../common/kafka/batch/schema-ids.ts';
import type { FetchedPartition } from '../wire/requests/fetch.ts';
import type { BatchToSend } from './lane-producer.ts';
import type { SchemaTranslation } from './schema-translation.ts';
import type { SourcePartition } from './source-partition.ts';

/**
 * How a batch was copied: `raw` as it was; `coalesce` many small ones as one, or an uncompressed one compressed; `translate` with
 * other schema ids; `record` written anew record by record, because as it was the target would refuse it.
 */
export const MODES = ['raw', 'coalesce', 'translate', 'record'] as const;
export type Mode = (typeof MODES)[number];

export interface RelayedBatch extends BatchToSend {
  readonly mode: Mode;
  /** Latest timestamp of its records: ms since 1970, approximate beyond 2^53. */
  readonly maxTimestampMs: number;
  /** Offset at the source behind its last record. */
  readonly nextOffset: number;
}

export interface Relayed {
  /** In order; what is compressed is still on its way. */
  readonly batches: readonly (RelayedBatch | Promise<RelayedBatch>)[];
  /** Where to go on, and the leader epoch of what is before that. */
  readonly nextOffset: number;
  readonly epoch: number;
  readonly records: number;
  /** Why it did not get further: the batch at `nextOffset` cannot be copied. */
  readonly fault: PlatformError | undefined;
}

export interface RelayOptions {
  /** Codec for what is not relayed raw. */
  readonly compression: Compression;
  /** Undefined when ids are equal on both sides. */
  readonly translation: SchemaTranslation | undefined;
}

/** Batches that are smaller on average are drawn together. */
const COALESCE_BELOW_BYTES = 16 * 1024;
/** One that is alone is not worth compressing below this: a command goes as it is. */
const COMPRESS_FROM_BYTES = 1024;
/** Uncompressed records of one batch: also when they do not shrink it stays below what topics take by default (1 MiB). */
const BUILT_BYTES = 900_000;
/** The same after the target found a batch too large. */
const SMALL_BYTES = 100_000;

/** Where a batch is rewritten when it is sent; until then it is from nobody. */
const NOBODY = { producerId: -1n, producerEpoch: -1, baseSequence: 0, transactional: false };

/** Makes of what was fetched the batches for the target, in the cheapest way that each allows. */
export class Relay {
  readonly #o: RelayOptions;
  readonly #cursor = new BatchCursor();
  readonly #aborted = new AbortedTransactions();
  readonly #builders: Readonly<Record<SourcePartition['caution'], BatchBuilder>>;

  constructor(options: RelayOptions) {
    this.#o = options;
    const builder = (limitBytes: number) => new BatchBuilder({ limitBytes, compression: options.compression });
    this.#builders = { none: builder(BUILT_BYTES), small: builder(SMALL_BYTES), single: builder(1) };
  }

  /**
   * One call at a time. The bytes are the relay's from now on. Faults: RECORD_BATCH_CORRUPT, REGISTRY_REFUSED, REGISTRY_UNAVAILABLE.
   */
  async relay(partition: SourcePartition, fetched: Pick<FetchedPartition, 'records' | 'aborted'>): Promise<Relayed> {
    const pass = new Pass(partition, this.#builders[partition.caution]);
    try {
      await this.#relay(fetched, pass);
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      pass.fault = error;
    }
    pass.flush();
    return pass;
  }

  async #relay(fetched: Pick<FetchedPartition, 'records' | 'aborted'>, pass: Pass): Promise<void> {
    const { partition } = pass;
    const cursor = this.#cursor;
    const aborted = this.#aborted;
    const isSmall = areSmall(fetched.records);
    cursor.reset(fetched.records);
    aborted.reset(fetched.aborted);
    while (cursor.next()) {
      const isAborted = aborted.isAborted(cursor);
      if (cursor.lastOffset < pass.nextOffset) continue;
      if (!cursor.isControl && !isAborted && cursor.recordCount > 0) {
        const mode = this.#modeOf(cursor, partition, isSmall, pass.nextOffset);
        if (mode === 'raw') pass.raw(cursor);
        else {
          this.#assertSound(cursor);
          // By the thousand these are small and plain: none of them costs a promise or a view.
          if (cursor.compression === 0 && this.#isTranslated(cursor, partition)) take(cursor, pass, mode);
          else await this.#rebuild(cursor, pass, mode);
        }
        if (pass.nextOffset >= partition.stopBefore) return;
      }
      pass.behind(cursor);
    }
  }

  #modeOf(cursor: BatchCursor, { caution }: SourcePartition, isSmall: boolean, nextOffset: number): Mode {
    if (caution !== 'none' || needsReencoding(cursor) || cursor.baseOffset < nextOffset) return 'record';
    if (this.#o.translation !== undefined) return 'translate';
    if (isSmall) return 'coalesce';
    const isBare = cursor.compression === 0 && cursor.end - cursor.start >= COMPRESS_FROM_BYTES;
    return isBare && this.#o.compression !== 'none' ? 'coalesce' : 'raw';
  }

  /** The checksum ends here, where the records get into another batch. */
  #assertSound(cursor: BatchCursor): void {
    const { start, end, baseOffset } = cursor;
    if (cursor.magic < 2) throw corruptBatch(`the record at offset ${baseOffset} is in a format of before 2017`);
    if (!cursor.verify())
      throw corruptBatch(`the batch at offset ${baseOffset}, bytes ${start} to ${end}, has a wrong checksum`);
  }

  /** Of an uncompressed batch, in place; false when an id must be found out first, and then nothing has been changed. */
  #isTranslated({ bytes, recordsStart, end, recordCount }: BatchCursor, { topic }: SourcePartition): boolean {
    const ids = this.#o.translation?.idsFor(topic);
    return ids === undefined || patchSchemaIds(bytes, recordsStart, end, recordCount, ids) === undefined;
  }

  async #rebuild(cursor: BatchCursor, pass: Pass, mode: Mode): Promise<void> {
    const codec = COMPRESSIONS[cursor.compression]!;
    const packed = cursor.bytes.subarray(cursor.recordsStart, cursor.end);
    const records = codec === 'none' ? packed : await decompress(codec, packed);
    if (this.#o.translation !== undefined) await this.#translate(cursor, pass, records);
    take(cursor, pass, mode, records);
  }

  async #translate(cursor: BatchCursor, { partition }: Pass, records: Buffer): Promise<void> {
    const translation = this.#o.translation!;
    const { topic } = partition;
    const ids = translation.idsFor(topic);
    for (;;) {
      const unknown = patchSchemaIds(records, 0, records.length, cursor.recordCount, ids);
      if (unknown === undefined) return;
      await translation.learn(topic, unknown);
    }
  }
}

/** @param records the uncompressed section of a batch that is compressed */
function take(cursor: BatchCursor, pass: Pass, mode: Mode, records?: Buffer): void {
  const { builder, partition } = pass;
  const { lastOffset } = cursor;
  for (let from = Math.max(pass.nextOffset, cursor.baseOffset); from <= lastOffset; from = builder.nextOffset) {
    if (from >= partition.stopBefore) {
      pass.nextOffset = from;
      return;
    }
    if (builder.addBatch(cursor, from, records) > 0) pass.took(mode);
    if (builder.nextOffset <= lastOffset) pass.flush();
  }
}

/** What comes of one answer for one partition. */
class Pass implements Relayed {
  readonly partition: SourcePartition;
  readonly builder: BatchBuilder;
  readonly batches: (RelayedBatch | Promise<RelayedBatch>)[] = [];
  nextOffset: number;
  epoch: number;
  records = 0;
  fault: PlatformError | undefined = undefined;
  #mode: Mode = 'coalesce';

  constructor(partition: SourcePartition, builder: BatchBuilder) {
    this.partition = partition;
    this.builder = builder;
    this.nextOffset = partition.fetchOffset;
    this.epoch = partition.lastEpoch;
  }

  behind(cursor: BatchCursor): void {
    this.nextOffset = cursor.lastOffset + 1;
    this.epoch = cursor.leaderEpoch;
  }

  raw(cursor: BatchCursor): void {
    this.flush();
    const { topic, partition } = this.partition;
    this.records += cursor.recordCount;
    this.batches.push({
      topic,
      partition,
      bytes: cursor.bytes.subarray(cursor.start, cursor.end),
      records: cursor.recordCount,
      mode: 'raw',
      maxTimestampMs: cursor.maxTimestampMs,
      nextOffset: cursor.lastOffset + 1,
    });
  }

  /** The builder took some of a batch that is copied in this mode. */
  took(mode: Mode): void {
    if (mode !== 'coalesce') this.#mode = mode;
  }

  flush(): void {
    const { builder } = this;
    if (builder.count === 0) return;
    const { topic, partition } = this.partition;
    const { count: records, nextOffset } = builder;
    const maxTimestampMs = Number(builder.maxTimestamp);
    const mode = this.#mode;
    this.#mode = 'coalesce';
    this.records += records;
    const made = builder.finish(NOBODY).then((bytes) => ({
      ...{ topic, partition, bytes, records, mode, maxTimestampMs, nextOffset },
    }));
    // Whoever waits for it is told; this only says that somebody will.
    made.catch(() => undefined);
    this.batches.push(made);
  }
}

/** Whether they are several and small: only their lengths are looked at. */
function areSmall(records: Buffer): boolean {
  let count = 0;
  let at = 0;
  while (at + LENGTH_COUNTS_FROM <= records.length) {
    const length = records.readInt32BE(at + LENGTH_AT);
    if (length < 0 || at + LENGTH_COUNTS_FROM + length > records.length) break;
    at += LENGTH_COUNTS_FROM + length;
    count++;
  }
  return count > 1 && at / count < COALESCE_BELOW_BYTES;
}
