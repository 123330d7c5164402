import { RecordCursor } from './records.ts';

/** The target's id for an id of the source; undefined where it is not known yet. */
export interface SchemaIds {
  key(id: number): number | undefined;
  value(id: number): number | undefined;
}

export interface UnknownSchemaId {
  readonly part: 'key' | 'value';
  readonly id: number;
}

/** Confluent's wire format: a byte 0, the id in 4 bytes, the Avro record. */
const MAGIC = 0;
const ID_AT = 1;
const FRAME_BYTES = 5;

const cursor = new RecordCursor();

/**
 * Replaces the ids of framed keys and values in an uncompressed section of `count` records, in place; what is not framed stays.
 * Returns the first id that is not known, and has then changed nothing. RECORD_BATCH_CORRUPT, also then.
 */
export function patchSchemaIds(
  records: Buffer,
  start: number,
  end: number,
  count: number,
  ids: SchemaIds,
): UnknownSchemaId | undefined {
  cursor.reset(records, start, end, count);
  while (cursor.next()) {
    const key = framedId(records, cursor.keyStart, cursor.keyLength);
    if (key !== undefined && ids.key(key) === undefined) return { part: 'key', id: key };
    const value = framedId(records, cursor.valueStart, cursor.valueLength);
    if (value !== undefined && ids.value(value) === undefined) return { part: 'value', id: value };
  }
  cursor.reset(records, start, end, count);
  while (cursor.next()) {
    const key = framedId(records, cursor.keyStart, cursor.keyLength);
    if (key !== undefined) writeId(records, cursor.keyStart, ids.key(key)!);
    const value = framedId(records, cursor.valueStart, cursor.valueLength);
    if (value !== undefined) writeId(records, cursor.valueStart, ids.value(value)!);
  }
  return undefined;
}

function framedId(records: Buffer, start: number, length: number): number | undefined {
  if (length < FRAME_BYTES || records[start] !== MAGIC) return undefined;
  const at = start + ID_AT;
  return records[at]! * 2 ** 24 + ((records[at + 1]! << 16) | (records[at + 2]! << 8) | records[at + 3]!);
}

function writeId(records: Buffer, start: number, id: number): void {
  const at = start + ID_AT;
  records[at] = id >>> 24;
  records[at + 1] = id >>> 16;
  records[at + 2] = id >>> 8;
  records[at + 3] = id;
}
