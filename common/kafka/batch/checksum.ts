import { CRC32C_TABLE } from '../crc32c.ts';

/**
 * CRC-32C is linear: changing bytes by an exclusive or changes the checksum by the checksum (without its start and end values) of
 * that pattern followed by as many zeros as bytes follow. What n zeros do to the register is made up of what 2^k zeros do, for
 * which there is a table each: 4 × 256 entries, one row for each byte of the register.
 */
const ZEROS: readonly Int32Array[] = zeroTables(31);

function zeroTables(count: number): readonly Int32Array[] {
  const one = Int32Array.from({ length: 1024 }, (_, index) => {
    const register = (index & 0xff) << (8 * (index >> 8));
    return (register >>> 8) ^ CRC32C_TABLE[register & 0xff]!;
  });
  const tables = [one];
  while (tables.length < count) {
    const last = tables.at(-1)!;
    tables.push(last.map((register) => appliedTo(register, last)));
  }
  return tables;
}

function appliedTo(register: number, table: Int32Array): number {
  return (
    table[register & 0xff]! ^
    table[256 + ((register >>> 8) & 0xff)]! ^
    table[512 + ((register >>> 16) & 0xff)]! ^
    table[768 + (register >>> 24)]!
  );
}

/**
 * By what a checksum changes, as an exclusive or, when `change` is xored into bytes that `tailBytes` more bytes follow:
 * a few steps per doubling of the tail, and none of the tail's bytes is read.
 */
export function checksumChange(change: Uint8Array, tailBytes: number): number {
  let register = 0;
  for (let at = 0; at < change.length; at++) {
    register = CRC32C_TABLE[(register ^ change[at]!) & 0xff]! ^ (register >>> 8);
  }
  for (let left = tailBytes, power = 0; left > 0 && register !== 0; left >>>= 1, power++) {
    if ((left & 1) !== 0) register = appliedTo(register, ZEROS[power]!);
  }
  return register;
}
