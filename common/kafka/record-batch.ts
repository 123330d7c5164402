import { crc32c } from './crc32c.ts';

/**
 * One batch of records of Kafka's format 2, as a produce request carries it:
 *
 *   first offset 8 | length 4 | leader epoch 4 | magic 1 | crc 4 | attributes 2 | last offset delta 4 | first timestamp 8 |
 *   max timestamp 8 | producer id 8 | producer epoch 2 | first sequence 4 | number of records 4 | records …
 *
 *   record: length | attributes | timestamp delta | offset delta | key length | key | value length | value | headers
 *
 * The lengths and deltas of a record are zigzag varints; the checksum is CRC-32C over all that follows it.
 */
export interface WireHeader {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

type Bytes = Buffer | string | null | undefined;
type LooseHeaders = Readonly<Record<string, Buffer | string | null | (Buffer | string | null)[] | undefined>>;

export interface RecordToEncode {
  readonly offsetDelta: number;
  /** Milliseconds. */
  readonly timestampDelta: number;
  readonly key?: Bytes;
  readonly value?: Bytes;
  readonly headers?: LooseHeaders | undefined;
  /** In place of `headers`, exactly as they are to stand on the wire. */
  readonly headerList?: readonly WireHeader[] | undefined;
}

export interface BatchHeader {
  readonly attributes: number;
  readonly lastOffsetDelta: number;
  /** Milliseconds since 1970. */
  readonly firstTimestamp: bigint;
  readonly maxTimestamp: bigint;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly recordCount: number;
}

interface Header {
  readonly key: Buffer | string;
  readonly value: Buffer | string | null;
}

const NO_HEADERS: readonly Header[] = [];
const MAGIC = 2;
const LENGTH_AT = 8;
const LENGTH_COUNTS_FROM = 12;
const CRC_AT = 17;
const CRC_COVERS_FROM = 21;
const HEADER_BYTES = 61;
const LONGEST_VARINT = 5;

/** A record as it goes in and comes out of `RecordAppender`. */
export interface PlainRecord {
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  readonly headers?: LooseHeaders | undefined;
}

/** The records one after another: what a batch compresses. */
export function encodeRecords(records: readonly RecordToEncode[]): Buffer {
  const headers = records.map(headersOf);
  const lengths = records.map((record, index) => recordLength(record, headers[index]!));
  const writer = new RecordWriter(lengths.reduce((sum, length) => sum + varintLength(length) + length, 0));
  for (let index = 0; index < records.length; index++) {
    writer.record(records[index]!, lengths[index]!, headers[index]!);
  }
  return writer.bytes;
}

/** @param body what `encodeRecords` gave, or the same compressed as the attributes say */
export function encodeBatch(header: BatchHeader, body: Uint8Array): Buffer {
  const batch = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - LENGTH_COUNTS_FROM, LENGTH_AT);
  batch.writeInt32BE(0, 12);
  batch.writeInt8(MAGIC, 16);
  batch.writeInt16BE(header.attributes, CRC_COVERS_FROM);
  batch.writeInt32BE(header.lastOffsetDelta, 23);
  batch.writeBigInt64BE(header.firstTimestamp, 27);
  batch.writeBigInt64BE(header.maxTimestamp, 35);
  batch.writeBigInt64BE(header.producerId, 43);
  batch.writeInt16BE(header.producerEpoch, 51);
  batch.writeInt32BE(header.firstSequence, 53);
  batch.writeInt32BE(header.recordCount, 57);
  batch.set(body, HEADER_BYTES);
  batch.writeUInt32BE(crc32c(batch, CRC_COVERS_FROM), CRC_AT);
  return batch;
}

function headersOf({ headers, headerList }: RecordToEncode): readonly Header[] {
  if (headerList !== undefined) return headerList;
  if (headers === undefined) return NO_HEADERS;
  return Object.entries(headers).flatMap(([key, value]) =>
    Array.isArray(value) ? value.map((one) => ({ key, value: one })) : [{ key, value: value ?? null }],
  );
}

