import { randomBytes } from 'node:crypto';

/** So many are drawn from the system at once: a draw costs as much as making a dozen of them. */
const AT_ONCE = 500;

/** Unpredictable ids and tokens of one length. Each byte of the system's is given out once and not kept. */
export class RandomBytes {
  readonly #length: number;
  #drawn = Buffer.alloc(0);
  #used = 0;

  constructor(length: number) {
    this.#length = length;
  }

  next(): Buffer {
    if (this.#used === this.#drawn.length) {
      this.#drawn = randomBytes(this.#length * AT_ONCE);
      this.#used = 0;
    }
    const part = this.#drawn.subarray(this.#used, this.#used + this.#length);
    this.#used += this.#length;
    const bytes = Buffer.from(part);
    part.fill(0);
    return bytes;
  }
}
