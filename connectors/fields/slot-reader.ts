import type { AvroType } from '../../schemas/avro-types.ts';
import type { Scalar } from './field.ts';
import { SLOT, SlotCursor } from './slot-cursor.ts';
import { compileSteps, type Place, type Step } from './slot-steps.ts';

/**
 * Reads chosen values of records of one schema from the bytes where they lie, and passes over the others: no object is made for a record.
 * It refuses more than it must, for whoever asks has the decoder to fall back on, which also knows what is wrong.
 */
export class SlotReader {
  /** What the last record held, by the place in `places`. */
  readonly found: SlotCursor;
  /** Of places that hold an enumeration. */
  readonly symbols: readonly (readonly string[] | undefined)[];
  readonly #root: Step;

  /** @param type of the writer  @param places those that the schema does not have stay empty */
  constructor(type: AvroType, places: readonly Place[]) {
    const symbols: (readonly string[] | undefined)[] = places.map(() => undefined);
    this.#root = compileSteps(type, places, symbols);
    this.found = new SlotCursor(places.length);
    this.symbols = symbols;
  }

  /** False when the bytes from `start` up to `end` are not exactly one record, or one that only the decoder should judge. */
  read(bytes: Buffer, start: number, end: number): boolean {
    const found = this.found;
    found.reset(bytes, start, end);
    return this.#root(found) && found.at === end;
  }

  /** The value of a slot as the decoder gives it; undefined when it is empty. */
  scalar(slot: number): Scalar | undefined {
    const { kinds, numbers, bigs, starts, ends, bytes } = this.found;
    const number = numbers[slot]!;
    switch (kinds[slot]) {
      case SLOT.integer:
      case SLOT.float:
        return number;
      case SLOT.bigInteger:
        return bigs[slot]!;
      case SLOT.boolean:
        return number === 1;
      case SLOT.text:
        return bytes.toString('utf8', starts[slot], ends[slot]);
      case SLOT.symbol:
        return this.symbols[slot]![number]!;
      case SLOT.bytes:
        return bytes.subarray(starts[slot], ends[slot]);
      default:
        return undefined;
    }
  }
}
