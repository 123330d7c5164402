/** Where the memory of large answers comes from. */
export interface FrameMemory {
  /** A buffer of exactly so many bytes, whatever it holds. */
  take(bytes: number): Buffer;
}

/** Memory for each answer, which goes when nothing refers to it any more. */
export const FRESH_MEMORY: FrameMemory = { take: (bytes) => Buffer.allocUnsafeSlow(bytes) };

/** Slabs are multiples of it, so that answers of about one size share them. */
const SLAB_BYTES = 256 * 2 ** 10;
/** An answer takes no slab beyond so many times its size. */
const LARGEST_RATIO = 4;

/**
 * Memory that is used again: `release` what was fetched once it was written elsewhere, and later answers are read into it. Fetching megabytes into fresh
 * memory each time costs about as much as copying them, and leaves the garbage of many answers resident.
 *
 * What is never released is merely collected as garbage. Kept for later are `limitBytes` at most; what goes beyond is dropped.
 */
export class FramePool implements FrameMemory {
  readonly #limitBytes: number;
  readonly #free: ArrayBufferLike[] = [];
  #keptBytes = 0;

  constructor(o: { readonly limitBytes: number }) {
    this.#limitBytes = o.limitBytes;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  take(bytes: number): Buffer {
    const slab = this.#fitting(bytes) ?? Buffer.allocUnsafeSlow(Math.ceil(bytes / SLAB_BYTES) * SLAB_BYTES).buffer;
    return Buffer.from(slab, 0, bytes);
  }

  /**
   * Nothing of the answer may be used afterwards. Bytes that are not of a slab, and those released already, are passed over.
   *
   * @param part any part of the answer, such as the records of one partition
   */
  release(part: Buffer): void {
    const slab = part.buffer;
    const isSlab = slab.byteLength > 0 && slab.byteLength % SLAB_BYTES === 0;
    if (!isSlab || this.#keptBytes + slab.byteLength > this.#limitBytes || this.#free.includes(slab)) return;
    this.#free.push(slab);
    this.#keptBytes += slab.byteLength;
  }

  /** The smallest that is large enough. */
  #fitting(bytes: number): ArrayBufferLike | undefined {
    let best = -1;
    for (const [at, { byteLength }] of this.#free.entries()) {
      if (byteLength < bytes || byteLength > Math.max(SLAB_BYTES, bytes * LARGEST_RATIO)) continue;
      if (best < 0 || byteLength < this.#free[best]!.byteLength) best = at;
    }
    if (best < 0) return undefined;
    const [slab] = this.#free.splice(best, 1);
    this.#keptBytes -= slab!.byteLength;
    return slab;
  }
}
