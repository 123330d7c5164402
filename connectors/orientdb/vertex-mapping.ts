import { PlatformError } from '../../common/errors.ts';
import type { Field, Fields, Scalar } from '../fields/field.ts';
import { compileStatement, timeOf } from '../kcql/compile.ts';
import type { Statement } from '../kcql/statement.ts';
import type { SinkRecord } from '../sink.ts';
import type { OrientMap, OrientParam } from './session.ts';

/** Where the record of a vertex stands: the key of what has no other, and what tells an older record from a newer one. */
export const PLACE_PROPERTIES = ['_topic', '_partition', '_offset'] as const;

export type PropertyType = 'LONG' | 'DOUBLE' | 'STRING' | 'BOOLEAN' | 'INTEGER';

export interface VertexProperty {
  readonly name: string;
  /** Undefined where Avro leaves a choice: each value then has its own type. */
  readonly type: PropertyType | undefined;
}

/** What a class must have before rows of a mapping can be written. */
export interface VertexClass {
  readonly properties: readonly VertexProperty[];
  /** Unique together. */
  readonly key: readonly string[];
}

type AnyRecord = SinkRecord & { readonly from: 'any' };

interface MappedField extends VertexProperty {
  readonly field: Field;
  readonly isKey: boolean;
}

export interface VertexRow {
  readonly className: string;
  readonly params: OrientMap;
  /** Values that OrientDB cannot take: NaN and the infinities. */
  readonly notFinite: number;
  /** Some property has a value. */
  readonly hasValue: boolean;
}

const TYPES = {
  integer: 'LONG',
  float: 'DOUBLE',
  string: 'STRING',
  boolean: 'BOOLEAN',
  bytes: 'STRING',
  mixed: undefined,
} as const satisfies Record<Field['kind'], PropertyType | undefined>;

/** One statement for records of one schema. */
export class VertexMapping {
  readonly #classAt: (timestampMs: number) => string;
  readonly #fields: readonly MappedField[];
  readonly #timestamp: Field | undefined;
  readonly #statement: Statement;
  readonly vertexClass: VertexClass;
  /** For a list of rows, `:rows`. */
  readonly sql: string;

