/** Names of the codecs by their number in a batch's attributes. */
export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** Bytes of an uncompressed section that nobody's batches exceed. */
export const DECOMPRESSED_LIMIT_BYTES = 64 * 2 ** 20;

/**
 * The uncompressed section; for `none` the bytes themselves. It may be changed in place. RECORD_BATCH_CORRUPT where the bytes are not of the
 * codec or come to more than `limitBytes`.
 */
export function decompress(
  _codec: Compression,
  _bytes: Buffer,
  _limitBytes = DECOMPRESSED_LIMIT_BYTES,
): Buffer | Promise<Buffer> {
  throw new Error('not yet');
}

/** On threads of its own where that takes time; the bytes must stay as they are until it resolves. */
export async function compress(_codec: Compression, _bytes: Buffer): Promise<Buffer> {
  throw new Error('not yet');
}
