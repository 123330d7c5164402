const FIRST_BYTES = 1_024;

/** A body that grows block by block. Copies: thousands of small blocks kept as they came would cost many times their bytes. */
export class BodyBuffer {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = needed;
  }

  /** A view: append no more afterwards. */
  whole(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}
