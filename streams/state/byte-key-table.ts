/**
 * Numbers keys that lie as bytes in a larger buffer, without making a string or an object for one that is known: a hash table with open
 * addressing over an arena that holds each key once. A key is two parts with a zero byte between them; the second may be empty.
 * Keys are never removed one by one: a table belongs to a window of time and goes as a whole.
 */
export class ByteKeyTable {
  #slots = new Int32Array(2 * FIRST_KEYS);
  #hashes = new Int32Array(FIRST_KEYS);
  #ends = new Uint32Array(FIRST_KEYS);
  #arena: Buffer = Buffer.allocUnsafe(FIRST_ARENA_BYTES);
  #size = 0;
  #hash = 0;

  get size(): number {
    return this.#size;
  }

  /** The number of a key, −1 when it is new; `add` with the same parts may follow. */
  find(bytes: Uint8Array, start: number, end: number, start2: number, end2: number): number {
    let hash = FNV_START;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, FNV_PRIME);
    hash = Math.imul(hash, FNV_PRIME);
    for (let at = start2; at < end2; at++) hash = Math.imul(hash ^ bytes[at]!, FNV_PRIME);
    this.#hash = hash;
    const mask = this.#slots.length - 1;
    for (let slot = spread(hash) & mask; ; slot = (slot + 1) & mask) {
      const index = this.#slots[slot]! - 1;
      if (index < 0) return -1;
      if (this.#hashes[index] === hash && this.#equals(index, bytes, start, end, start2, end2)) return index;
    }
  }

  /** Right after `find` said −1 for the same parts. */
  add(bytes: Uint8Array, start: number, end: number, start2: number, end2: number): number {
    const index = this.#size++;
    if (index === this.#hashes.length) this.#grow();
    const from = index === 0 ? 0 : this.#ends[index - 1]!;
    const to = from + (end - start) + 1 + (end2 - start2);
    this.#reserve(to);
    this.#arena.set(bytes.subarray(start, end), from);
    this.#arena[from + end - start] = 0;
    this.#arena.set(bytes.subarray(start2, end2), to - (end2 - start2));
    this.#ends[index] = to;
    this.#hashes[index] = this.#hash;
    this.#place(index);
    return index;
  }

  /** The number of a joined key, new or known: what `keyOf` gave. */
  intern(joined: Buffer): number {
    const cut = joined.lastIndexOf(0);
    const known = this.find(joined, 0, cut, cut + 1, joined.length);
    return known >= 0 ? known : this.add(joined, 0, cut, cut + 1, joined.length);
  }

  /** Both parts joined; a view that holds until the next `add`. */
  keyOf(index: number): Buffer {
    return this.#arena.subarray(index === 0 ? 0 : this.#ends[index - 1]!, this.#ends[index]!);
  }

  #equals(index: number, bytes: Uint8Array, start: number, end: number, start2: number, end2: number): boolean {
    let at = index === 0 ? 0 : this.#ends[index - 1]!;
    if (this.#ends[index]! - at !== end - start + 1 + end2 - start2) return false;
    const arena = this.#arena;
    for (let from = start; from < end; from++) if (arena[at++] !== bytes[from]) return false;
    if (arena[at++] !== 0) return false;
    for (let from = start2; from < end2; from++) if (arena[at++] !== bytes[from]) return false;
    return true;
  }

  #place(index: number): void {
    const mask = this.#slots.length - 1;
    let slot = spread(this.#hashes[index]!) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = index + 1;
  }

  #grow(): void {
    const more = this.#hashes.length * 2;
    const hashes = new Int32Array(more);
    hashes.set(this.#hashes);
    const ends = new Uint32Array(more);
    ends.set(this.#ends);
    this.#hashes = hashes;
    this.#ends = ends;
    this.#slots = new Int32Array(2 * more);
    for (let index = 0; index < this.#size - 1; index++) this.#place(index);
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#arena.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#arena.length, bytes));
    larger.set(this.#arena);
    this.#arena = larger;
  }
}

const FIRST_KEYS = 8;
const FIRST_ARENA_BYTES = 256;
/** FNV-1a, 32 bits: offset basis and prime. */
const FNV_START = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

/** The low bits of FNV are its worst. */
function spread(hash: number): number {
  return hash ^ (hash >>> 15);
}
