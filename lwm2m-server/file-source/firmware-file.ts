import { readSync, type Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { PlatformError } from '../../common/errors.ts';
import type { BodySource } from '../../lwm2m/coap/endpoint.ts';

/** Neighbouring blocks come from one read: 64 blocks of 1,024 bytes. */
const PIECE_BYTES = 65_536;
/** Pieces kept of one file: devices that began at different times are at different places of it. */
const PIECES = 16;

/**
 * One open file, shared by all devices that pull it: a few pieces of it are in memory, never the whole. Reading waits for the disk; the
 * system's read-ahead makes that rare, as blocks are asked for one after the other.
 */
export class FirmwareFile implements BodySource {
  readonly size: number;
  readonly etag: Uint8Array;
  lookedAtMs: number;
  readonly #handle: FileHandle;
  readonly #stats: Stats;
  /** By number, in order of last use. */
  readonly #pieces = new Map<number, Buffer>();
  #closed = false;

  constructor(handle: FileHandle, stats: Stats, etag: Uint8Array, lookedAtMs: number) {
    this.#handle = handle;
    this.#stats = stats;
    this.size = stats.size;
    this.etag = etag;
    this.lookedAtMs = lookedAtMs;
  }

  isStill(found: Stats): boolean {
    const { ino, dev, size, mtimeMs } = this.#stats;
    return found.ino === ino && found.dev === dev && found.size === size && found.mtimeMs === mtimeMs;
  }

  /** Throws COAP_BLOCK_FAILED when the file is shorter by now, or was closed. */
  read(offset: number, length: number): Uint8Array {
    const number = Math.floor(offset / PIECE_BYTES);
    const from = offset - number * PIECE_BYTES;
    const first = this.#piece(number).subarray(from, from + length);
    if (first.length === length) return first;
    return Buffer.concat([first, this.#piece(number + 1).subarray(0, length - first.length)]);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pieces.clear();
    this.#handle.close().catch(() => undefined); // it was only read
  }

  #piece(number: number): Buffer {
    const kept = this.#pieces.get(number);
    this.#pieces.delete(number);
    const piece = kept ?? this.#load(number);
    this.#pieces.set(number, piece);
    for (const oldest of this.#pieces.keys()) {
      if (this.#pieces.size <= PIECES) break;
      this.#pieces.delete(oldest);
    }
    return piece;
  }

  #load(number: number): Buffer {
    if (this.#closed) throw new PlatformError('COAP_BLOCK_FAILED', 'the file was closed meanwhile');
    const offset = number * PIECE_BYTES;
    const piece = Buffer.allocUnsafe(Math.max(0, Math.min(PIECE_BYTES, this.size - offset)));
    const bytes = readSync(this.#handle.fd, piece, 0, piece.length, offset);
    if (bytes < piece.length) throw new PlatformError('COAP_BLOCK_FAILED', 'the file is shorter than it was');
    return piece;
  }
}
