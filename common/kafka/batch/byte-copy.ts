/** From here on a native copy is faster than a loop; measured. */
const NATIVE_FROM = 32;

/** Copies the bytes of `source` from `from` up to `to` to `at` in `target`; the caller has seen to room. */
export function copyBytes(source: Buffer, from: number, to: number, target: Buffer, at: number): void {
  if (to - from >= NATIVE_FROM) {
    source.copy(target, at, from, to);
    return;
  }
  for (let read = from, write = at; read < to; read++, write++) target[write] = source[read]!;
}

/** Repeats what stands `distance` bytes before `at`: the two may overlap, and then the pattern goes on (LZ77). */
export function repeatBytes(bytes: Buffer, at: number, distance: number, length: number): void {
  if (length >= NATIVE_FROM && distance >= length) {
    bytes.copyWithin(at, at - distance, at - distance + length);
    return;
  }
  for (let write = at, end = at + length; write < end; write++) bytes[write] = bytes[write - distance]!;
}
