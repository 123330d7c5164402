const PRIME1 = 0x9e3779b1;
const PRIME2 = 0x85ebca77;
const PRIME3 = 0xc2b2ae3d;
const PRIME4 = 0x27d4eb2f;
const PRIME5 = 0x165667b1;
const STRIPE = 16;

/** xxHash of 32 bits with seed 0, the checksum of LZ4 frames, over the bytes from `from` up to `to` (xxHash specification 0.1.1). */
export function xxh32(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  let hash: number;
  if (to - from < STRIPE) {
    hash = PRIME5 | 0;
  } else {
    let a = (PRIME1 + PRIME2) | 0;
    let b = PRIME2 | 0;
    let c = 0;
    let d = -PRIME1 | 0;
    for (; at + STRIPE <= to; at += STRIPE) {
      a = round(a, word(bytes, at));
      b = round(b, word(bytes, at + 4));
      c = round(c, word(bytes, at + 8));
      d = round(d, word(bytes, at + 12));
    }
    hash = (rotated(a, 1) + rotated(b, 7) + rotated(c, 12) + rotated(d, 18)) | 0;
  }
  hash = (hash + (to - from)) | 0;
  for (; at + 4 <= to; at += 4) {
    hash = Math.imul(rotated((hash + Math.imul(word(bytes, at), PRIME3)) | 0, 17), PRIME4);
  }
  for (; at < to; at++) hash = Math.imul(rotated((hash + Math.imul(bytes[at]!, PRIME5)) | 0, 11), PRIME1);
  hash = Math.imul(hash ^ (hash >>> 15), PRIME2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function round(lane: number, input: number): number {
  return Math.imul(rotated((lane + Math.imul(input, PRIME2)) | 0, 13), PRIME1);
}

function rotated(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
