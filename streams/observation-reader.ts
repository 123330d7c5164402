import { messageOf, PlatformError } from '../common/errors.ts';
import type { SchemaSource } from '../common/schema-registry.ts';
import { type AvroType, avroType, compileSchema } from '../schemas/avro-types.ts';
import { FRAME_BYTES, schemaIdOf } from '../schemas/codec.ts';
import type { AvroResponseObserve } from '../schemas/generated/records.ts';
import type { ObservationView } from './observation-view.ts';

const NAME = 'io.zeelos.leshan.avro.response.AvroResponseObserve';

/** Schema ids that are remembered, those that cannot be read among them. */
const KNOWN_SCHEMAS_LIMIT = 1_000;

/** How the records of one schema id are read: in place or by way of objects; or why they cannot be. */
type Known = { readonly type: AvroType; readonly inPlace: boolean } | PlatformError;

/**
 * Reads observations into a view. Records of our schema are read where they lie; those of another that ours can read, of an older
 * gateway for example, are decoded and encoded anew first.
 */
export class ObservationReader {
  readonly #source: SchemaSource;
  readonly #known = new Map<number, Known>();
  readonly #ours = avroType(NAME);
  #lastInPlace = -1;

  constructor(source: SchemaSource) {
    this.#source = source;
  }

  /**
   * @returns the schema id that has to be learnt first, undefined once the view holds the record
   * Errors: AVRO_FRAME, AVRO_UNKNOWN_SCHEMA, AVRO_INVALID: this record can never be read.
   */
  read(view: ObservationView, bytes: Buffer, start: number, end: number): number | undefined {
    const id = end - start < FRAME_BYTES ? undefined : schemaIdOf(bytes.subarray(start, start + FRAME_BYTES));
    if (id === undefined) throw new PlatformError('AVRO_FRAME', `${end - start} bytes without a schema id`);
    if (id !== this.#lastInPlace) {
      const known = this.#known.get(id);
      if (known === undefined) return id;
      if (known instanceof PlatformError) throw known;
      if (!known.inPlace) {
        this.#readAnew(view, known.type, bytes.subarray(start, end));
        return undefined;
      }
      this.#lastInPlace = id;
    }
    if (!view.read(bytes, start, start + FRAME_BYTES, end))
      throw new PlatformError(
        'AVRO_INVALID',
        `schema ${id}: the record is cut short, or its time lies beyond any clock`,
      );
    return undefined;
  }

  /** Errors: REGISTRY_UNAVAILABLE (retriable). An id that nobody knows, or whose schema is not ours, is learnt as unreadable. */
  async learn(id: number): Promise<void> {
    const schema = await this.#source.schemaById(id);
    if (this.#known.size >= KNOWN_SCHEMAS_LIMIT) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(id, this.#judge(id, schema));
  }

  /** The whole observation that the view holds. Errors: AVRO_INVALID. */
  decode(view: ObservationView): AvroResponseObserve {
    return this.decodeFrame(view.bytes.subarray(view.start, view.end));
  }

  /** Of what `view.copy()` gave. Errors: AVRO_INVALID. */
  decodeFrame(frame: Buffer): AvroResponseObserve {
    const known = this.#known.get(schemaIdOf(frame) ?? -1);
    const type = known === undefined || known instanceof PlatformError ? this.#ours : known.type;
    try {
      return type.decode(frame, FRAME_BYTES).value as AvroResponseObserve;
    } catch (cause) {
      throw new PlatformError('AVRO_INVALID', messageOf(cause), { cause });
    }
  }

  #judge(id: number, schema: unknown): Known {
    if (schema === undefined) return new PlatformError('AVRO_UNKNOWN_SCHEMA', `nobody knows schema id ${id}`);
    try {
      const writer = compileSchema(schema);
      this.#ours.createResolver(writer);
      return { type: writer, inPlace: JSON.stringify(writer.schema()) === JSON.stringify(this.#ours.schema()) };
    } catch (cause) {
      const message = `schema ${id} cannot be read as ours: ${messageOf(cause)}`;
      return new PlatformError('AVRO_INVALID', message, { cause });
    }
  }

  #readAnew(view: ObservationView, writer: AvroType, frame: Buffer): void {
    try {
      const body = this.#ours.toBuffer(writer.decode(frame, FRAME_BYTES).value);
      // Under id 0, which no registry gives out: what is kept of it is read as ours.
      const bytes = Buffer.concat([Buffer.alloc(FRAME_BYTES), body]);
      if (view.read(bytes, 0, FRAME_BYTES, bytes.length)) return;
    } catch (cause) {
      throw new PlatformError('AVRO_INVALID', messageOf(cause), { cause });
    }
    throw new PlatformError('AVRO_INVALID', 'its time lies beyond any clock');
  }
}
