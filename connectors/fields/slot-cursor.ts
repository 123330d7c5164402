/** What a slot holds after a record was read. */
export const SLOT = {
  empty: 0,
  integer: 1,
  bigInteger: 2,
  float: 3,
  boolean: 4,
  text: 5,
  symbol: 6,
  bytes: 7,
} as const;

/** The longest varint of 64 bits. */
const LONG_BYTES = 10;

/**
 * Where the reading of one record stands, and what was found: one array for each property of a slot, so that a record makes no object.
 * Of texts and bytes it is where they lie. Every move tells whether the bytes held what they should.
 */
export class SlotCursor {
  bytes: Buffer = Buffer.alloc(0);
  view = new DataView(this.bytes.buffer, 0, 0);
  at = 0;
  end = 0;
  /** Records within records so far, of types that refer to themselves. */
  depth = 0;
  /** What `readLong` found; the nearest number where `big` is set. */
  value = 0;
  /** Only for integers that are no exact number. */
  big: bigint | undefined;

  /** By slot: one of SLOT. */
  readonly kinds: Uint8Array;
  /** Integers, floats, booleans as 0 and 1, and the places of symbols in their enumeration. */
  readonly numbers: Float64Array;
  readonly bigs: bigint[];
  readonly starts: Int32Array;
  readonly ends: Int32Array;

  constructor(slots: number) {
    this.kinds = new Uint8Array(slots);
    this.numbers = new Float64Array(slots);
    this.bigs = Array.from({ length: slots }, () => 0n);
    this.starts = new Int32Array(slots);
    this.ends = new Int32Array(slots);
  }

  reset(bytes: Buffer, start: number, end: number): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    this.at = start;
    this.end = end;
    this.depth = 0;
    const kinds = this.kinds;
    for (let slot = 0; slot < kinds.length; slot++) kinds[slot] = SLOT.empty;
  }

  skip(count: number): boolean {
    this.at += count;
    return count >= 0 && this.at <= this.end;
  }

  skipLong(): boolean {
    const bytes = this.bytes;
    const last = Math.min(this.end, this.at + LONG_BYTES);
    for (let at = this.at; at < last; at++) {
      if (bytes[at]! < 0x80) {
        this.at = at + 1;
        return true;
      }
    }
    return false;
  }

  /** An index or a length: at most 31 bits. Negative when it is none. */
  readCount(): number {
    const bytes = this.bytes;
    if (this.at >= this.end) return -1;
    const first = bytes[this.at++]!;
    if (first < 0x80) return (first & 1) === 0 ? first >>> 1 : -1;
    let value = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      if (this.at >= this.end) return -1;
      const byte = bytes[this.at++]!;
      if (shift === 28 && byte > 0x0f) return -1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value & 1) === 0 ? value >>> 1 : -1;
    }
    return -1;
  }

  /** To `value`, and to `big` where that is not exact. */
  readLong(): boolean {
    const start = this.at;
    const bytes = this.bytes;
    const last = Math.min(this.end, start + LONG_BYTES);
    let raw = 0;
    let factor = 1;
    for (let at = start; at < last; at++) {
      const byte = bytes[at]!;
      raw += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        this.at = at + 1;
        if (raw > Number.MAX_SAFE_INTEGER) return this.#readBig(start);
        this.value = raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
        this.big = undefined;
        return true;
      }
      factor *= 0x80;
    }
    return false;
  }

  #readBig(start: number): boolean {
    let raw = 0n;
    for (let at = this.at - 1; at >= start; at--) raw = (raw << 7n) | BigInt(this.bytes[at]! & 0x7f);
    // A tenth byte has one bit of the 64.
    if (raw >= 1n << 64n) return false;
    const value = (raw >> 1n) ^ -(raw & 1n);
    this.value = Number(value);
    this.big = Number.isSafeInteger(this.value) ? undefined : value;
    return true;
  }
}
