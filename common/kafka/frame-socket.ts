import { connect, type Socket } from 'node:net';
import { MemoryPool } from './batch/memory-pool.ts';

/** What is read at once; all reads of a connection go there. */
const READ_BYTES = 256 * 1024;
const LENGTH_BYTES = 4;
/** No broker answers a fetch with more; a length beyond it is none. */
const FRAME_BYTES_LIMIT = 2 ** 30;
/** Smaller ones are not worth the book-keeping. */
const LARGE_FRAME_BYTES = 64 * 1024;
/** Frames of about one size take turns in the same memory. */
const FRAME_STEP_BYTES = 512 * 1024;
const KEEP_ALIVE_DELAY_MS = 60_000;

/**
 * A connection to a broker that gives each answer as one `data` event: Node's own would take new memory for each read, and kafkajs join
 * the pieces in new memory again, which for fetches keeps the collector busy. For kafkajs's `socketFactory`; not for TLS.
 */
export function connectForFrames(
  o: { readonly host: string; readonly port: number; onConnect(): void },
  memory: FrameMemory,
): Socket {
  const frames = new FrameAssembler(memory, (frame) => socket.emit('data', frame));
  const socket: Socket = connect(
    {
      host: o.host,
      port: o.port,
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BYTES),
        callback: (count, buffer) => {
          if (!frames.take(buffer as Buffer, count)) socket.destroy(new Error('a broker sent what is no answer'));
          return true;
        },
      },
    },
    o.onConnect,
  );
  socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
  return socket;
}

/** Memory of frames, of which those of large ones are used again once they are given back. */
export class FrameMemory {
  readonly #pool = new MemoryPool();
  readonly #lent = new WeakSet<ArrayBufferLike>();

  take(bytes: number): Buffer {
    if (bytes < LARGE_FRAME_BYTES) return Buffer.allocUnsafe(bytes);
    const memory = this.#pool.take(Math.ceil(bytes / FRAME_STEP_BYTES) * FRAME_STEP_BYTES);
    this.#lent.add(memory.buffer);
    return memory.subarray(0, bytes);
  }

  /** Of any part of a frame: nobody uses any part of it from now on. Another is left to the collector, as is one that is not given back. */
  give(part: Buffer): void {
    if (this.#lent.delete(part.buffer)) this.#pool.give(Buffer.from(part.buffer));
  }
}

/** Puts together what comes in pieces: four bytes of length, big-endian, and so many bytes. */
export class FrameAssembler {
  readonly #memory: FrameMemory;
  readonly #onFrame: (frame: Buffer) => void;
  readonly #length = Buffer.alloc(LENGTH_BYTES);
  #lengthBytes = 0;
  #frame: Buffer | undefined;
  #filled = 0;

  /** @param onFrame told each frame, length and all */
  constructor(memory: FrameMemory, onFrame: (frame: Buffer) => void) {
    this.#memory = memory;
    this.#onFrame = onFrame;
  }

  /** The first `count` bytes are copied. False when they cannot be frames. */
  take(bytes: Buffer, count: number): boolean {
    let at = 0;
    while (at < count) {
      if (this.#frame === undefined) {
        this.#length[this.#lengthBytes++] = bytes[at++]!;
        if (this.#lengthBytes === LENGTH_BYTES && !this.#begin()) return false;
      } else {
        const part = Math.min(count - at, this.#frame.length - this.#filled);
        bytes.copy(this.#frame, this.#filled, at, at + part);
        this.#filled += part;
        at += part;
      }
      this.#end();
    }
    return true;
  }

  #begin(): boolean {
    const size = this.#length.readInt32BE(0);
    if (size < 0 || size > FRAME_BYTES_LIMIT) return false;
    this.#frame = this.#memory.take(LENGTH_BYTES + size);
    this.#length.copy(this.#frame);
    this.#filled = LENGTH_BYTES;
    this.#lengthBytes = 0;
    return true;
  }

  #end(): void {
    const frame = this.#frame;
    if (frame === undefined || this.#filled < frame.length) return;
    this.#frame = undefined;
    this.#onFrame(frame);
  }
}
