import { z } from 'zod';
import { PlatformError } from '../../common/errors.ts';

export interface SchemaReference {
  /** How the schema calls the other one. */
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

export interface RegisteredSchema {
  readonly schema: string;
  /** AVRO when absent. */
  readonly schemaType?: string | undefined;
  readonly references: readonly SchemaReference[];
}

export interface SubjectVersion {
  readonly subject: string;
  readonly version: number;
}

const REQUEST_TIMEOUT_MS = 5_000;
/** One id of a cloud may stand under the subjects of ten thousands of gateways. */
const ANSWER_LIMIT_BYTES = 8 * 2 ** 20;
const REASON_LIMIT_CHARS = 500;
/** In the wire format an id has 4 bytes. */
const MAX_ID = 2 ** 32 - 1;
/** Of the Confluent API: no such subject, version, id. A 404 without one comes from something else that listens at the address. */
const UNKNOWN: ReadonlySet<number | undefined> = new Set([40401, 40402, 40403]);

const version = z.int().min(1);
const ID = z.object({ id: z.int().min(0).max(MAX_ID) });
const VERSION = z.object({ version });
const SUBJECT_VERSIONS = z.array(z.object({ subject: z.string().min(1), version }));
const SCHEMA = z.object({
  schema: z.string(),
  schemaType: z.string().optional(),
  references: z
    .array(z.object({ name: z.string(), subject: z.string().min(1), version }))
    .nullish()
    .transform((list) => list ?? []),
});
const FAULT = z.object({ error_code: z.number().optional(), message: z.string().optional() });

/**
 * A schema registry with the Confluent REST API, as far as copying schemas needs it. Nothing is kept and nothing repeated. Errors of all:
 * REGISTRY_UNAVAILABLE when it gives no answer of use in time, REGISTRY_REFUSED with its reason.
 */
export class Registry {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** Undefined for an id that was never given out. */
  async schemaById(id: number, signal: AbortSignal): Promise<RegisteredSchema | undefined> {
    return await this.#ask(`/schemas/ids/${id}`, SCHEMA, signal);
  }

  async schemaAt({ subject, version }: SubjectVersion, signal: AbortSignal): Promise<RegisteredSchema | undefined> {
    return await this.#ask(`/subjects/${encodeURIComponent(subject)}/versions/${version}`, SCHEMA, signal);
  }

  /** Where an id stands; nowhere when its versions were deleted. */
  async placesOf(id: number, signal: AbortSignal): Promise<readonly SubjectVersion[]> {
    return (await this.#ask(`/schemas/ids/${id}/versions`, SUBJECT_VERSIONS, signal)) ?? [];
  }

  /** Repeating it changes nothing and gives the same id. */
  async register(subject: string, schema: RegisteredSchema, signal: AbortSignal): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`;
    return (await this.#tell(subject, path, schema, ID, signal)).id;
  }

  /** Of a schema that is registered. */
  async versionOf(subject: string, schema: RegisteredSchema, signal: AbortSignal): Promise<number> {
    return (await this.#tell(subject, `/subjects/${encodeURIComponent(subject)}`, schema, VERSION, signal)).version;
  }

  async #ask<T>(path: string, answer: z.ZodType<T>, signal: AbortSignal): Promise<T | undefined> {
    const { status, text } = await this.#request(path, {}, signal);
    if (status === 200) return this.#parse(text, answer);
    const { error_code: code, message } = this.#parse(text, FAULT, status);
    if (status === 404 && UNKNOWN.has(code)) return undefined;
    throw this.#fault(status, `does not answer ${path}`, message);
  }

  async #tell<T>(
    subject: string,
    path: string,
    { schema, schemaType = 'AVRO', references }: RegisteredSchema,
    answer: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const request = {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      // The type that every registry assumes is left out: old ones do not know the field.
      body: JSON.stringify({ schema, ...(schemaType !== 'AVRO' && { schemaType }), references }),
    };
    const { status, text } = await this.#request(path, request, signal);
    if (status === 200) return this.#parse(text, answer);
    const { message } = this.#parse(text, FAULT, status);
    throw this.#fault(status, `does not take a schema under ${subject}`, message);
  }

  #fault(status: number, what: string, message = 'without a reason'): PlatformError {
    const isPassing = status < 400 || status === 404 || status === 408 || status === 429 || status >= 500;
    return new PlatformError(
      isPassing ? 'REGISTRY_UNAVAILABLE' : 'REGISTRY_REFUSED',
      `the schema registry at ${this.url} ${what} (${status}): ${message.slice(0, REASON_LIMIT_CHARS)}`,
    );
  }

  async #request(path: string, request: RequestInit, signal: AbortSignal): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(`${this.url}${path}`, {
        ...request,
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
      });
      return { status: response.status, text: await textOf(response) };
    } catch (cause) {
      if (cause instanceof PlatformError) throw cause;
      throw new PlatformError('REGISTRY_UNAVAILABLE', `the schema registry at ${this.url} does not answer`, { cause });
    }
  }

  /** An answer that is no JSON, or another than the API gives, says no more than none. */
  #parse<T>(text: string, answer: z.ZodType<T>, status = 200): T {
    try {
      return answer.parse(JSON.parse(text));
    } catch (cause) {
      throw new PlatformError(
        'REGISTRY_UNAVAILABLE',
        `${this.url} answers (${status}) what no schema registry would: is the address right?`,
        { cause },
      );
    }
  }
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > ANSWER_LIMIT_BYTES) {
      const limit = `longer than ${ANSWER_LIMIT_BYTES} bytes`;
      throw new PlatformError('REGISTRY_UNAVAILABLE', `the answer of ${response.url} is ${limit}`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
