import { crc32c } from '../crc32c.ts';
import { COMPRESSIONS } from './compression.ts';
import { corruptBatch } from './corrupt.ts';

/**
 * The header of a record batch of format 2 (KIP-98; common/kafka/record-batch.ts writes the same):
 *
 *   0 first offset 8 | 8 length 4 | 12 leader epoch 4 | 16 magic 1 | 17 crc 4 | 21 attributes 2 | 23 last offset delta 4 |
 *   27 first timestamp 8 | 35 max timestamp 8 | 43 producer id 8 | 51 producer epoch 2 | 53 first sequence 4 | 57 records 4 | 61 …
 */
export const BATCH_HEADER_BYTES = 61;
export const LENGTH_AT = 8;
export const LENGTH_COUNTS_FROM = 12;
export const CRC_AT = 17;
export const CRC_COVERS_FROM = 21;
export const BASE_TIMESTAMP_AT = 27;
export const MAX_TIMESTAMP_AT = 35;

/** Bits of the attributes; the lowest three are the codec. */
export const ATTRIBUTE = { codec: 0x07, logAppendTime: 0x08, transactional: 0x10, control: 0x20, deleteHorizon: 0x40 };

/** The formats before 2 begin alike up to the magic byte, but a single message is shorter than a batch. */
const LEAST_OLD_BYTES = 26;
const MAGIC = 2;

/**
 * Walks the batches of the bytes that a fetch gave, without an object per batch: the fields tell of the batch that `next` came to.
 * Offsets are exact numbers; one above 2^53 is refused as corrupt.
 */
export class BatchCursor {
  bytes: Buffer = Buffer.alloc(0);
  /** The batch is the bytes from `start` up to `end`; its records, compressed or not, from `recordsStart` up to `end`. */
  start = 0;
  end = 0;
  recordsStart = 0;
  baseOffset = 0;
  lastOffset = -1;
  /** Of a format before 2 only this, the place and the offset are set: nobody relays those. */
  magic = MAGIC;
  attributes = 0;
  recordCount = 0;
  #view = new DataView(this.bytes.buffer, 0, 0);

  /** Starts over before the first batch of these bytes. */
  reset(bytes: Buffer): void {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.start = 0;
    this.end = 0;
    this.recordsStart = 0;
  }

  /** False at the end, and at a last batch that is cut short. RECORD_BATCH_CORRUPT where no batch can be. */
  next(): boolean {
    const view = this.#view;
    const start = this.end;
    const left = view.byteLength - start;
    if (left <= CRC_AT) return false;
    const bytes = LENGTH_COUNTS_FROM + view.getInt32(start + LENGTH_AT);
    const magic = view.getInt8(start + 16);
    if (magic < 0 || magic > MAGIC || bytes < (magic === MAGIC ? BATCH_HEADER_BYTES : LEAST_OLD_BYTES)) {
      throw corruptBatch(`no record batch at byte ${start}: magic ${magic}, ${bytes} bytes`);
    }
    if (bytes > left) return false;
    this.magic = magic;
    this.start = start;
    this.end = start + bytes;
    this.baseOffset = view.getInt32(start) * 2 ** 32 + view.getUint32(start + 4);
    if (magic === MAGIC) this.#readHeader(view, start);
    else this.#skipOldFormat();
    if (this.baseOffset < 0 || this.lastOffset > Number.MAX_SAFE_INTEGER) {
      throw corruptBatch(`the record batch at byte ${start} is at an impossible offset`);
    }
    return true;
  }

  #readHeader(view: DataView, start: number): void {
    const lastOffsetDelta = view.getInt32(start + 23);
    this.recordsStart = start + BATCH_HEADER_BYTES;
    this.attributes = view.getInt16(start + CRC_COVERS_FROM);
    this.lastOffset = this.baseOffset + lastOffsetDelta;
    this.recordCount = view.getInt32(start + 57);
    if (lastOffsetDelta < 0 || this.recordCount < 0 || this.compression >= COMPRESSIONS.length) {
      throw corruptBatch(`the record batch at offset ${this.baseOffset} has a header that cannot be`);
    }
  }

  #skipOldFormat(): void {
    this.recordsStart = this.end;
    this.attributes = 0;
    this.lastOffset = this.baseOffset;
    this.recordCount = 0;
  }

  /** Whether bytes are left behind the last whole batch. */
  get isTruncated(): boolean {
    return this.end < this.bytes.length;
  }

  /** Index in COMPRESSIONS. */
  get compression(): number {
    return this.attributes & ATTRIBUTE.codec;
  }

  get isControl(): boolean {
    return (this.attributes & ATTRIBUTE.control) !== 0;
  }

  get isTransactional(): boolean {
    return (this.attributes & ATTRIBUTE.transactional) !== 0;
  }

  get isLogAppendTime(): boolean {
    return (this.attributes & ATTRIBUTE.logAppendTime) !== 0;
  }

  get hasDeleteHorizon(): boolean {
    return (this.attributes & ATTRIBUTE.deleteHorizon) !== 0;
  }

  /** Whether no offset within is without a record, as in what a producer wrote and compaction has not yet thinned out. */
  get hasWholeOffsets(): boolean {
    return this.lastOffset - this.baseOffset + 1 === this.recordCount;
  }

  get leaderEpoch(): number {
    return this.#view.getInt32(this.start + LENGTH_COUNTS_FROM);
  }

  get producerId(): bigint {
    return this.#view.getBigInt64(this.start + 43);
  }

  get producerEpoch(): number {
    return this.#view.getInt16(this.start + 51);
  }

  /** Milliseconds since 1970, to which the records' deltas are added. */
  get baseTimestamp(): bigint {
    return this.#view.getBigInt64(this.start + BASE_TIMESTAMP_AT);
  }

  get maxTimestamp(): bigint {
    return this.#view.getBigInt64(this.start + MAX_TIMESTAMP_AT);
  }

  /** `baseTimestamp` as a number; beyond 2^53 it is not exact, and then not a safe integer. */
  get baseTimestampMs(): number {
    return this.#timestampMs(BASE_TIMESTAMP_AT);
  }

  get maxTimestampMs(): number {
    return this.#timestampMs(MAX_TIMESTAMP_AT);
  }

  #timestampMs(at: number): number {
    return this.#view.getInt32(this.start + at) * 2 ** 32 + this.#view.getUint32(this.start + at + 4);
  }

  /** Whether the checksum is that of the bytes. */
  verify(): boolean {
    return (
      this.magic === MAGIC &&
      crc32c(this.bytes, this.start + CRC_COVERS_FROM, this.end) === this.#view.getUint32(this.start + CRC_AT)
    );
  }
}
