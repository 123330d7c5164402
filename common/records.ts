import { type AvroType, avroType, compileSchema } from '../schemas/avro-types.ts';
import { FRAME_BYTES, FrameEncoder, schemaIdOf } from '../schemas/codec.ts';
import type { AvroRecords } from '../schemas/generated/records.ts';
import { messageOf, PlatformError } from './errors.ts';
import type { SchemaSnapshot, SchemaSource } from './schema-registry.ts';

/** Schema ids that one reader remembers. A fleet uses about ten; beyond the limit the oldest is forgotten and learnt again. */
const KNOWN_SCHEMAS_LIMIT = 1_000;

/** The schema that a record was written in. */
export interface WriterSchema {
  readonly id: number;
  /** As JSON, complete in itself. */
  readonly schema: unknown;
}

interface KnownWriter {
  readonly type: AvroType;
  readonly schema: WriterSchema;
}

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

/**
 * Decodes framed records in the shape that their writer gave them. With a record name the writer schema must be one that ours can
 * read; since ours only ever grows by fields with defaults, what an older writer did not know is `undefined`, as the types say.
 * avsc's own resolution is only asked whether it can be read: it would turn a long of the value union into the double before it.
 * Union values are `{branch: value}`.
 */
export class RecordReader<T = unknown> {
  readonly #source: SchemaSource;
  readonly #reader: AvroType | undefined;
  readonly #known = new Map<number, KnownWriter>();

  constructor(source: SchemaSource, record?: keyof AvroRecords) {
    this.#source = source;
    this.#reader = record === undefined ? undefined : avroType(record);
  }

  /** Errors: AVRO_FRAME, AVRO_UNKNOWN_SCHEMA, AVRO_INVALID (never retriable), REGISTRY_UNAVAILABLE (retriable). */
  async decode(bytes: Uint8Array): Promise<T> {
    const { type, schema } = await this.#writerOf(bytes);
    return this.#read(type, Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes), schema.id);
  }

  /** As `decode`, with the schema of the writer: the same object for all records of one schema id. */
  async decodeWithSchema(bytes: Uint8Array): Promise<{ readonly value: T; readonly schema: WriterSchema }> {
    const { type, schema } = await this.#writerOf(bytes);
    return { value: this.#read(type, Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes), schema.id), schema };
  }

  async #writerOf(bytes: Uint8Array): Promise<KnownWriter> {
    const id = schemaIdOf(bytes);
    if (id === undefined) throw new PlatformError('AVRO_FRAME', `${bytes.length} bytes without a schema id`);
    return this.#known.get(id) ?? (await this.#learn(id));
  }

  #read(writer: AvroType, bytes: Buffer, id: number): T {
    let result: { value: T; offset: number };
    try {
      result = writer.decode(bytes, FRAME_BYTES);
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

  async #learn(id: number): Promise<KnownWriter> {
    const schema = await this.#source.schemaById(id);
    if (schema === undefined) {
      throw new PlatformError('AVRO_UNKNOWN_SCHEMA', `nobody knows schema id ${id}`, { details: { schemaId: id } });
    }
    const writer = { type: this.#compile(schema, id), schema: { id, schema } };
    if (this.#known.size >= KNOWN_SCHEMAS_LIMIT) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(id, writer);
    return writer;
  }

  #compile(schema: unknown, id: number): AvroType {
    try {
      const writer = compileSchema(schema);
      this.#reader?.createResolver(writer);
      return writer;
    } catch (cause) {
      throw new PlatformError('AVRO_INVALID', `schema ${id} cannot be read as ours: ${messageOf(cause)}`, { cause });
    }
  }
}
