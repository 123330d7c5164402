/** CRC-32C, the checksum of Kafka's record batches (RFC 3720 §12.1; KIP-98 for what it covers). */

/** Castagnoli's polynomial, reflected. */
const POLYNOMIAL = 0x82f63b78;

/** Bytes taken in one step. */
const STEP = 16;

/** Row n of 256 holds what a byte does to the register when n more bytes follow it. One array: twice as fast as one for each row. */
const ROWS = crcRows(STEP);

/** What one byte does to the register. */
export const CRC32C_TABLE: Int32Array = ROWS.subarray(0, 256);

function crcRows(count: number): Int32Array {
  const rows = new Int32Array(count * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    rows[byte] = crc;
  }
  for (let at = 256; at < rows.length; at++) rows[at] = (rows[at - 256]! >>> 8) ^ rows[rows[at - 256]! & 0xff]!;
  return rows;
}

/** Of the bytes from `from` up to `to`. */
export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length): number {
  const rows = ROWS;
  let crc = -1;
  let at = from;
  for (; at + STEP <= to; at += STEP) {
    crc =
      rows[0xf00 + ((crc ^ bytes[at]!) & 0xff)]! ^
      rows[0xe00 + (((crc >>> 8) ^ bytes[at + 1]!) & 0xff)]! ^
      rows[0xd00 + (((crc >>> 16) ^ bytes[at + 2]!) & 0xff)]! ^
      rows[0xc00 + ((crc >>> 24) ^ bytes[at + 3]!)]! ^
      rows[0xb00 + bytes[at + 4]!]! ^
      rows[0xa00 + bytes[at + 5]!]! ^
      rows[0x900 + bytes[at + 6]!]! ^
      rows[0x800 + bytes[at + 7]!]! ^
      rows[0x700 + bytes[at + 8]!]! ^
      rows[0x600 + bytes[at + 9]!]! ^
      rows[0x500 + bytes[at + 10]!]! ^
      rows[0x400 + bytes[at + 11]!]! ^
      rows[0x300 + bytes[at + 12]!]! ^
      rows[0x200 + bytes[at + 13]!]! ^
      rows[0x100 + bytes[at + 14]!]! ^
      rows[bytes[at + 15]!]!;
  }
  for (; at < to; at++) crc = rows[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
