import { copyBytes, repeatBytes } from './byte-copy.ts';
import { corruptBatch } from './corrupt.ts';

/**
 * Snappy's raw format (snappy format_description.txt): the length as a varint, then elements by the two lowest bits of their tag:
 *
 *   0 literals: length - 1 in 6 bits, or 60 to 63 for 1 to 4 bytes of it that follow
 *   1 copy: length - 4 in 3 bits, distance 11 bits  |  2 copy: length - 1 in 6 bits, distance 2 bytes  |  3 the same, distance 4 bytes
 */
const LONGEST_INLINE_LITERAL = 60;
const LEAST_MATCH = 4;
const LONGEST_COPY = 64;
const HASH_BITS = 14;
/** Greatest block of ours, so that a distance is 16 bits. */
export const SNAPPY_BLOCK_BYTES = 65_536;

/** Room for what a block of so many bytes compresses to at worst. */
export function snappyBlockBound(length: number): number {
  return length + Math.ceil(length / 6) + 32;
}

/** Length of what the block stands for, and where its elements begin. */
export function snappyLength(bytes: Buffer, start: number, end: number): { length: number; at: number } {
  let length = 0;
  for (let at = start, factor = 1; at < end && at < start + 5; at++, factor *= 0x80) {
    length += (bytes[at]! & 0x7f) * factor;
    if (bytes[at]! < 0x80) return { length, at: at + 1 };
  }
  throw corruptSnappy();
}

/** Writes what the elements from `start` up to `end` stand for, which must come to `length` bytes, to `at` in `target`, where there is room. */
export function readSnappyElements(
  bytes: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number,
  length: number,
): void {
  const limit = at + length;
  let read = start;
  let write = at;
  while (read < end) {
    const tag = bytes[read++]!;
    const kind = tag & 3;
    const extra = kind === 0 ? Math.max((tag >> 2) + 1 - LONGEST_INLINE_LITERAL, 0) : kind === 3 ? 4 : kind;
    if (extra > end - read) throw corruptSnappy();
    let number = 0;
    for (let index = extra - 1; index >= 0; index--) number = number * 256 + bytes[read + index]!;
    read += extra;
    if (kind === 0) {
      const literals = 1 + (extra === 0 ? tag >> 2 : number);
      if (literals > end - read || literals > limit - write) throw corruptSnappy();
      copyBytes(bytes, read, read + literals, target, write);
      read += literals;
      write += literals;
      continue;
    }
    const copied = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const distance = kind === 1 ? ((tag >> 5) << 8) | number : number;
    if (distance === 0 || distance > write - at || copied > limit - write) throw corruptSnappy();
    repeatBytes(target, write, distance, copied);
    write += copied;
  }
  if (write !== limit) throw corruptSnappy();
}

export function corruptSnappy(): Error {
  return corruptBatch('records are not compressed with snappy as their batch says');
}

const positions = new Uint16Array(2 ** HASH_BITS);

/** Compresses the bytes from `start` up to `end`, at most a block, to `at` in `target`, which has room for the worst; returns the end. */
export function writeSnappyBlock(bytes: Buffer, start: number, end: number, target: Buffer, at: number): number {
  let write = at;
  for (let left = end - start; ; left >>>= 7) {
    target[write++] = left < 0x80 ? left : (left & 0x7f) | 0x80;
    if (left < 0x80) break;
  }
  let anchor = start;
  positions.fill(0);
  let misses = 0;
  for (let read = start + 1; read + LEAST_MATCH <= end; ) {
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
      read += 1 + (misses++ >> 5);
      continue;
    }
    misses = 0;
    let matched = read + LEAST_MATCH;
    for (let from = candidate + LEAST_MATCH; matched < end && bytes[matched] === bytes[from]; from++) matched++;
    write = writeLiterals(bytes, anchor, read, target, write);
    write = writeCopies(target, write, read - candidate, matched - read);
    read = matched;
    anchor = matched;
  }
  return writeLiterals(bytes, anchor, end, target, write);
}

function writeLiterals(bytes: Buffer, from: number, to: number, target: Buffer, at: number): number {
  const last = to - from - 1;
  if (last < 0) return at;
  let write = at;
  if (last < LONGEST_INLINE_LITERAL) {
    target[write++] = last << 2;
  } else if (last < 256) {
    target[write++] = 60 << 2;
    target[write++] = last;
  } else {
    target[write++] = 61 << 2;
    target[write++] = last & 0xff;
    target[write++] = last >> 8;
  }
  copyBytes(bytes, from, to, target, write);
  return write + last + 1;
}

function writeCopies(target: Buffer, at: number, distance: number, length: number): number {
  let write = at;
  for (let left = length; left > 0; left -= LONGEST_COPY) {
    const now = Math.min(left, LONGEST_COPY);
    target[write++] = ((now - 1) << 2) | 2;
    target[write++] = distance & 0xff;
    target[write++] = distance >> 8;
  }
  return write;
}