/** Without the length itself. */
function recordLength(record: RecordToEncode, headers: readonly Header[]): number {
  let length = 1 + varintLength(record.timestampDelta) + varintLength(record.offsetDelta);
  length += fieldLength(record.key) + fieldLength(record.value) + varintLength(headers.length);
  for (const { key, value } of headers) length += fieldLength(key) + fieldLength(value);
  return length;
}

function fieldLength(bytes: Bytes): number {
  if (bytes === null || bytes === undefined) return 1;
  const length = typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length;
  return varintLength(length) + length;
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function varintLength(value: number): number {
  let length = 1;
  for (let left = zigzag(value); left >= 0x80; left = Math.floor(left / 0x80)) length++;
  return length;
}

class RecordWriter {
  bytes: Buffer;
  #at = 0;

  constructor(length: number) {
    this.bytes = Buffer.allocUnsafe(length);
  }

  get length(): number {
    return this.#at;
  }

  /** Starts over in other memory. */
  restart(bytes: Buffer): void {
    this.bytes = bytes;
    this.#at = 0;
  }

  /** Makes room for so many bytes more, at least doubling. */
  reserve(more: number): void {
    if (this.#at + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.#at + more));
    larger.set(this.bytes.subarray(0, this.#at));
    this.bytes = larger;
  }

  record(record: RecordToEncode, length: number, headers: readonly Header[]): void {
    this.#varint(length);
    this.bytes[this.#at++] = 0;
    this.#varint(record.timestampDelta);
    this.#varint(record.offsetDelta);
    this.#field(record.key);
    this.#field(record.value);
    this.#varint(headers.length);
    for (const { key, value } of headers) {
      this.#field(key);
      this.#field(value);
    }
  }

  #varint(value: number): void {
    let left = zigzag(value);
    for (; left >= 0x80; left = Math.floor(left / 0x80)) this.bytes[this.#at++] = (left % 0x80) | 0x80;
    this.bytes[this.#at++] = left;
  }

  #field(bytes: Bytes): void {
    if (bytes === null || bytes === undefined) {
      this.#varint(-1);
    } else if (typeof bytes === 'string') {
      this.#varint(Buffer.byteLength(bytes));
      this.#at += this.bytes.write(bytes, this.#at);
    } else {
      this.#varint(bytes.length);
      this.bytes.set(bytes, this.#at);
      this.#at += bytes.length;
    }
  }
}

/** Records written one after another as they come, for a batch whose records all have its first timestamp. */
export class RecordAppender {
  readonly #writer: RecordWriter;
  #count = 0;

  constructor(memory: Buffer) {
    this.#writer = new RecordWriter(0);
    this.#writer.restart(memory);
  }

  get count(): number {
    return this.#count;
  }

  /** What it writes into now: what it was given, or more. */
  get memory(): Buffer {
    return this.#writer.bytes;
  }

  /** Bytes written; a view of the memory in use, which `append` may replace. */
  get bytes(): Buffer {
    return this.#writer.bytes.subarray(0, this.#writer.length);
  }

  get length(): number {
    return this.#writer.length;
  }

  append({ key, value, headers }: PlainRecord): void {
    const record = { offsetDelta: this.#count, timestampDelta: 0, key, value };
    const list = headers === undefined ? NO_HEADERS : headersOf({ ...record, headers });
    const length = recordLength(record, list);
    this.#writer.reserve(length + LONGEST_VARINT);
    this.#writer.record(record, length, list);
    this.#count++;
  }
}

/** Reads back what `RecordAppender` wrote; keys and values share its memory. */
export function readAppended(bytes: Buffer): PlainRecord[] {
  const reader = new RecordReader(bytes);
  const records: PlainRecord[] = [];
  while (!reader.atEnd) records.push(reader.record());
  return records;
}

class RecordReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  record(): PlainRecord {
    this.#varint();
    this.#at++;
    this.#varint();
    this.#varint();
    const key = this.#field();
    const value = this.#field();
    const count = this.#varint();
    if (count === 0) return { key, value };
    const headers: Record<string, (Buffer | string | null)[]> = {};
    for (let i = 0; i < count; i++) {
      const name = this.#field()?.toString() ?? '';
      headers[name] = [...(headers[name] ?? []), this.#field()];
    }
    return { key, value, headers };
  }

  #field(): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
  }
}
