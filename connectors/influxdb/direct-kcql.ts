import type { AvroType } from '../../schemas/avro-types.ts';
import type { Field } from '../fields/field.ts';
import { SLOT } from '../fields/slot-cursor.ts';
import type { SlotReader } from '../fields/slot-reader.ts';
import { type Mapping, nanosecondsIn, timeOf } from '../kcql/compile.ts';
import { targetText } from '../kcql/target.ts';
import { DirectLines } from './direct-lines.ts';
import type { LineBuffer } from './line-buffer.ts';
import type { LineTag, LineValue } from './line-parts.ts';
import { type LineProgramOptions, type LineTime, type RecordPlace, SlotTable } from './line-program.ts';
import { withinUnit } from './line-text.ts';
import { SUB_MS } from './points.ts';

/** What the statements make of records of one schema. As KcqlLines does it with decoded ones. */
export function directKcql(writer: AvroType, mappings: readonly Mapping[]): DirectLines {
  const slots = new SlotTable();
  const programs = mappings.map((mapping) => programOf(mapping, slots));
  return new DirectLines(writer, slots, () => programs);
}

function programOf(mapping: Mapping, slots: SlotTable): LineProgramOptions {
  const { statement, constants, tags, fields, timestamp } = mapping;
  const { target } = statement;
  const valuesOf = (name: string, field: Field): readonly LineValue[] =>
    field.places.map(({ path, kind, convert }) => ({ slot: slots.slotOf(path), name, kind, convert }));
  const named: LineTag[] = [
    ...[...constants].map(([name, constant]) => ({ name, constant })),
    ...tags.map(({ name, field }) => ({ name, values: valuesOf(name, field) })),
  ];
  return {
    measurement: target.every(({ kind }) => kind === 'text') ? targetText(target) : (ms) => mapping.target(ms),
    tags: named.sort((one, other) => (one.name < other.name ? -1 : 1)),
    fields: fields.map(({ name, field }) => valuesOf(name, field)),
    time: new KcqlTime(mapping, timestamp === undefined ? [] : valuesOf('', timestamp)),
  };
}

/** The time that a statement names, else the record's own in Kafka; and within it the place of the record. */
class KcqlTime implements LineTime {
  readonly #unit: Mapping['statement']['timestampUnit'];
  readonly #values: readonly LineValue[];
  /** What one of the unit is in ms, where that is whole: then no big numbers are needed. */
  readonly #unitMs: number;
  /** Nanoseconds in the unit, and at most in a millisecond. */
  readonly #unitSize: number;
  #within = 0;
  #big: bigint | undefined;
  ms = 0;

  constructor({ statement }: Mapping, values: readonly LineValue[]) {
    this.#unit = statement.timestampUnit;
    this.#values = values;
    const size = Number(nanosecondsIn(this.#unit));
    this.#unitMs = Math.floor(size / SUB_MS);
    this.#unitSize = Math.min(SUB_MS, size);
  }

  read(reader: SlotReader, { partition, offset, timestampMs }: RecordPlace): boolean {
    const value = this.#find(reader);
    if (typeof value === 'number' && Number.isInteger(value) && this.#isPlain(value * this.#unitMs)) {
      this.#set(value * this.#unitMs, withinUnit(partition, offset, SUB_MS));
      return true;
    }
    const given = value === undefined ? undefined : timeOf(value, this.#unit);
    if (given === undefined && this.#isPlain(timestampMs)) {
      this.#set(timestampMs, withinUnit(partition, offset, SUB_MS));
      return true;
    }
    const size = given === undefined ? SUB_MS : this.#unitSize;
    const time = given ?? BigInt(Math.trunc(timestampMs)) * BigInt(SUB_MS);
    this.#big = time + BigInt(withinUnit(partition, offset, size));
    this.ms = Number(this.#big / BigInt(SUB_MS));
    return true;
  }

  write(out: LineBuffer): void {
    if (this.#big !== undefined) {
      out.text(String(this.#big));
      return;
    }
    out.integer(this.ms);
    out.padded(this.#within, 6);
  }

  #set(ms: number, within: number): void {
    this.ms = ms;
    this.#within = within;
    this.#big = undefined;
  }

  /** Digits of milliseconds that those within them can be put behind. */
  #isPlain(ms: number): boolean {
    return ms > 0 && Number.isSafeInteger(ms);
  }

  #find(reader: SlotReader): unknown {
    const { kinds, numbers } = reader.found;
    for (const { slot, convert } of this.#values) {
      if (kinds[slot] === SLOT.empty) continue;
      if (convert === undefined && kinds[slot] === SLOT.integer) return numbers[slot];
      const scalar = reader.scalar(slot)!;
      const value = convert === undefined ? scalar : convert(scalar);
      if (value !== undefined) return value;
    }
    return undefined;
  }
}
