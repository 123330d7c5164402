import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type AvroSchemaFile, selfContainedSchema } from '../schemas/avro-types.ts';
import { TOPICS } from '../schemas/topics.ts';
import { messageOf, PlatformError } from './errors.ts';

/** What a gateway keeps on disk so that it boots with the registry away: ids by subject and every schema by id. */
export interface SchemaSnapshot {
  readonly gatewayId: string;
  readonly subjects: Readonly<Record<string, number>>;
  readonly schemas: Readonly<Record<string, unknown>>;
}

/** Where the writer schema of a record comes from. */
export interface SchemaSource {
  /** Undefined when nobody knows the id; REGISTRY_UNAVAILABLE when that cannot be told now. */
  schemaById(id: number): Promise<unknown | undefined>;
}

const REQUEST_TIMEOUT_MS = 5_000;
/** error_code of the Confluent API for an id that was never given out. */
const SCHEMA_NOT_FOUND = 40403;

/** Read side of the Confluent REST API. Answers are cached by the callers: an id never changes its schema. */
export function registrySource(registryUrl: string): SchemaSource {
  return {
    async schemaById(id) {
      const response = await ask(`${registryUrl}/schemas/ids/${id}`, registryUrl);
      // A 404 without this code comes from something else that listens at the address: no verdict on the id.
      const body = await bodyOf<{ schema: string; error_code?: number }>(response, registryUrl);
      if (response.status === 404 && body.error_code === SCHEMA_NOT_FOUND) return undefined;
      if (!response.ok) {
        throw new PlatformError('REGISTRY_UNAVAILABLE', `the schema registry answered ${response.status} for id ${id}`);
      }
      return JSON.parse(body.schema);
    },
  };
}

/** A source over the snapshot of an enrolled gateway. */
export function snapshotSource(snapshot: SchemaSnapshot): SchemaSource {
  return { schemaById: async (id) => snapshot.schemas[String(id)] };
}

/** The first source that knows the id. One that is out of reach is passed over, but then nobody can say that the id is unknown. */
export function firstOf(...sources: readonly SchemaSource[]): SchemaSource {
  return {
    async schemaById(id) {
      let outOfReach: { readonly error: unknown } | undefined;
      for (const source of sources) {
        try {
          const schema = await source.schemaById(id);
          if (schema !== undefined) return schema;
        } catch (error) {
          outOfReach ??= { error };
        }
      }
      if (outOfReach !== undefined) throw outOfReach.error;
      return undefined;
    },
  };
}

/** Subjects of one gateway with the self-contained schema of each, by the TopicNameStrategy `<topic>-key` and `<topic>-value`. */
export function subjectsOf(gatewayId: string): ReadonlyMap<string, AvroSchemaFile> {
  const subjects = new Map<string, AvroSchemaFile>();
  for (const row of Object.values(TOPICS)) {
    const topic = row.nameFor(gatewayId);
    if (row.key !== 'text') subjects.set(`${topic}-key`, selfContainedSchema(row.key) as AvroSchemaFile);
    subjects.set(`${topic}-value`, selfContainedSchema(row.value) as AvroSchemaFile);
  }
  return subjects;
}

/**
 * Registers the schemas of a gateway at the authority for ids (the cloud registry); repeating it changes nothing.
 * Errors: REGISTRY_UNAVAILABLE, REGISTRY_REFUSED (an incompatible schema stands under the subject).
 */
export async function registerSchemas(gatewayId: string, registryUrl: string): Promise<SchemaSnapshot> {
  // Loaded only here: an enrolled gateway never needs the registry library in its memory.
  const { COMPATIBILITY, SchemaRegistry, SchemaType } = await import('@kafkajs/confluent-schema-registry');
  const registry = new SchemaRegistry({ host: registryUrl, retry: { retries: 2 } });
  const ids: Record<string, number> = {};
  const schemas: Record<string, unknown> = {};
  for (const [subject, schema] of subjectsOf(gatewayId)) {
    try {
      const { id } = await registry.register(
        { type: SchemaType.AVRO, schema: JSON.stringify(schema) },
        { subject, compatibility: COMPATIBILITY.BACKWARD_TRANSITIVE },
      );
      ids[subject] = id;
      schemas[String(id)] = schema;
    } catch (cause) {
      throw await registrationError(cause, subject, registryUrl);
    }
  }
  return { gatewayId, subjects: ids, schemas };
}

/**
 * The ids under which an enrolled gateway's schemas stand; changes nothing. For those who write to a gateway's topics from outside.
 * Errors: REGISTRY_UNAVAILABLE; REGISTRY_NOT_ENROLLED when the gateway has no such subject.
 */
export async function lookUpSchemas(
  gatewayId: string,
  registryUrl: string,
  subjects: readonly string[],
): Promise<SchemaSnapshot> {
  const ids: Record<string, number> = {};
  const schemas: Record<string, unknown> = {};
  for (const subject of subjects) {
    const schema = subjectsOf(gatewayId).get(subject);
    const id = await lookUpSchema(registryUrl, subject, schema);
    ids[subject] = id;
    schemas[String(id)] = schema;
  }
  return { gatewayId, subjects: ids, schemas };
}

/** The newest schema of a subject; undefined when the registry has none. Errors: REGISTRY_UNAVAILABLE. */
export async function newestSchema(registryUrl: string, subject: string): Promise<unknown | undefined> {
  const response = await ask(`${registryUrl}/subjects/${encodeURIComponent(subject)}/versions/latest`, registryUrl);
  if (response.status === 404) return undefined;
  if (!response.ok)
    throw new PlatformError('REGISTRY_UNAVAILABLE', `the schema registry answered ${response.status} for ${subject}`);
  return JSON.parse((await bodyOf<{ schema: string }>(response, registryUrl)).schema);
}

