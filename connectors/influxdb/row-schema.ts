import { compileSchema } from '../../schemas/avro-types.ts';
import { FrameEncoder } from '../../schemas/codec.ts';

/** A column of a query's result. */
export interface Column {
  readonly label: string;
  readonly dataType: string;
}

type Primitive = 'string' | 'long' | 'double' | 'boolean';
type Union = readonly ['null', ...Primitive[]];

/** Flux types by their Avro ones. Times are ns since 1970; what has no other is text, as InfluxDB writes it. */
const PRIMITIVES: Readonly<Record<string, Primitive>> = {
  long: 'long',
  unsignedLong: 'long',
  double: 'double',
  boolean: 'boolean',
  'dateTime:RFC3339': 'long',
  'dateTime:RFC3339Nano': 'long',
};

/** Columns of the annotated form of an answer, not of the query. */
const NOT_DATA = new Set(['', 'result', 'table']);

const COLUMNS_LIMIT = 1_000;

/** One field of a row: the column that it comes from and what its text becomes. */
interface RowField {
  readonly index: number;
  readonly name: string;
  readonly type: Primitive;
  readonly isTime: boolean;
}

/** The Avro schema of the rows of a query: grows by columns and types as they come, so that each version reads the ones before. */
export class RowSchema {
  readonly #name: string;
  readonly #fields = new Map<string, { union: Union; column: string }>();

  /** @param topic the record is called after it */
  constructor(topic: string) {
    this.#name = avroName(topic);
  }

  /** Takes up the fields of a version that was registered before. */
  adopt(schema: unknown): void {
    const { fields = [] } = schema as { fields?: readonly { name: string; type: unknown; doc?: string }[] };
    for (const { name, type, doc = name } of fields)
      if (Array.isArray(type))
        this.#fields.set(name, { union: type as unknown as Union, column: doc.split(',', 1)[0]! });
  }

  /** Fields of these columns; `grew` when the schema is another than before. */
  fieldsOf(columns: readonly Column[]): { readonly fields: readonly RowField[]; readonly grew: boolean } {
    let grew = false;
    const fields: RowField[] = [];
    for (const [index, { label, dataType }] of columns.slice(0, COLUMNS_LIMIT).entries()) {
      if (NOT_DATA.has(label)) continue;
      const type = PRIMITIVES[dataType] ?? 'string';
      const name = this.#nameOf(label);
      const union = this.#fields.get(name)?.union ?? (['null'] as unknown as Union);
      if (!union.includes(type)) {
        this.#fields.set(name, { union: [...union, type] as unknown as Union, column: label });
        grew = true;
      }
      fields.push({ index, name, type, isTime: dataType.startsWith('dateTime') });
    }
    return { fields, grew };
  }

  schema(): unknown {
    const fields = [...this.#fields].map(([name, { union, column }]) => ({
      name,
      type: union,
      default: null,
      doc: column,
    }));
    return { type: 'record', name: this.#name, namespace: 'io.zeelos.influxdb', fields };
  }

  encoder(schemaId: number): FrameEncoder<Record<string, unknown>> {
    return new FrameEncoder(compileSchema(this.schema()), schemaId);
  }

  /** A row with every field of the schema; the empty text of a column is no value. */
  valueOf(fields: readonly RowField[], row: readonly string[]): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    for (const name of this.#fields.keys()) value[name] = null;
    for (const { index, name, type, isTime } of fields) {
      const text = row[index] ?? '';
      if (text !== '' || type === 'string') value[name] = { [type]: parsed(text, type, isTime) };
    }
    return value;
  }

  /** Two columns whose names differ only in what Avro does not take get numbers. */
  #nameOf(label: string): string {
    const wanted = avroName(label);
    for (let number = 1; ; number++) {
      const name = number === 1 ? wanted : `${wanted}_${number}`;
      const known = this.#fields.get(name);
      if (known === undefined || known.column === label) return name;
    }
  }
}

function avroName(text: string): string {
  const name = text.replace(/[^A-Za-z0-9_]/g, '_');
  return /^[A-Za-z_]/.test(name) ? name : `_${name}`;
}

function parsed(text: string, type: Primitive, isTime: boolean): unknown {
  if (isTime) return exact(nanosecondsOf(text));
  switch (type) {
    case 'boolean':
      return text === 'true';
    case 'double':
      return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
    case 'long':
      return exact(BigInt.asIntN(64, BigInt(text)));
    case 'string':
      return text;
  }
}

function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** ns since 1970 of an RFC 3339 time in UTC. */
export function nanosecondsOf(text: string): bigint {
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  const whole = text.replace(/\.\d+/, '');
  return BigInt(Date.parse(whole)) * 1_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
}
