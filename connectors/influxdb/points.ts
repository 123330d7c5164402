import type {
  AvroCompositeNode,
  AvroCompositeResponse,
  AvroInstanceResource,
  AvroMultipleResource,
  AvroReadResponseBody,
  AvroResource,
  AvroResponsePayload,
} from '../../schemas/generated/records.ts';
import type { SinkRecord } from '../sink.ts';
import { withinUnit } from './line-text.ts';

/** The value of one point, by the field that holds it. */
export type PointValue =
  | { readonly field: 'value'; readonly value: number }
  | { readonly field: 'svalue'; readonly value: string }
  | { readonly field: 'bvalue'; readonly value: boolean };

/** One resource of a record, or the record itself when it carries no resource. */
export interface PathValue {
  readonly path: string;
  /** Absent where the record says nothing but its code. */
  readonly value?: PointValue;
  /** ms since 1970, where the value has a time that is not the record's. */
  readonly timestampMs?: number;
}

/** The measurement of all values. */
export const RESOURCES = 'resources';

export const RESOURCE = 'io.zeelos.leshan.avro.resource.';
export const RESPONSE = 'io.zeelos.leshan.avro.response.';

/** Every resource of a record with its own path; at least one, so that its code is kept. Values that are not finite are among them. */
export function pathValuesOf(path: string, rep: AvroResponsePayload): readonly PathValue[] {
  const body = rep.body;
  if (body === null || body === undefined) return [{ path }];
  for (const [branch, content] of Object.entries(body)) {
    switch (branch) {
      case `${RESPONSE}AvroReadResponseBody`: {
        const values = contentValues(path, content as AvroReadResponseBody);
        return values.length > 0 ? values : [{ path }];
      }
      case `${RESPONSE}AvroCompositeResponse`: {
        const values = (content as AvroCompositeResponse).nodes.flatMap(nodeValues);
        return values.length > 0 ? values : [{ path }];
      }
      case `${RESPONSE}AvroDiscoverResponse`:
        return [{ path, value: text((content as { objectLinks: string }).objectLinks) }];
      case `${RESPONSE}AvroCreateResponse`:
        return [{ path, value: text((content as { location: string }).location) }];
      case `${RESPONSE}AvroGenericResponse`:
        return [{ path, value: text((content as { message: string }).message) }];
    }
  }
  return [{ path }];
}

function nodeValues({ path, content, timestamp }: AvroCompositeNode): PathValue[] {
  const values = contentValues(path, { content });
  return timestamp == null ? values : values.map((value) => ({ ...value, timestampMs: timestamp.long }));
}

function contentValues(path: string, { content }: AvroReadResponseBody): PathValue[] {
  for (const [branch, node] of Object.entries(content)) {
    switch (branch) {
      case `${RESOURCE}AvroResource`:
        // The path of the record, as in the original: a stream names its results there.
        return [{ path, value: pointValueOf(node as AvroResource) }];
      case `${RESOURCE}AvroMultipleResource`:
        return multipleValues(path, node as AvroMultipleResource);
      case `${RESOURCE}AvroInstanceResource`:
        return instanceValues(path, node as AvroInstanceResource);
      case `${RESOURCE}AvroObjectResource`: {
        const { instances } = node as { instances: readonly AvroInstanceResource[] };
        return instances.flatMap((instance) => instanceValues(`${path}/${instance.id}`, instance));
      }
    }
  }
  return [];
}

function instanceValues(path: string, instance: AvroInstanceResource): PathValue[] {
  const values = instance.resources.map((resource) => ({
    path: resource.path || `${path}/${resource.id}`,
    value: pointValueOf(resource),
  }));
  for (const multiple of instance.multipleResources?.array ?? [])
    values.push(...multipleValues(multiple.path || `${path}/${multiple.id}`, multiple));
  return values;
}

function multipleValues(path: string, multiple: AvroMultipleResource): { path: string; value: PointValue }[] {
  return Object.entries(multiple.resources).map(([id, resource]) => ({
    path: resource.path || `${path}/${id}`,
    value: pointValueOf(resource),
  }));
}

function pointValueOf({ value }: AvroResource): PointValue {
  if ('double' in value) return { field: 'value', value: value.double };
  // As float64, so that one field takes INTEGER, FLOAT and TIME alike; beyond 2^53 the nearest double.
  if ('long' in value) return { field: 'value', value: Number(value.long) };
  if ('boolean' in value) return { field: 'bvalue', value: value.boolean };
  return text(value.string);
}

function text(value: string): PointValue {
  return { field: 'svalue', value };
}

/** Nanoseconds of a millisecond. */
export const SUB_MS = 1_000_000;
/** `seq` of one Observe option value. */
export const OBSERVE_STEP = 65_536;

/**
 * Nanoseconds within the record's millisecond, the same at every replay: they keep apart what one endpoint says of one path in one
 * millisecond. For notifications from their Observe option (`seq` = option value × 65536 + message id), or where a value has none from
 * its place in the topic; for replies from the ticket.
 */
export function nanosecondsWithin(record: SinkRecord): number {
  if (record.from === 'observations') {
    const seq = record.value.seq;
    if (seq === null || seq === undefined) return withinUnit(record.partition, record.offset, SUB_MS);
    return Math.floor(Number(seq.long) / OBSERVE_STEP) % SUB_MS;
  }
  return record.from === 'replies' ? hash32(record.value.ticket) % SUB_MS : 0;
}

/** FNV-1a over UTF-16 code units. */
function hash32(value: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < value.length; i++) hash = Math.imul(hash ^ value.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
