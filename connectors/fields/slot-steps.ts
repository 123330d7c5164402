import type { AvroType } from '../../schemas/avro-types.ts';
import { SLOT, type SlotCursor } from './slot-cursor.ts';

/** The way to one value: names of fields and, where a type is a union, of its branches, as the decoder names them. */
export type Place = readonly string[];

/** Reads or passes over one value; false where the bytes cannot hold it. */
export type Step = (cursor: SlotCursor) => boolean;

/** The parts of avsc's types that the steps are made from. */
interface TypeNode {
  readonly typeName: string;
  readonly name?: string;
  readonly branchName?: string;
  readonly fields?: readonly { readonly name: string; readonly type: TypeNode }[];
  readonly types?: readonly TypeNode[];
  readonly symbols?: readonly string[];
  readonly size?: number;
  readonly itemsType?: TypeNode;
  readonly valuesType?: TypeNode;
}

/** What is wanted of a value: itself, or values within it. */
interface Wanted {
  readonly slots: readonly number[];
  readonly inner: ReadonlyMap<string, Wanted>;
}

/** Records within records of the same type; deeper ones are left to the decoder. */
const DEPTH_LIMIT = 32;

/** @param symbols told the symbols of places that hold an enumeration */
export function compileSteps(
  type: AvroType,
  places: readonly Place[],
  symbols: (readonly string[] | undefined)[],
): Step {
  const wanted = wantedOf(places.map((place, slot) => ({ place, slot })));
  return new Compiler(symbols).step(type as unknown as TypeNode, wanted);
}

function wantedOf(ways: readonly { readonly place: Place; readonly slot: number }[]): Wanted {
  const inner = Map.groupBy(
    ways.filter(({ place }) => place.length > 0),
    ({ place }) => place[0]!,
  );
  return {
    slots: ways.filter(({ place }) => place.length === 0).map(({ slot }) => slot),
    inner: new Map(
      [...inner].map(([name, group]) => [
        name,
        wantedOf(group.map(({ place, slot }) => ({ place: place.slice(1), slot }))),
      ]),
    ),
  };
}

const NOTHING: Wanted = { slots: [], inner: new Map() };

class Compiler {
  readonly #symbols: (readonly string[] | undefined)[];
  /** Of named types whose values are passed over; one that refers to itself finds itself here. */
  readonly #skips = new Map<TypeNode, Step>();

  constructor(symbols: (readonly string[] | undefined)[]) {
    this.#symbols = symbols;
  }

  step(type: TypeNode, wanted: Wanted): Step {
    if (wanted.slots.length > 0) return this.#pick(type, wanted.slots);
    if (wanted.inner.size === 0) return this.#skip(type);
    if (type.typeName === 'record' || type.typeName === 'error') return this.#record(type, wanted);
    if (type.typeName === 'union:wrapped') return this.#union(type, wanted);
    return this.#skip(type);
  }

  #pick(type: TypeNode, slots: readonly number[]): Step {
    const into = pickOf(type);
    if (into === undefined) return this.#skip(type);
    for (const slot of slots) this.#symbols[slot] = type.symbols;
    const [first, ...others] = slots;
    const read = into(first!);
    if (others.length === 0) return read;
    return (cursor) => {
      if (!read(cursor)) return false;
      for (const slot of others) copySlot(cursor, first!, slot);
      return true;
    };
  }

  #record({ fields }: TypeNode, wanted: Wanted): Step {
    return inTurn(fields!.map(({ name, type }) => this.step(type, wanted.inner.get(name) ?? NOTHING)));
  }

  #union({ types }: TypeNode, wanted: Wanted): Step {
    return branch(types!.map((type) => this.step(type, wanted.inner.get(type.branchName ?? '') ?? NOTHING)));
  }

  #skip(type: TypeNode): Step {
    const simple = SKIPS[type.typeName];
    if (simple !== undefined) return simple;
    const known = this.#skips.get(type);
    if (known !== undefined) return known;
    let made: Step = () => false;
    this.#skips.set(type, (cursor) => nested(cursor, made));
    made = this.#skipOf(type);
    this.#skips.set(type, made);
    return made;
  }

  #skipOf(type: TypeNode): Step {
    switch (type.typeName) {
      case 'record':
      case 'error':
        return this.#record(type, NOTHING);
      case 'union:wrapped':
        return this.#union(type, NOTHING);
      case 'enum': {
        const count = type.symbols!.length;
        return (cursor) => isBelow(cursor.readCount(), count);
      }
      case 'fixed': {
        const size = type.size!;
        return (cursor) => cursor.skip(size);
      }
      case 'array':
        return blocks(this.#skip(type.itemsType!));
      case 'map': {
        const value = this.#skip(type.valuesType!);
        return blocks((cursor) => skipText(cursor) && value(cursor));
      }
      default:
        return () => false;
    }
  }
}

function isBelow(index: number, count: number): boolean {
  return index >= 0 && index < count;
}

function skipText(cursor: SlotCursor): boolean {
  return cursor.skip(cursor.readCount());
}

