import {
  corruptSnappy,
  readSnappyElements,
  SNAPPY_BLOCK_BYTES,
  snappyBlockBound,
  snappyLength,
  writeSnappyBlock,
} from './snappy-block.ts';

/**
 * Java's producers write snappy in the framing of its snappy library (xerial), librdkafka and others one raw block:
 *
 *   0x82 "SNAPPY" 0 | version 4 | least version that can read it 4 | ( block length 4 | raw block ) …      numbers big-endian
 *
 * No raw block begins so: its first element would copy from before its start.
 */
const XERIAL_MAGIC = Buffer.from('\x82SNAPPY\0', 'latin1');
const XERIAL_HEADER_BYTES = 16;
const XERIAL_VERSION = 1;

/** Both forms; the announced lengths are bounded by `limitBytes` before memory is taken. */
export function readSnappy(bytes: Buffer, limitBytes: number): Buffer {
  if (!isXerial(bytes)) {
    const { length, at } = snappyLength(bytes, 0, bytes.length);
    const target = roomFor(length, bytes.length, limitBytes);
    readSnappyElements(bytes, at, bytes.length, target, 0, length);
    return target;
  }
  let total = 0;
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length; ) {
    const end = blockEnd(bytes, at);
    total += snappyLength(bytes, at + 4, end).length;
    at = end;
  }
  const target = roomFor(total, bytes.length, limitBytes);
  let write = 0;
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length; ) {
    const end = blockEnd(bytes, at);
    const { length, at: elements } = snappyLength(bytes, at + 4, end);
    readSnappyElements(bytes, elements, end, target, write, length);
    write += length;
    at = end;
  }
  return target;
}

function isXerial(bytes: Buffer): boolean {
  return bytes.length >= XERIAL_HEADER_BYTES && XERIAL_MAGIC.compare(bytes, 0, XERIAL_MAGIC.length) === 0;
}

function blockEnd(bytes: Buffer, at: number): number {
  if (at + 4 > bytes.length) throw corruptSnappy();
  const end = at + 4 + bytes.readUInt32BE(at);
  if (end > bytes.length) throw corruptSnappy();
  return end;
}

/** A copy of three bytes stands for 64: no byte stands for more than that. */
function roomFor(length: number, compressedBytes: number, limitBytes: number): Buffer {
  if (length > limitBytes || length > compressedBytes * 64) throw corruptSnappy();
  return Buffer.allocUnsafeSlow(length);
}

/** In xerial framing, which every client of Kafka reads. */
export function writeSnappy(bytes: Buffer): Buffer {
  const blocks = Math.ceil(bytes.length / SNAPPY_BLOCK_BYTES);
  const target = Buffer.allocUnsafeSlow(XERIAL_HEADER_BYTES + snappyBlockBound(bytes.length) + blocks * 40);
  target.set(XERIAL_MAGIC);
  target.writeInt32BE(XERIAL_VERSION, 8);
  target.writeInt32BE(XERIAL_VERSION, 12);
  let write = XERIAL_HEADER_BYTES;
  for (let start = 0; start < bytes.length; start += SNAPPY_BLOCK_BYTES) {
    const end = Math.min(start + SNAPPY_BLOCK_BYTES, bytes.length);
    const blockEndsAt = writeSnappyBlock(bytes, start, end, target, write + 4);
    target.writeInt32BE(blockEndsAt - write - 4, write);
    write = blockEndsAt;
  }
  return target.subarray(0, write);
}
