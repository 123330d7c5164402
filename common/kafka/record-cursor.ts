import { PlatformError } from '../errors.ts';
import { crc32c } from './crc32c.ts';
import { CompressionCodecs } from './kafkajs.ts';
import type { AbortedTransaction } from './kafkajs-fetch.ts';

/**
 * Walks the records of fetched batches (format 2, see record-batch.ts) in place: no object, no copy and no string for a record.
 * Control batches and those of aborted transactions are passed over, as are records before the offset that was asked for.
 *
 *   while (await cursor.nextBatch()) while (cursor.next()) use(cursor.bytes, cursor.valueStart, cursor.valueEnd);
 */
export class RecordCursor {
  /** What the positions below point into; of the present batch only. */
  bytes: Buffer = NO_BYTES;
  offset = 0;
  /** Milliseconds since 1970; what the broker stamped where the topic says so. */
  timestamp = 0;
  /** −1 where the record has no key, or no value. */
  keyStart = -1;
  keyEnd = -1;
  valueStart = -1;
  valueEnd = -1;
  /** Behind the last batch that was begun: where the next fetch goes on. */
  nextOffset = 0;

  #fetched: Buffer = NO_BYTES;
  #at = 0;
  #aborted: readonly AbortedTransaction[] = [];
  #nextAborted = 0;
  readonly #abortedProducers = new Set<number>();
  #recordAt = 0;
  #recordsLeft = 0;
  #baseOffset = 0;
  #baseTimestamp = 0;
  #appendTime = -1;
  #from = 0;

