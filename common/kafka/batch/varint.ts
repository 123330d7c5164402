/** Zigzag of an exact number below 2^52: small numbers of either sign become small numbers. */
export function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

/** Zigzag of 64 bits. */
export function zigzag64(value: bigint): bigint {
  return BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
}

/** Bytes of a varint of what `zigzag` gave. */
export function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  let length = 4;
  for (let left = Math.floor(value / 0x1000_0000); left > 0; left = Math.floor(left / 0x80)) length++;
  return length;
}

/** Bytes of a varint of what `zigzag64` gave. */
export function varlongLength(value: bigint): number {
  let length = 1;
  for (let left = value >> 7n; left > 0n; left >>= 7n) length++;
  return length;
}

/** Returns the place behind it. */
export function writeVarint(bytes: Buffer, start: number, value: number): number {
  let at = start;
  let left = value;
  for (; left >= 0x8000_0000; left = Math.floor(left / 0x80)) bytes[at++] = (left % 0x80) | 0x80;
  for (; left >= 0x80; left >>>= 7) bytes[at++] = (left & 0x7f) | 0x80;
  bytes[at++] = left;
  return at;
}

export function writeVarlong(bytes: Buffer, start: number, value: bigint): number {
  let at = start;
  let left = value;
  for (; left >= 0x80n; left >>= 7n) bytes[at++] = Number(left & 0x7fn) | 0x80;
  bytes[at++] = Number(left);
  return at;
}
