import type { WireHeader } from '../record-batch.ts';
import { corruptBatch } from './corrupt.ts';

/**
 * Walks the records of an uncompressed section without an object per record: the fields tell of the record that `next` came to.
 *
 *   record: length | attributes 1 | timestamp delta | offset delta | key length | key | value length | value | headers
 *
 * Every length is checked against what it lies in: RECORD_BATCH_CORRUPT, never a read beyond `end`.
 */
export class RecordCursor {
  bytes: Buffer = Buffer.alloc(0);
  attributes = 0;
  /** Milliseconds to add to the batch's first timestamp; exact unless `isFar`. */
  timestampDelta = 0;
  /** Whether the delta is too large for an exact number: then only `farTimestampDelta` tells it. */
  isFar = false;
  farTimestampDelta = 0n;
  offsetDelta = 0;
  /** From the key's length to the end of the headers: what a copied record keeps byte for byte. */
  bodyStart = 0;
  bodyEnd = 0;
  keyStart = 0;
  /** -1 for none. */
  keyLength = -1;
  valueStart = 0;
  /** -1 for none: a tombstone. */
  valueLength = -1;
  headerCount = 0;
  /** Of the first header; they end where the body does. */
  headersStart = 0;
  #at = 0;
  #end = 0;
  #left = 0;

  /** Starts over before the first of `count` records in the bytes from `start` up to `end`. */
  reset(bytes: Buffer, start: number, end: number, count: number): void {
    this.bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#left = count;
  }

  /** False behind the last record. */
  next(): boolean {
    if (this.#left === 0) {
      if (this.#at !== this.#end) throw corruptBatch('a record batch holds more bytes than its records');
      return false;
    }
    this.#left--;
    const length = this.#varint(this.#end);
    const end = this.#at + length;
    if (length < 0 || end > this.#end) throw corruptBatch('a record is longer than its batch');
    this.bodyEnd = end;
    if (length === 0) throw corruptBatch('a record is empty');
    this.attributes = this.bytes[this.#at++]!;
    this.#timestamp(end);
    this.offsetDelta = this.#varint(end);
    this.bodyStart = this.#at;
    this.keyLength = this.#field(end);
    this.keyStart = this.#at - Math.max(this.keyLength, 0);
    this.valueLength = this.#field(end);
    this.valueStart = this.#at - Math.max(this.valueLength, 0);
    this.#headers(end);
    return true;
  }

  #headers(end: number): void {
    let count = this.#varint(end);
    if (count < 0) throw corruptBatch('a record has a negative number of headers');
    this.headerCount = count;
    this.headersStart = this.#at;
    for (; count > 0; count--) {
      if (this.#field(end) < 0) throw corruptBatch('a header has no key');
      this.#field(end);
    }
    if (this.#at !== end) throw corruptBatch('a record is longer than its fields');
  }

  /** Copies of the headers, in their order. Of the record that `next` came to, which has been checked. */
  headers(): WireHeader[] {
    const behind = this.#at;
    this.#at = this.headersStart;
    const headers: WireHeader[] = [];
    for (let left = this.headerCount; left > 0; left--) {
      const key = this.#copied(this.bodyEnd) ?? Buffer.alloc(0);
      headers.push({ key, value: this.#copied(this.bodyEnd) });
    }
    this.#at = behind;
    return headers;
  }

  #copied(end: number): Buffer | null {
    const length = this.#field(end);
    return length < 0 ? null : Buffer.from(this.bytes.subarray(this.#at - length, this.#at));
  }

  /** Length of a field, which is passed over; negative for none. */
  #field(end: number): number {
    const length = this.#varint(end);
    if (length > end - this.#at) throw corruptBatch('a field is longer than its record');
    if (length > 0) this.#at += length;
    return length;
  }

  /** Zigzag of 32 bits in at most five bytes. */
  #varint(end: number): number {
    const bytes = this.bytes;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.#at >= end) break;
      const byte = bytes[this.#at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    throw corruptBatch('a number in a record is cut short or too long');
  }

  /** Zigzag of 64 bits in at most ten bytes. */
  #timestamp(end: number): void {
    const bytes = this.bytes;
    let value = 0;
    let factor = 1;
    this.isFar = false;
    for (const start = this.#at; this.#at < end && this.#at < start + 10; factor *= 0x80) {
      const byte = bytes[this.#at++]!;
      value += (byte & 0x7f) * factor;
      if (byte >= 0x80) continue;
      if (value > Number.MAX_SAFE_INTEGER) this.#farTimestamp(start);
      else this.timestampDelta = value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      return;
    }
    throw corruptBatch('a timestamp in a record is cut short or too long');
  }

  #farTimestamp(start: number): void {
    let value = 0n;
    for (let at = this.#at - 1; at >= start; at--) value = (value << 7n) | BigInt(this.bytes[at]! & 0x7f);
    const bits = BigInt.asUintN(64, value);
    this.isFar = true;
    this.farTimestampDelta = (bits & 1n) === 0n ? bits >> 1n : -(bits >> 1n) - 1n;
    this.timestampDelta = Number(this.farTimestampDelta);
  }
}