  /** Where the batches of an answer end, without reading them: what to fetch next. `from` when none is whole. */
  static endOf(bytes: Buffer, from: number): number {
    let next = from;
    for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
      const end = at + LENGTH_COUNTS_FROM + bytes.readInt32BE(at + LENGTH_AT);
      if (end > bytes.length || end < at + HEADER_BYTES) break;
      next = Math.max(next, int64(bytes, at) + bytes.readInt32BE(at + LAST_DELTA_AT) + 1);
      at = end;
    }
    return next;
  }

  /** @param from records before it are passed over */
  reset(bytes: Buffer, aborted: readonly AbortedTransaction[], from: number): void {
    this.#fetched = bytes;
    this.#at = 0;
    this.#aborted = aborted;
    this.#nextAborted = 0;
    this.#abortedProducers.clear();
    this.#recordsLeft = 0;
    this.#from = from;
    this.nextOffset = from;
  }

  /** False at the end. Errors: RECORD_BATCH_CORRUPT, also for a compression that is not known here. */
  async nextBatch(): Promise<boolean> {
    for (;;) {
      const start = this.#at;
      const bytes = this.#fetched;
      if (start + HEADER_BYTES > bytes.length) return false;
      const end = start + LENGTH_COUNTS_FROM + bytes.readInt32BE(start + LENGTH_AT);
      if (end < start + HEADER_BYTES || bytes[start + MAGIC_AT] !== MAGIC) throw corrupt(bytes, start, 'no batch');
      if (end > bytes.length) return false;
      this.#at = end;
      const base = int64(bytes, start);
      const last = base + bytes.readInt32BE(start + LAST_DELTA_AT);
      if (last < this.#from) continue;
      this.nextOffset = last + 1;
      if (this.#isPassedOver(start, last)) continue;
      if (crc32c(bytes, start + CRC_COVERS_FROM, end) !== bytes.readUInt32BE(start + CRC_AT))
        throw corrupt(bytes, start, 'its checksum differs');
      await this.#open(start, end, base);
      return true;
    }
  }

  /** The next record of the batch, false when there is none left. Errors: RECORD_BATCH_CORRUPT. */
  next(): boolean {
    while (this.#recordsLeft > 0) {
      this.#recordsLeft--;
      this.#readRecord();
      if (this.offset >= this.#from) return true;
    }
    return false;
  }

  #isPassedOver(start: number, last: number): boolean {
    const bytes = this.#fetched;
    const attributes = bytes.readInt16BE(start + ATTRIBUTES_AT);
    if ((attributes & TRANSACTIONAL) === 0) return (attributes & CONTROL) !== 0;
    while (this.#nextAborted < this.#aborted.length && this.#aborted[this.#nextAborted]!.firstOffset <= last)
      this.#abortedProducers.add(this.#aborted[this.#nextAborted++]!.producerId);
    const producerId = int64(bytes, start + PRODUCER_ID_AT);
    if ((attributes & CONTROL) === 0) return this.#abortedProducers.has(producerId);
    if (isAbortMarker(bytes, start)) this.#abortedProducers.delete(producerId);
    return true;
  }

  async #open(start: number, end: number, base: number): Promise<void> {
    const bytes = this.#fetched;
    const attributes = bytes.readInt16BE(start + ATTRIBUTES_AT);
    const compression = attributes & COMPRESSION;
    this.#baseOffset = base;
    this.#baseTimestamp = int64(bytes, start + BASE_TIMESTAMP_AT);
    this.#appendTime = (attributes & APPEND_TIME) === 0 ? -1 : int64(bytes, start + MAX_TIMESTAMP_AT);
    this.#recordsLeft = bytes.readInt32BE(start + COUNT_AT);
    if (compression === 0) {
      this.bytes = bytes;
      this.#recordAt = start + HEADER_BYTES;
    } else {
      this.bytes = await decompress(compression, bytes.subarray(start + HEADER_BYTES, end), base);
      this.#recordAt = 0;
    }
  }

  #readRecord(): void {
    const length = this.#varint();
    const end = this.#recordAt + length;
    if (length < 0 || end > this.bytes.length) throw corrupt(this.#fetched, 0, 'a record leaves its batch');
    this.#recordAt++;
    const timestamp = this.#baseTimestamp + this.#varint();
    this.timestamp = this.#appendTime >= 0 ? this.#appendTime : timestamp;
    this.offset = this.#baseOffset + this.#varint();
    const keyLength = this.#varint();
    this.keyStart = keyLength < 0 ? -1 : this.#recordAt;
    if (keyLength > 0) this.#recordAt += keyLength;
    this.keyEnd = keyLength < 0 ? -1 : this.#recordAt;
    const valueLength = this.#varint();
    this.valueStart = valueLength < 0 ? -1 : this.#recordAt;
    this.valueEnd = valueLength < 0 ? -1 : this.#recordAt + valueLength;
    if (this.valueEnd > end || this.keyEnd > end) throw corrupt(this.#fetched, 0, 'a field leaves its record');
    this.#recordAt = end;
  }

  /** Zigzag; exact up to 2^53, beyond which no time and no length lies. */
  #varint(): number {
    const bytes = this.bytes;
    let byte = bytes[this.#recordAt++]!;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 0x7f;
    let factor = 0x80;
    do {
      byte = bytes[this.#recordAt++] ?? 0;
      value += (byte & 0x7f) * factor;
      factor *= 0x80;
    } while (byte >= 0x80);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

const NO_BYTES = Buffer.alloc(0);
const MAGIC = 2;
const LENGTH_AT = 8;
const LENGTH_COUNTS_FROM = 12;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const CRC_COVERS_FROM = ATTRIBUTES_AT;
const LAST_DELTA_AT = 23;
const BASE_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
const PRODUCER_ID_AT = 43;
const COUNT_AT = 57;
const HEADER_BYTES = 61;
const COMPRESSION = 0x07;
const APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

/** The key of a control record: version and type, 16 bits each (KIP-98); type 0 is the end of an aborted transaction. */
function isAbortMarker(bytes: Buffer, start: number): boolean {
  // length, attributes, timestamp delta, offset delta and key length of this record take one byte each: it is alone in its batch.
  const keyAt = start + HEADER_BYTES + 5;
  return bytes.readInt16BE(keyAt + 2) === 0;
}

function int64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

function corrupt(bytes: Buffer, start: number, what: string): PlatformError {
  const offset = bytes.length >= start + 8 ? int64(bytes, start) : -1;
  return new PlatformError('RECORD_BATCH_CORRUPT', `the batch at offset ${offset}: ${what}`, { details: { offset } });
}

type Codec = () => { decompress(bytes: Buffer): Promise<Buffer> };

async function decompress(compression: number, bytes: Buffer, offset: number): Promise<Buffer> {
  const codec = (CompressionCodecs as unknown as Readonly<Record<number, Codec | undefined>>)[compression];
  try {
    return await codec!().decompress(bytes);
  } catch (cause) {
    throw new PlatformError('RECORD_BATCH_CORRUPT', `the batch at offset ${offset} cannot be unpacked`, { cause });
  }
}
