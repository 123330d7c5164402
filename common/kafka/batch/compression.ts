import { promisify } from 'node:util';
import { constants, gunzip, gunzipSync, gzip, zstdCompress, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { corruptBatch } from './corrupt.ts';
import { readLz4, writeLz4 } from './lz4.ts';
import { readSnappy, writeSnappy } from './snappy.ts';

/** Names of the codecs by their number in a batch's attributes. */
export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** Bytes of an uncompressed section that nobody's batches exceed. */
export const DECOMPRESSED_LIMIT_BYTES = 64 * 2 ** 20;

/**
 * On 900 KB of observations level 3 gives 8 to 20 % less than level 1; levels 4 to 9 take 1.3 to 6 times its time and give nothing
 * less. The window is zstd's own choice, which is told the length: smaller ones cost up to a third, larger ones gain nothing.
 */
const ZSTD_LEVEL = 3;
const GZIP_LEVEL = 6;
/** Up to here gzip and zstd are read at once: handing it to a thread would take longer. */
const READ_AT_ONCE_BYTES = 4096;
/** Memory for what comes out is taken in pieces of these sizes; each piece is one turn on a thread. */
const LEAST_PIECE_BYTES = 16 * 2 ** 10;
const LARGEST_PIECE_BYTES = 2 ** 20;
const EXPECTED_RATIO = 8;

const gunzipOnThread = promisify(gunzip);
const gzipOnThread = promisify(gzip);
const zstdReadOnThread = promisify(zstdDecompress);
const zstdWriteOnThread = promisify(zstdCompress);

/**
 * The uncompressed section, in memory of its own; for `none` the bytes themselves. A promise only for large gzip and zstd, which
 * are read on a thread. RECORD_BATCH_CORRUPT, thrown or rejected, where the bytes are not of the codec or come to more than
 * `limitBytes`.
 */
export function decompress(
  codec: Compression,
  bytes: Buffer,
  limitBytes = DECOMPRESSED_LIMIT_BYTES,
): Buffer | Promise<Buffer> {
  // Of a batch that compaction left without records.
  if (bytes.length === 0) return bytes;
  switch (codec) {
    case 'none':
      return bytes;
    case 'lz4':
      return readLz4(bytes, limitBytes);
    case 'snappy':
      return readSnappy(bytes, limitBytes);
    case 'gzip':
    case 'zstd':
      return bytes.length <= READ_AT_ONCE_BYTES
        ? readAtOnce(codec, bytes, limitBytes)
        : readOnThread(codec, bytes, limitBytes);
  }
}

function readAtOnce(codec: 'gzip' | 'zstd', bytes: Buffer, limitBytes: number): Buffer {
  const options = { maxOutputLength: limitBytes, chunkSize: pieceBytes(bytes.length * EXPECTED_RATIO) };
  try {
    return codec === 'gzip' ? gunzipSync(bytes, options) : zstdDecompressSync(bytes, options);
  } catch (cause) {
    throw notOf(codec, cause);
  }
}

async function readOnThread(codec: 'gzip' | 'zstd', bytes: Buffer, limitBytes: number): Promise<Buffer> {
  const options = { maxOutputLength: limitBytes, chunkSize: pieceBytes(bytes.length * EXPECTED_RATIO) };
  try {
    return await (codec === 'gzip' ? gunzipOnThread(bytes, options) : zstdReadOnThread(bytes, options));
  } catch (cause) {
    throw notOf(codec, cause);
  }
}

function notOf(codec: Compression, cause: unknown): Error {
  return corruptBatch(`records are not compressed with ${codec} as their batch says, or come to too many bytes`, cause);
}

function pieceBytes(expected: number): number {
  return Math.min(Math.max(expected, LEAST_PIECE_BYTES), LARGEST_PIECE_BYTES);
}

/** gzip and zstd on threads, so that nothing else waits; the bytes must stay as they are until it resolves. */
export async function compress(codec: Compression, bytes: Buffer): Promise<Buffer> {
  switch (codec) {
    case 'none':
      return bytes;
    case 'lz4':
      return writeLz4(bytes);
    case 'snappy':
      return writeSnappy(bytes);
    case 'gzip':
      return await gzipOnThread(bytes, { level: GZIP_LEVEL, chunkSize: pieceBytes(bytes.length) });
    case 'zstd':
      return await zstdWriteOnThread(bytes, {
        params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
        pledgedSrcSize: bytes.length,
        chunkSize: pieceBytes(bytes.length),
      });
  }
}
