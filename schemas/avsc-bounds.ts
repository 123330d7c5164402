import avro from 'avsc';

/**
 * avsc believes the count in front of an array or a map: three bytes that say "four billion items" hold the process for minutes, or take its memory, before
 * avsc sees that the bytes ended. Here a count has to fit what is left of the record. The types are frozen, so the prototypes are what can be mended.
 */

/** Items that take no bytes (null, an empty record) may still be this many in a block; more than that is an error. */
const MAX_EMPTY_ITEMS = 16;

interface Tap {
  readonly buf: Uint8Array;
  pos: number;
  readLong(): number;
  skipLong(): void;
  readString(): string;
  skipString(): void;
}

interface Readable {
  _read(tap: Tap): unknown;
  _skip(tap: Tap): void;
}

/** The items of the block that begins here; 0 behind the last. Blocks with a negative count carry their bytes' length, which isn't needed. */
function blockCount(tap: Tap): number {
  let count = tap.readLong();
  if (count < 0) {
    count = -count;
    tap.skipLong();
  }
  if (count > MAX_EMPTY_ITEMS && count > tap.buf.length - tap.pos) {
    throw new Error(
      `a block of ${count} items cannot be in the ${Math.max(0, tap.buf.length - tap.pos)} bytes that are left`,
    );
  }
  return count;
}

const array = avro.types.ArrayType.prototype as unknown as Readable & { itemsType: Readable };
const map = avro.types.MapType.prototype as unknown as Readable & { valuesType: Readable };

array._read = function (this: typeof array, tap) {
  const items = this.itemsType;
  let values: unknown[] | undefined;
  let at = 0;
  for (let count = blockCount(tap); count > 0; count = blockCount(tap)) {
    values ??= new Array<unknown>(count);
    for (; count > 0; count--) values[at++] = items._read(tap);
  }
  return values ?? [];
};

array._skip = function (this: typeof array, tap) {
  const items = this.itemsType;
  for (let count = blockCount(tap); count > 0; count = blockCount(tap)) {
    for (; count > 0; count--) items._skip(tap);
  }
};

map._read = function (this: typeof map, tap) {
  const values = this.valuesType;
  const entries: Record<string, unknown> = {};
  for (let count = blockCount(tap); count > 0; count = blockCount(tap)) {
    for (; count > 0; count--) {
      const key = tap.readString();
      entries[key] = values._read(tap);
    }
  }
  return entries;
};

map._skip = function (this: typeof map, tap) {
  const values = this.valuesType;
  for (let count = blockCount(tap); count > 0; count = blockCount(tap)) {
    for (; count > 0; count--) {
      tap.skipString();
      values._skip(tap);
    }
  }
};
