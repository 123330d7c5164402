import { readdirSync, readFileSync } from 'node:fs';
import avro from 'avsc';
import './avsc-bounds.ts';

import type { AvroRecords } from './generated/records.ts';

/** A compiled schema. */
export type AvroType = avro.Type;

const FOLDER = new URL('./avro/', import.meta.url);

/** A named Avro schema as its file holds it. */
export interface AvroSchemaFile {
  readonly type: 'record' | 'enum';
  readonly name: string;
  readonly namespace: string;
  readonly doc?: string;
  readonly symbols?: readonly string[];
  readonly fields?: readonly { name: string; type: unknown; default?: unknown; doc?: string }[];
}

/** Every schema of schemas/avro by its full name. */
export const SCHEMA_FILES: ReadonlyMap<string, AvroSchemaFile> = new Map(
  readdirSync(FOLDER)
    .filter((name) => name.endsWith('.avsc'))
    .sort()
    .map((name) => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as AvroSchemaFile)
    .map((schema) => [`${schema.namespace}.${schema.name}`, schema]),
);

/**
 * 64-bit integers: a number while it is exact, a bigint beyond ±(2^53 − 1).
 * avsc alone refuses those, and an LwM2M INTEGER may be any 64-bit value.
 */
const LONG_TYPE = avro.types.LongType.__with(
  {
    fromBuffer(bytes: Buffer): number | bigint {
      const high = bytes.readInt32LE(4);
      const value = high * 2 ** 32 + bytes.readUInt32LE(0);
      return Number.isSafeInteger(value) ? value : bytes.readBigInt64LE(0);
    },
    toBuffer(value: number | bigint): Buffer {
      const bytes = Buffer.allocUnsafe(8);
      if (typeof value === 'bigint') bytes.writeBigInt64LE(value);
      else {
        const high = Math.floor(value / 2 ** 32);
        bytes.writeUInt32LE(value - high * 2 ** 32, 0);
        bytes.writeInt32LE(high, 4);
      }
      return bytes;
    },
    fromJSON: (value: number) => value,
    toJSON: (value: number | bigint) => (typeof value === 'bigint' ? Number(value) : value),
    isValid: (value: unknown) =>
      typeof value === 'bigint' ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value),
    compare: (one: number | bigint, other: number | bigint) => (one === other ? 0 : one < other ? -1 : 1),
  },
  false,
);

/** Compiles one schema; references to our own records resolve by full name. In memory a union value is `{branch: value}`, as in Avro's JSON. */
export function compileSchema(schema: unknown): AvroType {
  const registry: Record<string, avro.Type> = { long: LONG_TYPE };
  return avro.Type.forSchema(schema as avro.Schema, { registry, wrapUnions: true, omitRecordMethods: true } as never);
}

/**
 * The schema with every reference to another of our files put in place where it is first used: what a registry or a foreign reader needs.
 * @param fullName for example `io.zeelos.leshan.avro.AvroKey`
 */
export function selfContainedSchema(fullName: string): unknown {
  const seen = new Set<string>();
  const inline = (node: unknown): unknown => {
    if (typeof node === 'string') {
      const file = SCHEMA_FILES.get(node);
      if (file === undefined || seen.has(node)) return node;
      return inline(file);
    }
    if (Array.isArray(node)) return node.map(inline);
    if (node === null || typeof node !== 'object') return node;
    const schema = node as AvroSchemaFile & { items?: unknown; values?: unknown };
    if (schema.name !== undefined) seen.add(`${schema.namespace}.${schema.name}`);
    if (schema.fields !== undefined) {
      return { ...schema, fields: schema.fields.map((field) => ({ ...field, type: inline(field.type) })) };
    }
    if (schema.items !== undefined) return { ...schema, items: inline(schema.items) };
    if (schema.values !== undefined) return { ...schema, values: inline(schema.values) };
    return schema;
  };
  return inline(fullName);
}

const compiled = new Map<string, avro.Type>();

/** The compiled type of one of our records, made once. */
export function avroType<N extends keyof AvroRecords>(fullName: N): avro.Type {
  let type = compiled.get(fullName);
  if (type === undefined) {
    type = compileSchema(selfContainedSchema(fullName));
    compiled.set(fullName, type);
  }
  return type;
}
