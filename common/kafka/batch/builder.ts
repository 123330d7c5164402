import { PlatformError } from '../../errors.ts';
import { encodeBatch } from '../record-batch.ts';
import { copyBytes } from './byte-copy.ts';
import { COMPRESSIONS, type Compression, compress } from './compression.ts';
import { corruptBatch } from './corrupt.ts';
import { ATTRIBUTE, type BatchCursor } from './cursor.ts';
import { MemoryPool } from './memory-pool.ts';
import type { BatchAddress } from './readdress.ts';
import { RecordCursor } from './records.ts';
import { varintLength, varlongLength, writeVarint, writeVarlong, zigzag, zigzag64 } from './varint.ts';

export interface BuilderOptions {
  /** Bytes of uncompressed records in a batch; a single record that is larger makes a batch of its own. */
  readonly limitBytes: number;
  readonly compression: Compression;
}

/** Below this a number of milliseconds is exact, and so are the sum and the difference of two. */
const NEAR = 2 ** 52;
/** A body below this is not worth compressing: the batch's header alone has 61 bytes. */
const LEAST_COMPRESSED_BYTES = 128;

const memories = new MemoryPool();
const records = new RecordCursor();

/**
 * Makes one batch out of the records of many of the same partition: keys, values, headers and timestamps as they are, offsets one
 * after another. Memory is taken with the first record and given back when the batch is finished.
 */
export class BatchBuilder {
  /** Records in it. */
  count = 0;
  /** Bytes of its records, uncompressed. */
  bytes = 0;
  /** Where to go on at the source: the first record not taken of the batch last added, or behind that batch when all of it was. */
  nextOffset = 0;
  readonly #o: BuilderOptions;
  #memory: Buffer | undefined;
  /** Timestamp of the first record; `#farBase` tells it where it is not exact as a number. */
  #baseMs = 0;
  #farBase: bigint | undefined;
  /** The latest of those that are exact as numbers, and of the others. */
  #maxMs = Number.NEGATIVE_INFINITY;
  #farMax: bigint | undefined;

