import type { Scalar } from '../fields/field.ts';
import type { ScalarKind } from '../fields/shape.ts';
import { SLOT } from '../fields/slot-cursor.ts';
import type { SlotReader } from '../fields/slot-reader.ts';
import type { Place } from '../fields/slot-steps.ts';
import type { LineBuffer } from './line-buffer.ts';
import { fieldText, measurementText, quoted, tagText, textOf } from './line-text.ts';

/** Where a record stands in Kafka. */
export interface RecordPlace {
  readonly partition: number;
  readonly offset: number;
  /** ms since 1970, the record's own in its topic. */
  readonly timestampMs: number;
}

/** What became of a record; more than 0: so many lines were made of it. */
export const NO_LINES = 0;
/** Nothing was written, and only the decoded record can tell what is to be done. */
export const LEFT_TO_DECODER = -1;

/** Gives out the slots of a reader: one for each place, whoever asks. */
export class SlotTable {
  readonly #slots = new Map<string, number>();
  readonly places: Place[] = [];

  slotOf(place: Place): number {
    const key = place.join('\0');
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    this.#slots.set(key, this.places.length);
    return this.places.push(place) - 1;
  }
}

/** A value that goes into a line, from one slot. */
export interface LineValue {
  readonly slot: number;
  readonly name: string;
  readonly kind: ScalarKind;
  readonly convert?: ((value: Scalar) => Scalar | undefined) | undefined;
}

/** A tag: a constant, or the first of several values that is there. */
export type LineTag = { readonly name: string } & (
  | { readonly constant: string }
  | { readonly values: readonly LineValue[] }
);

/** The time of a line. */
export interface LineTime {
  /** False when the decoder must tell it. */
  read(reader: SlotReader, place: RecordPlace): boolean;
  /** Of what was read, ms since 1970. */
  readonly ms: number;
  write(out: LineBuffer): void;
}

export interface LineProgramOptions {
  readonly measurement: string | ((timestampMs: number) => string);
  /** By name, as InfluxDB wants them. */
  readonly tags: readonly LineTag[];
  /** Each is the first of its values that is there. */
  readonly fields: readonly (readonly LineValue[])[];
  /** Whether the last of the fields is one without which the decoder must have a look. */
  readonly needsLastField?: boolean;
  readonly time: LineTime;
}

interface CompiledValue extends LineValue {
  /** `,name=` */
  readonly head: Buffer;
  /** Of an enumeration, by its index: as the value of a tag or of a field. */
  readonly symbols: readonly Buffer[] | undefined;
}

type CompiledTag = { readonly constant: Buffer } | { readonly values: readonly CompiledValue[] };

const BLANK = Buffer.from(' ');
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const INTEGER_MARK = Buffer.from('i');

/** How one line is made from the slots of a record. It writes what the mapping of decoded records does. */
export class LineProgram {
  readonly #reader: SlotReader;
  readonly #measurement: Buffer | ((timestampMs: number) => string);
  readonly #tags: readonly CompiledTag[];
  readonly #fields: readonly (readonly CompiledValue[])[];
  readonly #needsLastField: boolean;
  readonly #time: LineTime;

