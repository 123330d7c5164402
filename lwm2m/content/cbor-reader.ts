import { PlatformError } from '../../common/errors.ts';
import { MAX_CBOR_DEPTH, MAX_CONTENT_BYTES } from './content-limits.ts';
import { readUtf8 } from './utf8.ts';

/*
 * The head of a CBOR item (RFC 8949 §3):
 *
 *    bit 7 6 5    4 3 2 1 0
 *   +---------+-------------+- - - - - - - - - - - - - -+- - - - -+
 *   |  major  |    info     | argument: 0, 1, 2, 4, 8 B | content |
 *   +---------+-------------+- - - - - - - - - - - - - -+- - - - -+
 *
 * info below 24 is the argument itself; 31 opens an item of indefinite length, or is the break that ends it.
 */
export const CBOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const;

/** Simple values and floats by the info of major type 7 (RFC 8949 §3.3). */
export const SIMPLE = { false: 20, true: 21, null: 22, undefined: 23, half: 25, single: 26, double: 27 } as const;

/** What `count` says of an array or a map whose end a break marks. */
export const INDEFINITE = -1;
const INDEFINITE_INFO = 31;

/**
 * Reads CBOR item by item, each length checked before its bytes are. After `head()` the fields tell of the item at hand.
 * Strings share memory with the payload unless they came in chunks. Throws LWM2M_CONTENT with the byte offset.
 */
export class CborReader {
  readonly bytes: Buffer;
  at = 0;
  major = 0;
  info = 0;
  /** The argument of the head; INDEFINITE with info 31. Not set for floats. */
  argument: number | bigint = 0;

  constructor(payload: Uint8Array) {
    if (payload.length > MAX_CONTENT_BYTES) throw cborFault(0, `more than ${MAX_CONTENT_BYTES} bytes`);
    this.bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  }

  /** Reads the next head. Not for a place where a break may stand: see `more`. */
  head(): void {
    const { bytes, at } = this;
    if (at >= bytes.length) throw cborFault(at, 'the item is missing');
    const first = bytes[at]!;
    this.major = first >> 5;
    this.info = first & 0b11111;
    this.at = at + 1;
    if (this.info < 24) this.argument = this.info;
    else if (this.major === CBOR.simple && this.info >= SIMPLE.half && this.info <= SIMPLE.double) this.argument = 0;
    else this.#argument(at);
  }

  #argument(start: number): void {
    const { info } = this;
    if (info === INDEFINITE_INFO && this.major >= CBOR.bytes && this.major <= CBOR.map) {
      this.argument = INDEFINITE;
      return;
    }
    if (info > 27) throw cborFault(start, 'not an item');
    const width = 1 << (info - 24);
    const at = this.#take(width);
    if (width < 8) {
      this.argument = this.bytes.readUIntBE(at, width);
      // Simple values below 32 have the short form only (RFC 8949 §3.3).
      if (this.major === CBOR.simple && this.argument < 32) throw cborFault(start, 'not an item');
      return;
    }
    const high = this.bytes.readUInt32BE(at);
    this.argument = high < 2 ** 21 ? high * 2 ** 32 + this.bytes.readUInt32BE(at + 4) : this.bytes.readBigUInt64BE(at);
  }

  /** Moves past content; returns where it begins. */
  #take(length: number): number {
    const { at } = this;
    if (at + length > this.bytes.length) throw cborFault(at, `${length} bytes announced, fewer present`);
    this.at = at + length;
    return at;
  }

  /** Items (pairs of a map) that the array or map at hand announces; each takes a byte at least. */
  count(): number {
    if (this.argument === INDEFINITE) return INDEFINITE;
    const { argument, at } = this;
    if (argument > this.bytes.length - at) throw cborFault(at, `${argument} items announced, fewer bytes present`);
    return Number(argument);
  }

  /** True while an array or map has an item to come; takes the break of an indefinite one. */
  more(count: number, done: number): boolean {
    if (count !== INDEFINITE) return done < count;
    if (this.bytes[this.at] !== 0xff) return true;
    this.at++;
    return false;
  }

  /** The content of the byte or text string at hand. */
  stringBytes(): Buffer {
    if (this.argument === INDEFINITE) return this.#chunks(this.major);
    const { argument, at } = this;
    if (argument > this.bytes.length - at) throw cborFault(at, `${argument} bytes announced, fewer present`);
    const from = this.#take(Number(argument));
    return this.bytes.subarray(from, this.at);
  }

  #chunks(major: number): Buffer {
    const chunks: Buffer[] = [];
    while (this.more(INDEFINITE, 0)) {
      this.head();
      // Chunks are strings of the same kind and of known length (RFC 8949 §3.2.3).
      if (this.major !== major || this.argument === INDEFINITE) throw cborFault(this.at, 'not a chunk of its string');
      if (this.argument !== 0) chunks.push(this.stringBytes());
    }
    return Buffer.concat(chunks);
  }

  text(): string {
    const start = this.at;
    return readUtf8(this.stringBytes()) ?? refuse(start, 'a text string is not UTF-8');
  }

  /** The float at hand, major type 7 with info 25, 26 or 27. */
  float(): number {
    if (this.info === SIMPLE.double) return this.bytes.readDoubleBE(this.#take(8));
    if (this.info === SIMPLE.single) return this.bytes.readFloatBE(this.#take(4));
    return halfFloat(this.bytes.readUInt16BE(this.#take(2)));
  }

  /** Moves past the content of the item at hand, whatever it holds. */
  skip(depth: number): void {
    if (depth > MAX_CBOR_DEPTH) throw cborFault(this.at, `nested deeper than ${MAX_CBOR_DEPTH}`);
    switch (this.major) {
      case CBOR.bytes:
      case CBOR.text:
        this.stringBytes();
        return;
      case CBOR.array:
      case CBOR.map:
        return this.#skipItems(depth);
      case CBOR.tag:
        return this.skipNext(depth + 1);
      case CBOR.simple:
        if (this.info >= SIMPLE.half) this.float();
        return;
    }
  }

  skipNext(depth: number): void {
    this.head();
    this.skip(depth);
  }

  #skipItems(depth: number): void {
    const each = this.major === CBOR.map ? 2 : 1;
    const count = this.count();
    for (let done = 0; this.more(count, done); done++) {
      for (let part = 0; part < each; part++) this.skipNext(depth + 1);
    }
  }

  /** Nothing may stand after the outermost item. */
  end(): void {
    if (this.at < this.bytes.length) throw cborFault(this.at, 'bytes after the end');
  }
}

/** RFC 8949 Appendix D: five bits of exponent, ten of fraction. */
function halfFloat(bits: number): number {
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 2 ** 10) * 2 ** (exponent - 15);
}

function refuse(offset: number, what: string): never {
  throw cborFault(offset, what);
}

export function cborFault(offset: number, what: string): PlatformError {
  return new PlatformError('LWM2M_CONTENT', `CBOR at byte ${offset}: ${what}`, { details: { offset } });
}