  constructor(options: BuilderOptions) {
    this.#o = options;
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** Latest timestamp of a record in it; milliseconds since 1970. -1 while it is empty. */
  get maxTimestamp(): bigint {
    const near = this.#maxMs === Number.NEGATIVE_INFINITY ? undefined : BigInt(this.#maxMs);
    if (near === undefined || this.#farMax === undefined) return near ?? this.#farMax ?? -1n;
    return near > this.#farMax ? near : this.#farMax;
  }

  /**
   * Takes the records of the cursor's batch from offset `fromOffset` on until it is full, and returns how many it took; `nextOffset`
   * tells where to go on after `finish`. Not for control batches.
   * @param section the uncompressed section where the batch is compressed: what `decompress` gave
   * RECORD_BATCH_CORRUPT where it cannot be read; nothing of the batch was taken then.
   */
  addBatch(cursor: BatchCursor, fromOffset: number, section?: Buffer): number {
    const countBefore = this.count;
    const bytesBefore = this.bytes;
    const maxBefore = this.#maxMs;
    const farMaxBefore = this.#farMax;
    try {
      if (cursor.magic !== 2) throw corruptBatch(`records of format ${cursor.magic} are not read`);
      if (section === undefined) records.reset(cursor.bytes, cursor.recordsStart, cursor.end, cursor.recordCount);
      else records.reset(section, 0, section.length, cursor.recordCount);
      this.#addRecords(cursor, fromOffset);
    } catch (error) {
      this.count = countBefore;
      this.bytes = bytesBefore;
      this.#maxMs = maxBefore;
      this.#farMax = farMaxBefore;
      throw error;
    }
    return this.count - countBefore;
  }

  #addRecords(cursor: BatchCursor, fromOffset: number): void {
    const { baseOffset, lastOffset, isLogAppendTime } = cursor;
    const baseMs = isLogAppendTime ? cursor.maxTimestampMs : cursor.baseTimestampMs;
    const isNear = baseMs < NEAR && baseMs > -NEAR;
    let before = baseOffset - 1;
    while (records.next()) {
      const offset = baseOffset + records.offsetDelta;
      if (offset <= before || offset > lastOffset) throw corruptBatch('the offsets in a record batch do not ascend');
      before = offset;
      if (offset < fromOffset) continue;
      const timestampMs = isLogAppendTime ? baseMs : baseMs + records.timestampDelta;
      const isExact = isNear && (isLogAppendTime || !records.isFar) && timestampMs < NEAR && timestampMs > -NEAR;
      if (!(isExact ? this.#add(timestampMs) : this.#addFar(exactTimestamp(cursor)))) {
        this.nextOffset = offset;
        return;
      }
    }
    this.nextOffset = Math.max(lastOffset + 1, fromOffset);
  }

  #add(timestampMs: number): boolean {
    if (this.count === 0) {
      this.#baseMs = timestampMs;
      this.#farBase = undefined;
    }
    const delta = timestampMs - this.#baseMs;
    if (this.#farBase !== undefined || delta >= NEAR || delta <= -NEAR) return this.#addFar(BigInt(timestampMs));
    if (!this.#append(zigzag(delta))) return false;
    if (timestampMs > this.#maxMs) this.#maxMs = timestampMs;
    return true;
  }

  /** For what numbers do not tell exactly; differences wrap at 64 bits, as they do where they are added again. */
  #addFar(timestamp: bigint): boolean {
    if (this.count === 0) {
      this.#baseMs = Number.NaN;
      this.#farBase = timestamp;
    }
    const base = this.#farBase ?? BigInt(this.#baseMs);
    if (!this.#append(0, zigzag64(BigInt.asIntN(64, timestamp - base)))) return false;
    if (this.#farMax === undefined || timestamp > this.#farMax) this.#farMax = timestamp;
    return true;
  }

  /** Writes the record with this delta of its timestamp, zigzag; false when it is full. */
  #append(delta: number, farDelta?: bigint): boolean {
    const body = records.bodyEnd - records.bodyStart;
    const deltaBytes = farDelta === undefined ? varintLength(delta) : varlongLength(farDelta);
    const length = 1 + deltaBytes + varintLength(2 * this.count) + body;
    const end = this.bytes + varintLength(2 * length) + length;
    if (end > this.#o.limitBytes && this.count > 0) return false;
    const memory = this.#roomFor(end);
    let at = writeVarint(memory, this.bytes, 2 * length);
    memory[at++] = records.attributes;
    at = farDelta === undefined ? writeVarint(memory, at, delta) : writeVarlong(memory, at, farDelta);
    at = writeVarint(memory, at, 2 * this.count);
    copyBytes(records.bytes, records.bodyStart, records.bodyEnd, memory, at);
    this.bytes = end;
    this.count++;
    return true;
  }

  #roomFor(end: number): Buffer {
    this.#memory ??= memories.take(end);
    if (end > this.#memory.length) this.#memory = memories.grow(this.#memory, this.bytes, end);
    return this.#memory;
  }

  /** The batch, to be produced as it is; the builder is empty again at once and may be filled while this one is compressed. */
  async finish(to: BatchAddress): Promise<Buffer> {
    const memory = this.#memory;
    if (memory === undefined || this.count === 0) throw new PlatformError('INTERNAL', 'a batch without records');
    const count = this.count;
    const firstTimestamp = this.#farBase ?? BigInt(this.#baseMs);
    const { maxTimestamp } = this;
    const records = memory.subarray(0, this.bytes);
    this.#memory = undefined;
    this.count = 0;
    this.bytes = 0;
    this.#maxMs = Number.NEGATIVE_INFINITY;
    this.#farMax = undefined;
    const isSmall = records.length < LEAST_COMPRESSED_BYTES;
    const compressed = isSmall ? records : await compress(this.#o.compression, records);
    const isCompressed = compressed.length < records.length;
    const codec = isCompressed ? COMPRESSIONS.indexOf(this.#o.compression) : 0;
    const header = {
      attributes: codec | (to.transactional ? ATTRIBUTE.transactional : 0),
      lastOffsetDelta: count - 1,
      firstTimestamp,
      maxTimestamp,
      producerId: to.producerId,
      producerEpoch: to.producerEpoch,
      firstSequence: to.baseSequence,
      recordCount: count,
    };
    const batch = encodeBatch(header, isCompressed ? compressed : records);
    memories.give(memory);
    return batch;
  }
}

/** Of the record that `records` is at. */
function exactTimestamp(cursor: BatchCursor): bigint {
  if (cursor.isLogAppendTime) return cursor.maxTimestamp;
  const delta = records.isFar ? records.farTimestampDelta : BigInt(records.timestampDelta);
  return BigInt.asIntN(64, cursor.baseTimestamp + delta);
}
