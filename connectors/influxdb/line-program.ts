import type { SlotReader } from '../fields/slot-reader.ts';
import type { Place } from '../fields/slot-steps.ts';
import { type LineBuffer, Piece } from './line-buffer.ts';
import { FIELD, type FieldPart, fieldPart, type LineTag, type LineValue, type TagPart, tagPart } from './line-parts.ts';
import { measurementText } from './line-text.ts';

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

const BLANK = new Piece(' ');

/** How one line is made from the slots of a record. It writes what the mapping of decoded records does. */
export class LineProgram {
  readonly #reader: SlotReader;
  readonly #measurement: Piece | ((timestampMs: number) => string);
  readonly #tags: readonly TagPart[];
  readonly #fields: readonly FieldPart[];
  readonly #needsLastField: boolean;
  readonly #time: LineTime;

  constructor(reader: SlotReader, { measurement, tags, fields, needsLastField = false, time }: LineProgramOptions) {
    this.#reader = reader;
    this.#measurement = typeof measurement === 'string' ? new Piece(measurementText(measurement)) : measurement;
    this.#tags = tags.map((tag) => tagPart(reader, tag));
    this.#fields = fields.map((values) => fieldPart(reader, values));
    this.#needsLastField = needsLastField;
    this.#time = time;
  }

  /** One line, NO_LINES when no field has a value, or LEFT_TO_DECODER, after which the caller takes back what was written. */
  write(out: LineBuffer, place: RecordPlace): number {
    const { length, lines } = out;
    const [tags, fields] = [this.#tags, this.#fields];
    if (!this.#time.read(this.#reader, place)) return LEFT_TO_DECODER;
    const measurement = this.#measurement;
    if (typeof measurement === 'function') out.text(measurementText(measurement(this.#time.ms)));
    else out.piece(measurement);
    for (let index = 0; index < tags.length; index++) tags[index]!(out);
    out.piece(BLANK);
    let isFirst = true;
    let made: number = FIELD.none;
    for (let index = 0; index < fields.length; index++) {
      made = fields[index]!(out, isFirst);
      if (made === FIELD.notFinite) return LEFT_TO_DECODER;
      if (made === FIELD.one) isFirst = false;
    }
    if (this.#needsLastField && made === FIELD.none) return LEFT_TO_DECODER;
    if (isFirst) {
      out.rewind(length, lines);
      return NO_LINES;
    }
    out.piece(BLANK);
    this.#time.write(out);
    out.endLine();
    return 1;
  }
}
