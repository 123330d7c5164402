import { PlatformError } from '../../common/errors.ts';

/** A long body that is read piece by piece: the endpoint keeps no copy of it, however many peers take it at once. */
export interface BodySource {
  /** In bytes; must not change. */
  readonly size: number;
  /** 1 to 8 bytes that change with the content, RFC 7252 §5.10.6. */
  readonly etag: Uint8Array;
  /** Exactly so many bytes. Called once for each block and for each repetition of it; what it throws becomes 5.00. */
  read(offset: number, length: number): Uint8Array;
}

/** @throws COAP_BLOCK_FAILED when a source gave more or less than it was asked for */
export function exactly(chunk: Uint8Array, length: number): Uint8Array {
  if (chunk.length === length) return chunk;
  throw new PlatformError('COAP_BLOCK_FAILED', `the source of a body gave ${chunk.length} bytes instead of ${length}`);
}
