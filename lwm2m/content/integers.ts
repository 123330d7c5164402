/** Signed 64 bits: what the widest integer on the wire holds. */
export const MIN_INT64 = -(2n ** 63n);
export const MAX_INT64 = 2n ** 63n - 1n;
export const MAX_UINT64 = 2n ** 64n - 1n;

/** The one form of an integer: a number as far as numbers are exact, a bigint beyond. */
export function canonicalInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The integer as a bigint when it is whole, exact and fits signed 64 bits; else undefined. */
export function exactInt64(value: number | bigint): bigint | undefined {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return undefined;
  const exact = BigInt(value);
  return exact >= MIN_INT64 && exact <= MAX_INT64 ? exact : undefined;
}