const SKIPS: Readonly<Record<string, Step>> = {
  null: () => true,
  boolean: (cursor) => cursor.skip(1),
  int: (cursor) => cursor.skipLong(),
  long: (cursor) => cursor.readLong() && isPlain(cursor.value),
  'abstract:long': (cursor) => cursor.skipLong(),
  float: (cursor) => cursor.skip(4),
  double: (cursor) => cursor.skip(8),
  string: skipText,
  bytes: skipText,
};

function inTurn(steps: readonly Step[]): Step {
  const count = steps.length;
  return (cursor) => {
    for (let index = 0; index < count; index++) if (!steps[index]!(cursor)) return false;
    return true;
  };
}

function branch(steps: readonly Step[]): Step {
  const count = steps.length;
  return (cursor) => {
    const index = cursor.readCount();
    return isBelow(index, count) && steps[index]!(cursor);
  };
}

/** Of an array or a map: blocks of so many items, up to an empty one. A negative count, before which bytes stand, is left to the decoder. */
function blocks(item: Step): Step {
  return (cursor) => {
    for (;;) {
      const count = cursor.readCount();
      if (count === 0) return true;
      // Items may be of no bytes at all, and then a count says nothing of what follows.
      if (count < 0 || count > cursor.end - cursor.at) return false;
      for (let left = count; left > 0; left--) if (!item(cursor)) return false;
    }
  };
}

function nested(cursor: SlotCursor, step: Step): boolean {
  if (cursor.depth >= DEPTH_LIMIT) return false;
  cursor.depth++;
  const isGood = step(cursor);
  cursor.depth--;
  return isGood;
}

/** How a value gets into a slot; undefined for what is no single value. */
function pickOf({ typeName, symbols, size }: TypeNode): ((slot: number) => Step) | undefined {
  switch (typeName) {
    case 'int':
      return (slot) => (cursor) => pickLong(cursor, slot) && isInt(cursor, slot);
    case 'long':
      return (slot) => (cursor) => pickLong(cursor, slot) && isPlain(cursor.value);
    case 'abstract:long':
      return (slot) => (cursor) => pickLong(cursor, slot);
    case 'float':
      return (slot) => (cursor) => pickFloat(cursor, slot, 4);
    case 'double':
      return (slot) => (cursor) => pickFloat(cursor, slot, 8);
    case 'boolean':
      return (slot) => (cursor) => pickBoolean(cursor, slot);
    case 'string':
      return (slot) => (cursor) => pickRange(cursor, slot, SLOT.text, cursor.readCount());
    case 'bytes':
      return (slot) => (cursor) => pickRange(cursor, slot, SLOT.bytes, cursor.readCount());
    case 'fixed':
      return (slot) => (cursor) => pickRange(cursor, slot, SLOT.bytes, size!);
    case 'enum':
      return (slot) => (cursor) => pickSymbol(cursor, slot, symbols!.length);
    default:
      return undefined;
  }
}

function pickLong(cursor: SlotCursor, slot: number): boolean {
  if (!cursor.readLong()) return false;
  if (cursor.big === undefined) {
    cursor.kinds[slot] = SLOT.integer;
    cursor.numbers[slot] = cursor.value;
  } else {
    cursor.kinds[slot] = SLOT.bigInteger;
    cursor.bigs[slot] = cursor.big;
  }
  return true;
}

function isInt({ kinds, numbers }: SlotCursor, slot: number): boolean {
  return kinds[slot] === SLOT.integer && numbers[slot] === (numbers[slot]! | 0);
}

/** A long with a logical type is one of avsc's own, which refuses what it calls unsafe. */
function isPlain(value: number): boolean {
  return Math.abs(value) < Number.MAX_SAFE_INTEGER;
}

function pickFloat(cursor: SlotCursor, slot: number, bytes: 4 | 8): boolean {
  const { at, view } = cursor;
  if (!cursor.skip(bytes)) return false;
  cursor.kinds[slot] = SLOT.float;
  cursor.numbers[slot] = bytes === 8 ? view.getFloat64(at, true) : view.getFloat32(at, true);
  return true;
}

function pickBoolean(cursor: SlotCursor, slot: number): boolean {
  const { at, bytes } = cursor;
  if (!cursor.skip(1)) return false;
  cursor.kinds[slot] = SLOT.boolean;
  cursor.numbers[slot] = bytes[at]!;
  return bytes[at]! <= 1;
}

function pickSymbol(cursor: SlotCursor, slot: number, count: number): boolean {
  const index = cursor.readCount();
  cursor.kinds[slot] = SLOT.symbol;
  cursor.numbers[slot] = index;
  return isBelow(index, count);
}

function pickRange(cursor: SlotCursor, slot: number, kind: number, length: number): boolean {
  const start = cursor.at;
  if (!cursor.skip(length)) return false;
  cursor.kinds[slot] = kind;
  cursor.starts[slot] = start;
  cursor.ends[slot] = cursor.at;
  return true;
}

function copySlot(cursor: SlotCursor, from: number, to: number): void {
  cursor.kinds[to] = cursor.kinds[from]!;
  cursor.numbers[to] = cursor.numbers[from]!;
  cursor.bigs[to] = cursor.bigs[from]!;
  cursor.starts[to] = cursor.starts[from]!;
  cursor.ends[to] = cursor.ends[from]!;
}
