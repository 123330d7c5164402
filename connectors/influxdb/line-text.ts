import { escape as escaped } from '@influxdata/influxdb-client';
import type { AvroType } from '../../schemas/avro-types.ts';
import type { Scalar } from '../fields/field.ts';
import type { ScalarKind } from '../fields/shape.ts';
import type { SinkRecord, SinkValue } from '../sink.ts';
import type { DirectLines } from './direct-lines.ts';

/** The library looks at each character; hardly any name has one of these. */
const SPECIAL_IN_TAG = /[, =\n\r\t]/;
const SPECIAL_IN_TEXT = /["\\]/;

/** Names and values of tags, and names of fields. */
export function tagText(value: string): string {
  return SPECIAL_IN_TAG.test(value) ? escaped.tag(value) : value;
}

export function measurementText(name: string): string {
  return SPECIAL_IN_TAG.test(name) ? escaped.measurement(name) : name;
}

/** The value of a field of text. */
export function quoted(value: string): string {
  return SPECIAL_IN_TEXT.test(value) ? escaped.quoted(value) : `"${value}"`;
}

/** Undefined for NaN and infinity, which InfluxDB cannot hold. */
export function fieldText(value: Scalar, kind: ScalarKind | undefined): string | undefined {
  switch (kind) {
    case 'integer':
      return `${value}i`;
    case 'float':
      return Number.isFinite(Number(value)) ? String(value) : undefined;
    case 'boolean':
      return value === true ? 'true' : 'false';
    default:
      return quoted(textOf(value));
  }
}

/** A value as the text of a tag or of a field; bytes in base64. */
export function textOf(value: Scalar | undefined): string {
  if (value === undefined) return '';
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : String(value);
}

/** `,name=value`. InfluxDB refuses an empty tag; leaving it out means the same to a query. */
export function tag(name: string, value: string): string {
  return value === '' ? '' : `,${name}=${tagText(value)}`;
}

/** Text, for a double cannot hold the nanoseconds of today. */
export function nanosecondsAt(timestampMs: number | bigint, within: number): string {
  return timestampMs > 0 && typeof timestampMs === 'number'
    ? `${timestampMs}${String(within).padStart(6, '0')}`
    : (BigInt(timestampMs) * 1_000_000n + BigInt(within)).toString();
}

export interface RecordLines {
  readonly lines: readonly string[];
  /** Values left out because they are NaN or infinite. */
  readonly notFinite: number;
}

/** What records become. */
export interface LineMapping {
  linesOf(record: SinkRecord): RecordLines;
  /**
   * The same from the bytes, for records of one schema in one topic; undefined where only decoded ones can tell.
   * @param schema of the writer, as JSON  @param writer the same, compiled
   */
  direct?(topic: string, from: SinkValue['from'], schema: unknown, writer: AvroType): DirectLines | undefined;
}

/** Records of one partition, and partitions, that one millisecond keeps apart: 62,500 × 16 = 1,000,000 ns. */
const PARTITIONS = 16;

/**
 * A part of a larger unit of time by the place of a record in its topic: two values of one series in one millisecond stay apart, and a
 * record that comes again gets the same. @param size nanoseconds that the unit has
 */
export function withinUnit(partition: number, offset: string | number, size: number): number {
  const places = Math.floor(size / PARTITIONS);
  return places === 0 ? 0 : (Number(offset) % places) * PARTITIONS + (partition % PARTITIONS);
}
