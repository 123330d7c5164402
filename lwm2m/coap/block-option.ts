/** Value of a Block1 or Block2 option, RFC 7959 §2.2: number (4, 12 or 20 bits), more flag, size exponent. */
export interface Block {
  readonly number: number;
  readonly more: boolean;
  readonly sizeBytes: number;
}

export const LARGEST_BLOCK_NUMBER = 2 ** 20 - 1;
const RESERVED_SIZE_EXPONENT = 7;

/** Undefined for the reserved exponent 7, which a request must not carry (4.00). The length was checked before. */
export function decodeBlock(value: Uint8Array): Block | undefined {
  let bits = 0;
  for (const byte of value) bits = bits * 256 + byte;
  const exponent = bits & 7;
  if (exponent === RESERVED_SIZE_EXPONENT) return undefined;
  return { number: bits >> 4, more: (bits & 8) !== 0, sizeBytes: 2 ** (exponent + 4) };
}

export function encodeBlock(block: Block): Buffer {
  return encodeUint(block.number * 16 + (block.more ? 8 : 0) + (Math.log2(block.sizeBytes) - 4));
}

export function offsetOf(block: Block): number {
  return block.number * block.sizeBytes;
}

/** The uint format of RFC 7252 §3.2: no leading zero bytes, 0 is empty. */
export function encodeUint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.from(bytes);
}
