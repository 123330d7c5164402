import { CBOR, SIMPLE } from './cbor-reader.ts';

const FIRST_BYTES = 256;

/** Writes CBOR items one after another, integers and lengths in their shortest form (RFC 8949 §4.2.1). */
export class CborWriter {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #at = 0;

  head(major: number, argument: number | bigint): this {
    const at = this.#room(9);
    const bytes = this.#bytes;
    const top = major << 5;
    if (argument < 24) bytes[this.#at++] = top | Number(argument);
    else if (argument < 2 ** 8) this.#at = bytes.writeUInt16BE(((top | 24) << 8) | Number(argument), at);
    else if (argument < 2 ** 16) {
      bytes[at] = top | 25;
      this.#at = bytes.writeUInt16BE(Number(argument), at + 1);
    } else if (argument < 2 ** 32) {
      bytes[at] = top | 26;
      this.#at = bytes.writeUInt32BE(Number(argument), at + 1);
    } else {
      bytes[at] = top | 27;
      this.#at = bytes.writeBigUInt64BE(BigInt(argument), at + 1);
    }
    return this;
  }

  /** A whole number from -2^64 to 2^64 - 1. */
  integer(value: number | bigint): this {
    if (value >= 0) return this.head(CBOR.unsigned, value);
    return this.head(CBOR.negative, typeof value === 'bigint' ? -1n - value : -1 - value);
  }

  /** Single precision where it holds the value, else double. Half is left out: small decoders lack it. */
  float(value: number): this {
    const at = this.#room(9);
    const single = Object.is(Math.fround(value), value);
    this.#bytes[at] = (CBOR.simple << 5) | (single ? SIMPLE.single : SIMPLE.double);
    this.#at = single ? this.#bytes.writeFloatBE(value, at + 1) : this.#bytes.writeDoubleBE(value, at + 1);
    return this;
  }

  boolean(value: boolean): this {
    return this.head(CBOR.simple, value ? SIMPLE.true : SIMPLE.false);
  }

  null(): this {
    return this.head(CBOR.simple, SIMPLE.null);
  }

  text(value: string): this {
    const length = Buffer.byteLength(value);
    this.head(CBOR.text, length);
    const at = this.#room(length);
    this.#at += this.#bytes.write(value, at, 'utf8');
    return this;
  }

  byteString(value: Uint8Array): this {
    this.head(CBOR.bytes, value.length);
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
    this.#at += value.length;
    return this;
  }

  /** What was written. The writer is done with. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  #room(length: number): number {
    if (this.#at + length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + length));
      this.#bytes.copy(larger, 0, 0, this.#at);
      this.#bytes = larger;
    }
    return this.#at;
  }
}
