import { PlatformError } from '../../common/errors.ts';
import { FRESH_MEMORY, type FrameMemory } from './frame-pool.ts';

/** Largest answer that is taken: above what a broker sends for any fetch asked for here, below what would hurt. */
export const MAX_FRAME_BYTES = 128 * 2 ** 20;
/** Answers begin in here, and small ones end in here. */
const SCRATCH_BYTES = 64 * 2 ** 10;
/** With so much left of an answer the socket writes into its frame, past the scratch. */
const DIRECT_FROM_BYTES = 16 * 2 ** 10;
/** Frames from here on are memory of their own, so that keeping one keeps nothing else; they can hold records worth pooling. */
const OWN_MEMORY_FROM_BYTES = 2 ** 10;
const POOLED_FROM_BYTES = 64 * 2 ** 10;
const SIZE_BYTES = 4;

/**
 * Cuts a stream of bytes into frames: size 4 | that many bytes. Each frame is one exact buffer, filled as the bytes come. The bulk of a large
 * frame is read by the socket straight into it: ask `memory()` where the next bytes shall go, then say `received()`.
 */
export class FrameAssembler {
  readonly #onFrame: (frame: Buffer) => void;
  readonly #memory: FrameMemory;
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #direct = false;
  #size = 0;
  #sizeBytes = 0;
  #frame: Buffer | undefined;
  #filled = 0;

  /** @param onFrame owns the frame it is given */
  constructor(onFrame: (frame: Buffer) => void, memory: FrameMemory = FRESH_MEMORY) {
    this.#onFrame = onFrame;
    this.#memory = memory;
  }

  /** Where the next bytes shall be written; never empty. */
  memory(): Buffer {
    const left = this.#frame === undefined ? 0 : this.#frame.length - this.#filled;
    this.#direct = left >= DIRECT_FROM_BYTES;
    return this.#direct ? this.#frame!.subarray(this.#filled) : this.#scratch;
  }

  /**
   * So many bytes are in what `memory()` gave last.
   *
   * @throws KAFKA_REFUSED when a size makes no sense: this is not Kafka, or an answer is beyond MAX_FRAME_BYTES
   */
  received(count: number): void {
    if (this.#direct) {
      this.#filled += count;
      this.#endFrame();
      return;
    }
    let at = 0;
    while (at < count) at = this.#frame === undefined ? this.#takeSize(at) : this.#takeBody(at, count);
  }

  #takeSize(at: number): number {
    this.#size = this.#size * 256 + this.#scratch[at]!;
    if (++this.#sizeBytes < SIZE_BYTES) return at + 1;
    if (this.#size < SIZE_BYTES || this.#size > MAX_FRAME_BYTES) {
      throw new PlatformError('KAFKA_REFUSED', `the broker announced an answer of ${this.#size} bytes`, {
        details: { announcedBytes: this.#size, limitBytes: MAX_FRAME_BYTES },
      });
    }
    this.#frame = this.#memoryFor(this.#size);
    this.#filled = 0;
    this.#size = 0;
    this.#sizeBytes = 0;
    return at + 1;
  }

  #memoryFor(bytes: number): Buffer {
    if (bytes < OWN_MEMORY_FROM_BYTES) return Buffer.allocUnsafe(bytes);
    return bytes < POOLED_FROM_BYTES ? Buffer.allocUnsafeSlow(bytes) : this.#memory.take(bytes);
  }

  #takeBody(at: number, end: number): number {
    const taken = Math.min(end - at, this.#frame!.length - this.#filled);
    this.#scratch.copy(this.#frame!, this.#filled, at, at + taken);
    this.#filled += taken;
    this.#endFrame();
    return at + taken;
  }

  #endFrame(): void {
    const frame = this.#frame!;
    if (this.#filled < frame.length) return;
    this.#frame = undefined;
    this.#onFrame(frame);
  }
}
