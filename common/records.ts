import type { Resolver, Type } from 'avsc';
import { avroType, compileSchema } from '../schemas/avro-types.ts';
import { FRAME_BYTES, FrameEncoder, schemaIdOf } from '../schemas/codec.ts';
import type { AvroRecords } from '../schemas/generated/records.ts';
import { messageOf, PlatformError } from './errors.ts';
import type { SchemaSnapshot, SchemaSource } from './schema-registry.ts';

/** Schema ids that one reader remembers. A fleet uses about ten; beyond the limit the oldest is forgotten and learnt again. */
const KNOWN_SCHEMAS_LIMIT = 1_000;

/** An encoder for the value (or key) of one topic, under the id that the snapshot gives its subject. */
export function encoderFor<N extends keyof AvroRecords>(
  snapshot: SchemaSnapshot,
  subject: string,
  record: N,
): FrameEncoder<AvroRecords[N]> {
  const id = snapshot.subjects[subject];
  if (id === undefined) {
    throw new PlatformError('REGISTRY_NOT_ENROLLED', `there is no schema id for subject ${subject}`);
  }
  return new FrameEncoder(avroType(record), id);
}

/** Encodes and turns what avsc throws into AVRO_INVALID. For values that come from outside; inside, call the encoder itself. */
export function encodeChecked<T>(encoder: FrameEncoder<T>, value: T): Buffer {
  try {
    return encoder.encode(value);
  } catch (cause) {
    throw new PlatformError('AVRO_INVALID', messageOf(cause), { cause });
  }
}

interface KnownSchema {
  readonly writer: Type;
  readonly resolver: Resolver | undefined;
}

/**
 * Decodes framed records of any writer schema. With a record name the result has our shape (fields the writer did not know
 * take their defaults); without, the shape that the writer gave it. Union values are `{branch: value}`.
 */
export class RecordReader<T = unknown> {
  readonly #source: SchemaSource;
  readonly #reader: Type | undefined;
  readonly #known = new Map<number, KnownSchema>();

  constructor(source: SchemaSource, record?: keyof AvroRecords) {
    this.#source = source;
    this.#reader = record === undefined ? undefined : avroType(record);
  }

  /** Errors: AVRO_FRAME, AVRO_UNKNOWN_SCHEMA, AVRO_INVALID (never retriable), REGISTRY_UNAVAILABLE (retriable). */
  async decode(bytes: Uint8Array): Promise<T> {
    const id = schemaIdOf(bytes);
    if (id === undefined) throw new PlatformError('AVRO_FRAME', `${bytes.length} bytes without a schema id`);
    const known = this.#known.get(id) ?? (await this.#learn(id));
    return this.#read(known, Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes), id);
  }

  #read(known: KnownSchema, bytes: Buffer, id: number): T {
    const type = known.resolver === undefined ? known.writer : this.#reader!;
    let result: { value: T; offset: number };
    try {
      result = type.decode(bytes, FRAME_BYTES, known.resolver);
    } catch (cause) {
      throw new PlatformError('AVRO_INVALID', `schema ${id}: ${messageOf(cause)}`, { cause });
    }
    if (result.offset !== bytes.length) {
      throw new PlatformError(
        'AVRO_INVALID',
        `schema ${id}: the record ends at ${result.offset} of ${bytes.length} bytes`,
      );
    }
    return result.value;
  }

  async #learn(id: number): Promise<KnownSchema> {
    const schema = await this.#source.schemaById(id);
    if (schema === undefined) {
      throw new PlatformError('AVRO_UNKNOWN_SCHEMA', `nobody knows schema id ${id}`, { details: { schemaId: id } });
    }
    const known = this.#compile(schema, id);
    if (this.#known.size >= KNOWN_SCHEMAS_LIMIT) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(id, known);
    return known;
  }

  #compile(schema: unknown, id: number): KnownSchema {
    try {
      const writer = compileSchema(schema);
      return { writer, resolver: this.#reader?.createResolver(writer) };
    } catch (cause) {
      throw new PlatformError('AVRO_INVALID', `schema ${id} cannot be read as ours: ${messageOf(cause)}`, { cause });
    }
  }
}