  constructor(statement: Statement, fields: Fields) {
    const mapping = compileStatement(statement, fields);
    this.#statement = statement;
    this.#classAt = (timestampMs) => mapping.target(timestampMs);
    this.#timestamp = mapping.timestamp;
    this.#fields = mappedFields(mapping.fields, new Set(statement.primaryKey.map(propertyName)));
    const named = new Set(this.#fields.map(({ name }) => name));
    const missing = statement.primaryKey.find((name) => !named.has(propertyName(name)));
    if (missing !== undefined)
      throw new PlatformError('SINK_REFUSED', `${statement.topic}: the record's schema has no PK field ${missing}`);
    this.vertexClass = classOf(statement, this.#fields);
    this.sql = statementFor(statement, this.#fields);
  }

  /** Errors: SINK_REFUSED when a field of the primary key has no value. */
  rowOf(record: AnyRecord): VertexRow {
    let notFinite = 0;
    let hasValue = false;
    const params: Record<string, OrientParam> = {
      topic: record.topic,
      partition: record.partition,
      offset: Number(record.offset),
    };
    for (const [at, { field, type, isKey, name }] of this.#fields.entries()) {
      const scalar = field.get(record.value);
      const value = scalar === undefined ? null : paramOf(scalar, isKey ? type : undefined);
      if (value === undefined) notFinite++;
      if (isKey && (value ?? null) === null)
        throw new PlatformError('SINK_REFUSED', `the PK field ${name} has no value`);
      hasValue ||= (value ?? null) !== null;
      params[`f${at}`] = value ?? null;
    }
    return { className: this.#classAt(this.#timeMs(record)), params, notFinite, hasValue };
  }

  /** The record's own time, not the clock's: one that comes again must meet its vertex. */
  #timeMs(record: AnyRecord): number {
    const given = this.#timestamp?.get(record.value);
    const time = given === undefined ? undefined : timeOf(given, this.#statement.timestampUnit);
    return time === undefined ? record.timestampMs : Number(time / 1_000_000n);
  }
}

/** Selected names are right already; those of `*` may be paths with dots. */
export function propertyName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_]/g, '_');
}

function mappedFields(
  fields: readonly { readonly name: string; readonly field: Field }[],
  key: ReadonlySet<string>,
): readonly MappedField[] {
  const byName = new Map<string, MappedField>();
  for (const { name: given, field } of fields) {
    const name = propertyName(given);
    const isKey = key.has(name);
    // An index needs one type.
    const type = TYPES[field.kind] ?? (isKey ? 'STRING' : undefined);
    if (!byName.has(name) && !PLACE_PROPERTIES.some((own) => own === name))
      byName.set(name, { name, type, field, isKey });
  }
  return [...byName.values()];
}

function classOf({ primaryKey }: Statement, fields: readonly MappedField[]): VertexClass {
  const place: readonly VertexProperty[] = [
    { name: '_topic', type: 'STRING' },
    { name: '_partition', type: 'INTEGER' },
    { name: '_offset', type: 'LONG' },
  ];
  return {
    properties: [...fields.map(({ name, type }) => ({ name, type })), ...place],
    key: primaryKey.length === 0 ? PLACE_PROPERTIES : primaryKey.map(propertyName),
  };
}

const SET_PLACE = '`_topic` = $r.topic, `_partition` = $r.partition, `_offset` = $r.offset';
const IS_PLACE = '`_topic` = $r.topic AND `_partition` = $r.partition AND `_offset` = $r.offset';
/** Newer by the order of its own partition; between partitions there is none, and the later to come wins. */
const HAS_NEWER = '`_topic` = $r.topic AND `_partition` = $r.partition AND `_offset` > $r.offset';

/**
 * With a key the vertex is made first, then the record's values are set unless it shows a newer record (UPSERT) or any other (INSERT).
 * `${className}` stands for the class.
 */
function statementFor({ mode, primaryKey }: Statement, fields: readonly MappedField[]): string {
  const set = (some: readonly (readonly [MappedField, number])[], joint: string) =>
    some.map(([{ name }, at]) => `\`${name}\` = $r.f${at}`).join(joint);
  const all = fields.map((field, at) => [field, at] as const);
  const values = [...(fields.length > 0 ? [set(all, ', ')] : []), SET_PLACE].join(', ');
  if (primaryKey.length === 0) return `UPDATE ${CLASS} SET ${values} UPSERT WHERE ${IS_PLACE};`;
  const keys = all.filter(([{ isKey }]) => isKey);
  const isKey = set(keys, ' AND ');
  const isOpen =
    mode === 'UPSERT' ? `(\`_offset\` IS NULL OR NOT (${HAS_NEWER}))` : `(\`_offset\` IS NULL OR (${IS_PLACE}))`;
  return `UPDATE ${CLASS} SET ${set(keys, ', ')} UPSERT WHERE ${isKey}; UPDATE ${CLASS} SET ${values} WHERE ${isKey} AND ${isOpen};`;
}

const CLASS = '`:class`';

/** @param sql of a mapping */
export function scriptFor(sql: string, className: string): string {
  return `FOREACH ($r IN :rows) { ${sql.replaceAll(CLASS, () => `\`${className}\``)} }`;
}

/**
 * Undefined for what is no number. orientjs writes whole numbers as integers of at most 64 bits, and none of beyond 2^53 right; as text they
 * become what the property's type says.
 */
function paramOf(value: Scalar, type: PropertyType | undefined): OrientParam | undefined {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (type === 'STRING') return String(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'number') return value;
  if (!Number.isFinite(value)) return undefined;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? String(value) : value;
}
