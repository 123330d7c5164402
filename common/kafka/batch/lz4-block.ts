import { copyBytes, repeatBytes } from './byte-copy.ts';
import { corruptBatch } from './corrupt.ts';

/**
 * LZ4 blocks (LZ4 Block Format Description): sequences of
 *
 *   token: literals 4 bits, match 4 bits | more of the literals' length … | literals | distance 2 | more of the match's length …
 *
 * A nibble of 15 goes on with bytes that are added, until one is not 255. The last sequence has literals only.
 */
const LEAST_MATCH = 4;
const NIBBLE_FULL = 15;
/** The last five bytes are literals, and no match begins within the last twelve. */
const LAST_LITERALS = 5;
const NO_MATCH_WITHIN = 12;
const HASH_BITS = 14;
/** Greatest distance, and greatest block of ours, so that a position in it is 16 bits. */
export const LZ4_WINDOW_BYTES = 65_536;

/** Room for what a block of so many bytes compresses to at worst. */
export function lz4BlockBound(length: number): number {
  return length + Math.ceil(length / 255) + 16;
}

/**
 * Writes what the block from `start` up to `end` stands for to `at` in `target`, and returns the end of it.
 * @param windowStart how far back in `target` matches may reach  @param limit where `target` must not be written any more
 */
export function readLz4Block(
  bytes: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number,
  windowStart: number,
  limit: number,
): number {
  let read = start;
  let write = at;
  while (read < end) {
    const token = bytes[read++]!;
    let length = token >> 4;
    if (length === NIBBLE_FULL) {
      let more: number;
      do {
        if (read >= end) throw corruptLz4();
        more = bytes[read++]!;
        length += more;
      } while (more === 255);
    }
    if (length > end - read || length > limit - write) throw corruptLz4();
    copyBytes(bytes, read, read + length, target, write);
    read += length;
    write += length;
    if (read === end) return write;
    if (end - read < 2) throw corruptLz4();
    const distance = bytes[read]! | (bytes[read + 1]! << 8);
    read += 2;
    length = token & NIBBLE_FULL;
    if (length === NIBBLE_FULL) {
      let more: number;
      do {
        if (read >= end) throw corruptLz4();
        more = bytes[read++]!;
        length += more;
      } while (more === 255);
    }
    length += LEAST_MATCH;
    if (distance === 0 || distance > write - windowStart || length > limit - write) throw corruptLz4();
    repeatBytes(target, write, distance, length);
    write += length;
  }
  throw corruptLz4();
}

export function corruptLz4(): Error {
  return corruptBatch('records are not compressed with lz4 as their batch says');
}

const positions = new Uint16Array(2 ** HASH_BITS);

/** Compresses the bytes from `start` up to `end`, at most a window, to `at` in `target`, which has room for the worst; returns the end. */
export function writeLz4Block(bytes: Buffer, start: number, end: number, target: Buffer, at: number): number {
  let write = at;
  let anchor = start;
  const lastMatchStart = end - NO_MATCH_WITHIN;
  const matchEnd = end - LAST_LITERALS;
  positions.fill(0);
  let misses = 0;
  for (let read = start + 1; read <= lastMatchStart; ) {
    const word = bytes[read]! | (bytes[read + 1]! << 8) | (bytes[read + 2]! << 16) | (bytes[read + 3]! << 24);
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
    const candidate = start + positions[slot]!;
    positions[slot] = read - start;
    if (
      candidate >= read ||
      bytes[candidate] !== (word & 0xff) ||
      bytes[candidate + 1] !== ((word >>> 8) & 0xff) ||
      bytes[candidate + 2] !== ((word >>> 16) & 0xff) ||
      bytes[candidate + 3] !== word >>> 24
    ) {
      // The longer nothing is found, the larger the steps: what cannot be compressed is passed quickly.
      read += 1 + (misses++ >> 6);
      continue;
    }
    misses = 0;
    let matched = read + LEAST_MATCH;
    for (let from = candidate + LEAST_MATCH; matched < matchEnd && bytes[matched] === bytes[from]; from++) matched++;
    write = writeSequence(bytes, anchor, read, target, write, matched - read - LEAST_MATCH);
    target[write++] = (read - candidate) & 0xff;
    target[write++] = (read - candidate) >> 8;
    write = writeMore(target, write, matched - read - LEAST_MATCH);
    read = matched;
    anchor = matched;
  }
  return writeSequence(bytes, anchor, end, target, write, 0);
}

/** The token and the literals. */
function writeSequence(
  bytes: Buffer,
  from: number,
  to: number,
  target: Buffer,
  at: number,
  matchLength: number,
): number {
  const literals = to - from;
  target[at] = (Math.min(literals, NIBBLE_FULL) << 4) | Math.min(matchLength, NIBBLE_FULL);
  const write = writeMore(target, at + 1, literals);
  copyBytes(bytes, from, to, target, write);
  return write + literals;
}

/** What of a length a nibble cannot tell. */
function writeMore(target: Buffer, at: number, length: number): number {
  let write = at;
  if (length < NIBBLE_FULL) return write;
  let left = length - NIBBLE_FULL;
  for (; left >= 255; left -= 255) target[write++] = 255;
  target[write++] = left;
  return write;
}
