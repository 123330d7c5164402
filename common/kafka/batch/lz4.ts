import { copyBytes } from './byte-copy.ts';
import { corruptLz4, LZ4_WINDOW_BYTES, lz4BlockBound, readLz4Block, writeLz4Block } from './lz4-block.ts';
import { xxh32 } from './xxh32.ts';

/**
 * LZ4 frames (LZ4 Frame Format Description 1.6.4), as Kafka's clients write and brokers read them; all numbers little-endian:
 *
 *   magic 4 | flags 1 | block size 1 | content size 8? | dictionary id 4? | header checksum 1 |
 *   ( block length 4 | block | block checksum 4? ) … | 0 4 | content checksum 4?
 */
const MAGIC = 0x184d2204;
const SKIPPED_MAGIC = 0x184d2a50;
const VERSION = 0x40;
const FLAG = { version: 0xc0, independent: 0x20, blockChecksums: 0x10, size: 0x08, checksum: 0x04, never: 0x03 };
const STORED = 2 ** 31;
/** By the number in the header. */
const BLOCK_BYTES: Readonly<Record<number, number>> = { 4: 2 ** 16, 5: 2 ** 18, 6: 2 ** 20, 7: 2 ** 22 };
const OUR_BLOCK_SIZE = 4;
/** One byte of a block stands for no more. */
const GREATEST_RATIO = 255;

interface Frame {
  readonly flags: number;
  readonly blockBytes: number;
  readonly contentBytes: number | undefined;
  readonly firstBlockAt: number;
}

/** All frames one after another; memory is taken for what the block headers allow, and never more than `limitBytes`. */
export function readLz4(bytes: Buffer, limitBytes: number): Buffer {
  const target = Buffer.allocUnsafeSlow(Math.min(greatestLength(bytes), limitBytes));
  let write = 0;
  for (let at = 0; at < bytes.length; ) {
    const skipped = skippedFrameEnd(bytes, at);
    if (skipped !== undefined) {
      at = skipped;
      continue;
    }
    const frame = readHeader(bytes, at);
    const start = write;
    for (at = frame.firstBlockAt; ; ) {
      const { block, end, isStored, next } = blockAt(bytes, at, frame);
      at = next;
      if (block === end) break;
      if (isStored && end - block > target.length - write) throw corruptLz4();
      const windowStart = (frame.flags & FLAG.independent) !== 0 ? write : start;
      const limit = Math.min(target.length, write + frame.blockBytes);
      if (isStored) copyBytes(bytes, block, end, target, write);
      write = isStored ? write + end - block : readLz4Block(bytes, block, end, target, write, windowStart, limit);
    }
    if (frame.contentBytes !== undefined && frame.contentBytes !== write - start) throw corruptLz4();
    if ((frame.flags & FLAG.checksum) !== 0) {
      if (at + 4 > bytes.length || bytes.readUInt32LE(at) !== xxh32(target, start, write)) throw corruptLz4();
      at += 4;
    }
  }
  return target.subarray(0, write);
}

/** What the blocks cannot exceed. */
function greatestLength(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; ) {
    const skipped = skippedFrameEnd(bytes, at);
    if (skipped !== undefined) {
      at = skipped;
      continue;
    }
    const frame = readHeader(bytes, at);
    for (at = frame.firstBlockAt; ; ) {
      const { block, end, isStored, next } = blockAt(bytes, at, frame);
      at = next;
      if (block === end) break;
      sum += isStored ? end - block : Math.min(frame.blockBytes, (end - block) * GREATEST_RATIO);
    }
    if ((frame.flags & FLAG.checksum) !== 0) at += 4;
  }
  return sum;
}

function skippedFrameEnd(bytes: Buffer, at: number): number | undefined {
  if (at + 8 > bytes.length) throw corruptLz4();
  if ((bytes.readUInt32LE(at) & ~0xf) !== SKIPPED_MAGIC) return undefined;
  const end = at + 8 + bytes.readUInt32LE(at + 4);
  if (end > bytes.length) throw corruptLz4();
  return end;
}

function readHeader(bytes: Buffer, start: number): Frame {
  if (start + 7 > bytes.length || bytes.readUInt32LE(start) !== MAGIC) throw corruptLz4();
  const flags = bytes[start + 4]!;
  const blockBytes = BLOCK_BYTES[bytes[start + 5]! >> 4];
  // A reserved bit, or a dictionary, which nobody could have given us.
  if ((flags & FLAG.version) !== VERSION || (flags & FLAG.never) !== 0 || blockBytes === undefined) throw corruptLz4();
  const hasSize = (flags & FLAG.size) !== 0;
  const checksumAt = start + 6 + (hasSize ? 8 : 0);
  if (checksumAt >= bytes.length || bytes[checksumAt] !== headerChecksum(bytes, start + 4, checksumAt)) {
    throw corruptLz4();
  }
  const contentBytes = hasSize ? Number(bytes.readBigUInt64LE(start + 6)) : undefined;
  return { flags, blockBytes, contentBytes, firstBlockAt: checksumAt + 1 };
}

function headerChecksum(bytes: Buffer, from: number, to: number): number {
  return (xxh32(bytes, from, to) >>> 8) & 0xff;
}

/** The block from `block` up to `end`; none when the two are one. */
function blockAt(bytes: Buffer, at: number, { flags, blockBytes }: Frame) {
  if (at + 4 > bytes.length) throw corruptLz4();
  const word = bytes.readUInt32LE(at);
  const block = at + 4;
  const length = word % STORED;
  if (word === 0) return { block, end: block, isStored: false, next: block };
  const end = block + length;
  const next = end + ((flags & FLAG.blockChecksums) !== 0 ? 4 : 0);
  if (length === 0 || length > blockBytes || next > bytes.length) throw corruptLz4();
  if (next !== end && bytes.readUInt32LE(end) !== xxh32(bytes, block, end)) throw corruptLz4();
  return { block, end, isStored: word >= STORED, next };
}

/** One frame of independent blocks of 64 KiB without checksums, as the Java producer's: the batch has its own. */
export function writeLz4(bytes: Buffer): Buffer {
  const blocks = Math.ceil(bytes.length / LZ4_WINDOW_BYTES);
  const target = Buffer.allocUnsafeSlow(11 + blocks * 4 + lz4BlockBound(bytes.length) + blocks * 16);
  target.writeUInt32LE(MAGIC, 0);
  target[4] = VERSION | FLAG.independent;
  target[5] = OUR_BLOCK_SIZE << 4;
  target[6] = headerChecksum(target, 4, 6);
  let write = 7;
  for (let start = 0; start < bytes.length; start += LZ4_WINDOW_BYTES) {
    const end = Math.min(start + LZ4_WINDOW_BYTES, bytes.length);
    let length = writeLz4Block(bytes, start, end, target, write + 4) - write - 4;
    const isStored = length >= end - start;
    if (isStored) {
      copyBytes(bytes, start, end, target, write + 4);
      length = end - start;
    }
    target.writeUInt32LE(isStored ? length + STORED : length, write);
    write += 4 + length;
  }
  target.writeUInt32LE(0, write);
  return target.subarray(0, write + 4);
}
