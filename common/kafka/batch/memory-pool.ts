const LEAST_BYTES = 16 * 2 ** 10;
export const KEPT_BYTES = 8 * 2 ** 20;

/** Memory that is used again: at most 8 MiB of it waits for that, the rest is left to the collector. */
export class MemoryPool {
  readonly #free: Buffer[] = [];
  #freeBytes = 0;

  /** At least so many bytes. */
  take(bytes: number): Buffer {
    const last = this.#free.pop();
    if (last === undefined) return Buffer.allocUnsafeSlow(Math.max(bytes, LEAST_BYTES));
    this.#freeBytes -= last.length;
    return last.length >= bytes ? last : Buffer.allocUnsafeSlow(bytes);
  }

  /** In its place at least twice as many bytes, and at least `bytes`, with the first `used` of them. The old is left to the collector. */
  grow(memory: Buffer, used: number, bytes: number): Buffer {
    const larger = Buffer.allocUnsafeSlow(Math.max(memory.length * 2, bytes));
    memory.copy(larger, 0, 0, used);
    return larger;
  }

  /** Who gives it back uses it no longer. */
  give(memory: Buffer): void {
    if (this.#freeBytes + memory.length > KEPT_BYTES) return;
    this.#free.push(memory);
    this.#freeBytes += memory.length;
  }
}