  constructor(reader: SlotReader, { measurement, tags, fields, needsLastField = false, time }: LineProgramOptions) {
    this.#reader = reader;
    this.#measurement = typeof measurement === 'string' ? Buffer.from(measurementText(measurement)) : measurement;
    this.#tags = tags.map((tag) =>
      'constant' in tag
        ? { constant: Buffer.from(`,${tagText(tag.name)}=${tagText(tag.constant)}`) }
        : { values: tag.values.map((value) => compiled(reader, value, tagText)) },
    );
    this.#fields = fields.map((values) => values.map((value) => compiled(reader, value, quoted)));
    this.#needsLastField = needsLastField;
    this.#time = time;
  }

  /** One line, NO_LINES when no field has a value, or LEFT_TO_DECODER, after which the caller takes back what was written. */
  write(out: LineBuffer, place: RecordPlace): number {
    const { length, lines } = out;
    if (!this.#time.read(this.#reader, place)) return LEFT_TO_DECODER;
    const measurement = this.#measurement;
    if (typeof measurement === 'function') out.text(measurementText(measurement(this.#time.ms)));
    else out.raw(measurement);
    for (const tag of this.#tags) {
      if ('constant' in tag) out.raw(tag.constant);
      else this.#writeTag(out, tag.values);
    }
    out.raw(BLANK);
    let written = 0;
    let isLast = false;
    for (const values of this.#fields) {
      const made = this.#writeField(out, values, written === 0);
      if (made < 0) return LEFT_TO_DECODER;
      written += made;
      isLast = made > 0;
    }
    if (this.#needsLastField && !isLast) return LEFT_TO_DECODER;
    if (written === 0) {
      out.rewind(length, lines);
      return NO_LINES;
    }
    out.raw(BLANK);
    this.#time.write(out);
    out.endLine();
    return 1;
  }

  /** InfluxDB refuses an empty tag; leaving it out means the same to a query. */
  #writeTag(out: LineBuffer, values: readonly CompiledValue[]): void {
    const { kinds, numbers, starts, ends, bytes } = this.#reader.found;
    for (const { slot, head, symbols, convert } of values) {
      const kind = kinds[slot];
      if (kind === SLOT.empty) continue;
      if (convert === undefined && kind === SLOT.text) {
        const [start, end] = [starts[slot]!, ends[slot]!];
        if (start === end) return;
        out.raw(head);
        out.tag(bytes, start, end);
        return;
      }
      if (convert === undefined && kind === SLOT.symbol) {
        out.raw(head);
        out.raw(symbols![numbers[slot]!]!);
        return;
      }
      const scalar = this.#reader.scalar(slot)!;
      const value = convert === undefined ? scalar : convert(scalar);
      if (value === undefined) continue;
      const text = textOf(value);
      if (text === '') return;
      out.raw(head);
      out.text(tagText(text));
      return;
    }
  }

  /** 1 when one of the values was there, LEFT_TO_DECODER for one that is not finite. */
  #writeField(out: LineBuffer, values: readonly CompiledValue[], isFirst: boolean): number {
    const { kinds, numbers, starts, ends, bytes } = this.#reader.found;
    for (const value of values) {
      const { slot } = value;
      const found = kinds[slot]!;
      if (found === SLOT.empty) continue;
      if (value.convert !== undefined || found === SLOT.bigInteger || found === SLOT.bytes) {
        const made = this.#writeByText(out, value, isFirst);
        if (made === 0) continue;
        return made;
      }
      const number = numbers[slot]!;
      if (found === SLOT.float && !Number.isFinite(number)) return LEFT_TO_DECODER;
      out.raw(value.head, isFirst ? 1 : 0);
      if (found === SLOT.text) out.quoted(bytes, starts[slot]!, ends[slot]!);
      else if (found === SLOT.symbol) out.raw(value.symbols![number]!);
      else if (found === SLOT.boolean) out.raw(number === 1 ? TRUE : FALSE);
      else if (value.kind !== 'integer') out.decimal(number);
      else {
        out.integer(number);
        out.raw(INTEGER_MARK);
      }
      return 1;
    }
    return 0;
  }

  #writeByText(out: LineBuffer, { slot, kind, convert, head }: CompiledValue, isFirst: boolean): number {
    const scalar = this.#reader.scalar(slot)!;
    // Where an integer stands for a float nothing casts it: it is a float to InfluxDB, and written like one.
    const plain = kind === 'float' && typeof scalar === 'bigint' ? Number(scalar) : scalar;
    const value = convert === undefined ? plain : convert(scalar);
    if (value === undefined) return 0;
    const text = fieldText(value, kind);
    if (text === undefined) return LEFT_TO_DECODER;
    out.raw(head, isFirst ? 1 : 0);
    out.text(text);
    return 1;
  }
}

function compiled(reader: SlotReader, value: LineValue, asText: (symbol: string) => string): CompiledValue {
  const symbols = reader.symbols[value.slot]?.map((symbol) => Buffer.from(asText(symbol)));
  return { ...value, convert: value.convert, head: Buffer.from(`,${tagText(value.name)}=`), symbols };
}
