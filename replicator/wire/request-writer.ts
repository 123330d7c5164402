import { PlatformError } from '../../common/errors.ts';

/**
 * Writes one request of Kafka's protocol (kafka.apache.org/protocol: primitive types, KIP-482 for the compact ones).
 *
 * The small fields go into memory of the writer; record batches are kept by reference, so a megabyte of records is never
 * copied. What comes out is a list of chunks for one `writev`.
 */
const FIRST_MEMORY_BYTES = 512;
const MEMORY_BYTES = 4_096;
const UUID_BYTES = 16;
const LONGEST_UVARINT = 5;
const UUID_CHARACTERS = 22;

export class RequestWriter {
  /** True: compact strings and arrays, and tagged fields after each structure (KIP-482). */
  flexible = false;
  readonly #chunks: Buffer[] = [];
  #memory = Buffer.allocUnsafe(FIRST_MEMORY_BYTES);
  #start = 0;
  #at = 0;
  #closedBytes = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#closedBytes + this.#at - this.#start;
  }

  /** The chunks written, in order. The writer must not be used after it. */
  finish(): readonly Buffer[] {
    this.#endChunk();
    return this.#chunks;
  }

  int8(value: number): void {
    const at = this.#take(1);
    this.#memory[at] = value;
  }

  bool(value: boolean): void {
    this.int8(value ? 1 : 0);
  }

  int16(value: number): void {
    const at = this.#take(2);
    this.#memory.writeInt16BE(value, at);
  }

  int32(value: number): void {
    const at = this.#take(4);
    this.#memory.writeInt32BE(value, at);
  }

  /** @param value an integer of at most 2^53 either way: offsets and milliseconds */
  int64(value: number): void {
    const at = this.#take(8);
    const high = Math.floor(value / 2 ** 32);
    this.#memory.writeInt32BE(high, at);
    this.#memory.writeUInt32BE(value - high * 2 ** 32, at + 4);
  }

  bigInt64(value: bigint): void {
    const at = this.#take(8);
    this.#memory.writeBigInt64BE(value, at);
  }

  uvarint(value: number): void {
    this.#reserve(LONGEST_UVARINT);
    for (; value >= 0x80; value = Math.floor(value / 0x80)) this.#memory[this.#at++] = (value % 0x80) | 0x80;
    this.#memory[this.#at++] = value;
  }

  string(value: string | null): void {
    const bytes = value === null ? -1 : Buffer.byteLength(value);
    if (this.flexible) this.uvarint(bytes + 1);
    else this.int16(bytes);
    if (value === null) return;
    const at = this.#take(bytes);
    this.#memory.write(value, at);
  }

  bytes(value: Uint8Array): void {
    if (this.flexible) this.uvarint(value.length + 1);
    else this.int32(value.length);
    const at = this.#take(value.length);
    this.#memory.set(value, at);
  }

  /** @param value base64url of 16 bytes, as Kafka prints a topic id @throws KAFKA_REFUSED when it is not */
  uuid(value: string): void {
    const at = this.#take(UUID_BYTES);
    if (value.length !== UUID_CHARACTERS || this.#memory.write(value, at, 'base64url') !== UUID_BYTES) {
      throw new PlatformError('KAFKA_REFUSED', `"${value}" is not a topic id`);
    }
  }

  /** The length of an array; its elements follow. -1 is a null array. */
  arrayLength(length: number): void {
    if (this.flexible) this.uvarint(length + 1);
    else this.int32(length);
  }

  array<T>(items: readonly T[], write: (item: T) => void): void {
    this.arrayLength(items.length);
    for (const item of items) write(item);
  }

  /** Ends a structure: no tagged fields, where the version has them at all. */
  tags(): void {
    if (this.flexible) this.uvarint(0);
  }

  /** Chunks of one record batch, by reference: they must stay as they are until the answer is there. */
  records(chunks: readonly Buffer[]): void {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (this.flexible) this.uvarint(bytes + 1);
    else this.int32(bytes);
    this.#endChunk();
    for (const chunk of chunks) if (chunk.length > 0) this.#chunks.push(chunk);
    this.#closedBytes += bytes;
  }

  #take(bytes: number): number {
    this.#reserve(bytes);
    this.#at += bytes;
    return this.#at - bytes;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#memory.length) return;
    this.#endChunk();
    this.#memory = Buffer.allocUnsafe(Math.max(MEMORY_BYTES, bytes));
    this.#start = 0;
    this.#at = 0;
  }

  #endChunk(): void {
    if (this.#at === this.#start) return;
    this.#chunks.push(this.#memory.subarray(this.#start, this.#at));
    this.#closedBytes += this.#at - this.#start;
    this.#start = this.#at;
  }
}
