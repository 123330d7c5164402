import { PlatformError } from '../../common/errors.ts';

/**
 * Reads one answer of Kafka's protocol from its frame. Every length is checked before it is used, so that a broken answer ends in
 * KAFKA_UNAVAILABLE and never allocates more than the frame holds. Byte fields are views of the frame.
 */
const UUID_BYTES = 16;
const MAX_TAGS = 1_000;

export class ResponseReader {
  /** True: compact strings and arrays, and tagged fields after each structure (KIP-482). */
  flexible = false;
  readonly #frame: Buffer;
  #end: number;
  #at: number;

  constructor(frame: Buffer, from = 0) {
    this.#frame = frame;
    this.#at = from;
    this.#end = frame.length;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  int8(): number {
    const at = this.#take(1);
    return this.#frame.readInt8(at);
  }

  bool(): boolean {
    return this.int8() !== 0;
  }

  int16(): number {
    const at = this.#take(2);
    return this.#frame.readInt16BE(at);
  }

  int32(): number {
    const at = this.#take(4);
    return this.#frame.readInt32BE(at);
  }

  /** Offsets and milliseconds. Larger than 2^53 is refused as corrupt. */
  int64(): number {
    const at = this.#take(8);
    const value = this.#frame.readInt32BE(at) * 2 ** 32 + this.#frame.readUInt32BE(at + 4);
    if (!Number.isSafeInteger(value)) throw this.fault('a number beyond 2^53');
    return value;
  }

  bigInt64(): bigint {
    const at = this.#take(8);
    return this.#frame.readBigInt64BE(at);
  }

  uvarint(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 28; factor *= 0x80) {
      const byte = this.#frame[this.#take(1)]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw this.fault('a varint that does not end');
  }

  string(): string {
    return this.nullableString() ?? this.#missing();
  }

  nullableString(): string | null {
    const length = this.flexible ? this.uvarint() - 1 : this.int16();
    if (length < 0) return null;
    const at = this.#take(length);
    return this.#frame.toString('utf8', at, at + length);
  }

  /** A view of the frame; empty for null. */
  bytes(): Buffer {
    const length = this.flexible ? this.uvarint() - 1 : this.int32();
    if (length <= 0) return this.#frame.subarray(this.#at, this.#at);
    const at = this.#take(length);
    return this.#frame.subarray(at, at + length);
  }

  /** Base64url without padding, as Kafka prints a topic id. */
  uuid(): string {
    const at = this.#take(UUID_BYTES);
    return this.#frame.toString('base64url', at, at + UUID_BYTES);
  }

  /** @param read reads one element, of one byte at least; a null array reads as an empty one */
  array<T>(read: () => T): T[] {
    const items: T[] = [];
    for (let left = this.arrayLength(); left > 0; left--) items.push(read());
    return items;
  }

  /** The length of an array, never more than the bytes that are left could hold. */
  arrayLength(elementBytes = 1): number {
    const length = this.flexible ? this.uvarint() - 1 : this.int32();
    if (length * elementBytes > this.left) throw this.fault(`an array of ${length} elements in ${this.left} bytes`);
    return Math.max(0, length);
  }

  skip(bytes: number): void {
    this.#take(bytes);
  }

  skipInt32Array(): void {
    this.#take(4 * this.arrayLength(4));
  }

  /** Ends a structure. @param known reads the tagged field of that number; what it leaves is skipped, as unknown ones are */
  tags(known?: (tag: number) => void): void {
    if (!this.flexible) return;
    const count = this.uvarint();
    if (count > MAX_TAGS) throw this.fault(`${count} tagged fields`);
    for (let i = 0; i < count; i++) this.#tag(known);
  }

  #tag(known: ((tag: number) => void) | undefined): void {
    const tag = this.uvarint();
    const length = this.uvarint();
    const next = this.#take(length) + length;
    if (known === undefined) return;
    const end = this.#end;
    this.#at = next - length;
    this.#end = next;
    known(tag);
    this.#at = next;
    this.#end = end;
  }

  /** What to throw when the answer makes no sense. */
  fault(what: string): PlatformError {
    return new PlatformError('KAFKA_UNAVAILABLE', `the broker's answer is not Kafka's protocol: ${what}`, {
      details: { at: this.#at, frameBytes: this.#frame.length },
    });
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (bytes > this.#end - at) throw this.fault(`${bytes} bytes announced, ${this.#end - at} left`);
    this.#at = at + bytes;
    return at;
  }

  #missing(): never {
    throw this.fault('null in place of a text');
  }
}