/** Registers one schema and returns its id; repeating it changes nothing. Errors: REGISTRY_UNAVAILABLE, REGISTRY_REFUSED. */
export async function registerSchema(registryUrl: string, subject: string, schema: unknown): Promise<number> {
  const response = await ask(`${registryUrl}/subjects/${encodeURIComponent(subject)}/versions`, registryUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema), schemaType: 'AVRO' }),
  });
  const body = await bodyOf<{ id: number; message?: string }>(response, registryUrl);
  if (response.ok) return body.id;
  const code = response.status >= 400 && response.status < 500 ? 'REGISTRY_REFUSED' : 'REGISTRY_UNAVAILABLE';
  throw new PlatformError(code, `subject ${subject}: ${body.message ?? response.status}`);
}

async function lookUpSchema(registryUrl: string, subject: string, schema: unknown): Promise<number> {
  const response = await ask(`${registryUrl}/subjects/${encodeURIComponent(subject)}`, registryUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema), schemaType: 'AVRO' }),
  });
  if (response.status === 404) {
    throw new PlatformError(
      'REGISTRY_NOT_ENROLLED',
      `the registry has no schema of this version under ${subject}: is the gateway's name right?`,
    );
  }
  if (!response.ok)
    throw new PlatformError('REGISTRY_UNAVAILABLE', `the schema registry answered ${response.status} for ${subject}`);
  return ((await response.json()) as { id: number }).id;
}

async function ask(url: string, registryUrl: string, request: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, { ...request, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  } catch (cause) {
    throw new PlatformError('REGISTRY_UNAVAILABLE', `the schema registry at ${registryUrl} does not answer`, { cause });
  }
}

/** An answer that breaks off or is no JSON says no more than none. */
async function bodyOf<T>(response: Response, registryUrl: string): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch (cause) {
    throw new PlatformError('REGISTRY_UNAVAILABLE', `the answer of ${registryUrl} cannot be read`, { cause });
  }
}

/** The registry library reports status 400 for a registry that does not answer at all: only an answer makes it a refusal. */
async function registrationError(cause: unknown, subject: string, registryUrl: string): Promise<PlatformError> {
  const status = (cause as { status?: number }).status;
  const answers = await ask(`${registryUrl}/subjects`, registryUrl).then(
    (response) => response.ok,
    () => false,
  );
  if (answers && typeof status === 'number' && status >= 400 && status < 500) {
    return new PlatformError('REGISTRY_REFUSED', `subject ${subject}: ${messageOf(cause)}`, { cause });
  }
  return new PlatformError('REGISTRY_UNAVAILABLE', `the schema registry at ${registryUrl} does not answer`, { cause });
}

/** The snapshot on disk; undefined when there is none yet. A damaged file is CONFIG_INVALID, never silently replaced. */
export function readSnapshot(file: string): SchemaSnapshot | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new PlatformError('CONFIG_INVALID', `${file} cannot be read`, { cause: error });
  }
  try {
    const snapshot = JSON.parse(text) as Partial<SchemaSnapshot> | null;
    if (isTable(snapshot?.subjects) && isTable(snapshot?.schemas)) return snapshot as SchemaSnapshot;
  } catch (cause) {
    throw new PlatformError('CONFIG_INVALID', `${file} is damaged: remove it and enrol again`, { cause });
  }
  throw new PlatformError('CONFIG_INVALID', `${file} is not a schema snapshot: remove it and enrol again`);
}

function isTable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Written beside and renamed, so that a crash leaves the old or the new snapshot, never half of one. */
export function writeSnapshot(file: string, snapshot: SchemaSnapshot): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(snapshot, null, 1)}\n`);
  renameSync(`${file}.new`, file);
}

/** True when the snapshot holds an id for every subject of the gateway, each with the very schema of this build. */
export function isCurrent(snapshot: SchemaSnapshot, gatewayId: string): boolean {
  for (const [subject, schema] of subjectsOf(gatewayId)) {
    const id = snapshot.subjects[subject];
    if (id === undefined || JSON.stringify(snapshot.schemas[String(id)]) !== JSON.stringify(schema)) return false;
  }
  return snapshot.gatewayId === gatewayId;
}

/**
 * The ids this gateway writes with: its snapshot when that is current, else enrolment at the registry, kept on disk.
 * Errors: REGISTRY_NOT_ENROLLED when there is neither (retriable), REGISTRY_REFUSED.
 */
export async function enrol(o: {
  gatewayId: string;
  registryUrl: string;
  snapshotFile: string;
}): Promise<SchemaSnapshot> {
  const kept = readSnapshot(o.snapshotFile);
  if (kept !== undefined && isCurrent(kept, o.gatewayId)) return kept;
  try {
    const current = await registerSchemas(o.gatewayId, o.registryUrl);
    // Records written before an upgrade name the schemas of then.
    const former = kept?.gatewayId === o.gatewayId ? kept.schemas : {};
    const snapshot = { ...current, schemas: { ...former, ...current.schemas } };
    writeSnapshot(o.snapshotFile, snapshot);
    return snapshot;
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'REGISTRY_UNAVAILABLE') {
      throw new PlatformError('REGISTRY_NOT_ENROLLED', `gateway ${o.gatewayId} is not enrolled and ${error.message}`, {
        cause: error,
      });
    }
    throw error;
  }
}
