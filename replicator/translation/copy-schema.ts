import { PlatformError } from '../../common/errors.ts';
import type { UnknownSchemaId } from '../../common/kafka/batch/schema-ids.ts';
import type { RegisteredSchema, Registry, SchemaReference, SubjectVersion } from './registry.ts';

export interface CopySchemaOptions {
  readonly source: Registry;
  readonly target: Registry;
  readonly topic: string;
  readonly unknown: UnknownSchemaId;
  readonly signal: AbortSignal;
}

export interface CopiedSchema {
  readonly targetId: number;
  /** As it stands at the source. */
  readonly schema: RegisteredSchema;
}

/** A schema may use others that use others. Deeper, or more of them, is a circle or a mistake. */
const REFERENCE_DEPTH_LIMIT = 16;
const REFERENCE_LIMIT = 128;

/**
 * Registers at the target what the source has under an id, with all that it refers to. Repeating it changes nothing.
 * Errors: REGISTRY_UNAVAILABLE; REGISTRY_REFUSED when the source does not know the id or the target does not take the schema.
 */
export async function copySchema(o: CopySchemaOptions): Promise<CopiedSchema> {
  const { source, target, topic, signal } = o;
  const { part, id } = o.unknown;
  const schema = await source.schemaById(id, signal);
  if (schema === undefined)
    throw refused(`a ${part} in ${topic} names schema id ${id}, which ${source.url} does not know`);
  const subject = subjectFor(`${topic}-${part}`, topic, await source.placesOf(id, signal));
  const references = await new ReferenceCopy(o).all(schema.references, 1);
  const targetId = await target.register(subject, { ...schema, references }, signal);
  return { targetId, schema };
}

/** Where the topic's own subject has it, that one: an id may stand under the subjects of thousands of gateways. */
function subjectFor(own: string, topic: string, places: readonly SubjectVersion[]): string {
  const subjects = places.map(({ subject }) => subject);
  if (subjects.length === 0 || subjects.includes(own)) return own;
  return subjects.find((subject) => subject.startsWith(`${topic}-`)) ?? subjects.sort()[0]!;
}

/** What one schema refers to. The versions of the target need not be those of the source. */
class ReferenceCopy {
  readonly #o: CopySchemaOptions;
  readonly #versions = new Map<string, number>();
  #count = 0;

  constructor(options: CopySchemaOptions) {
    this.#o = options;
  }

  async all(references: readonly SchemaReference[], depth: number): Promise<SchemaReference[]> {
    const copies: SchemaReference[] = [];
    for (const { name, subject, version } of references)
      copies.push({ name, subject, version: await this.#one({ subject, version }, depth) });
    return copies;
  }

  async #one(place: SubjectVersion, depth: number): Promise<number> {
    const { source, target, signal } = this.#o;
    const { subject, version } = place;
    const known = this.#versions.get(`${version} ${subject}`);
    if (known !== undefined) return known;
    if (depth > REFERENCE_DEPTH_LIMIT || ++this.#count > REFERENCE_LIMIT)
      throw refused(
        `${this.#what} refers to more than ${REFERENCE_LIMIT} others, or ${REFERENCE_DEPTH_LIMIT} one behind the other`,
      );
    const schema = await source.schemaAt(place, signal);
    if (schema === undefined)
      throw refused(`${this.#what} refers to version ${version} of ${subject}, which ${source.url} does not know`);
    const copy = { ...schema, references: await this.all(schema.references, depth + 1) };
    await target.register(subject, copy, signal);
    const copied = await target.versionOf(subject, copy, signal);
    this.#versions.set(`${version} ${subject}`, copied);
    return copied;
  }

  get #what(): string {
    return `schema id ${this.#o.unknown.id} of ${this.#o.topic}`;
  }
}

function refused(message: string): PlatformError {
  return new PlatformError('REGISTRY_REFUSED', message);
}
