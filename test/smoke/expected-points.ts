import type { AvroResource, AvroResponse, AvroResponseObserve } from '../../schemas/generated/records.ts';

/** One point as a line that can be compared: endpoint, kind, path, ms since 1970, field and value. */
export type PointLine = string;

export type ValueField = 'value' | 'svalue' | 'bvalue';

export function pointLine(p: {
  readonly ep: string;
  readonly kind: string;
  readonly path: string;
  readonly timestampMs: number;
  readonly field: ValueField;
  readonly value: unknown;
}): PointLine {
  return JSON.stringify([p.ep, p.kind, p.path, p.timestampMs, p.field, String(p.value)]);
}

/** The points that one record stands for: one per resource, told by this file's own reading of the Avro body. */
export function expectedPoints(record: AvroResponse | AvroResponseObserve): readonly PointLine[] {
  const { ep, path, rep, timestamp } = record;
  const base = { ep, kind: rep.kind, timestampMs: timestamp };
  return leaves(rep.body, path).map((leaf) => pointLine({ ...base, ...leaf }));
}

interface Leaf {
  readonly path: string;
  readonly field: ValueField;
  readonly value: unknown;
}

/** Walks any body: a resource is what has id, type and value; texts of the other bodies are the record's own. */
function leaves(node: unknown, recordPath: string): Leaf[] {
  if (typeof node !== 'object' || node === null) return [];
  if (isResource(node)) return [resourceLeaf(node)];
  const { message, objectLinks, location } = node as Readonly<Record<string, unknown>>;
  const text = message ?? objectLinks ?? location;
  if (typeof text === 'string') return [{ path: recordPath, field: 'svalue', value: text }];
  return Object.values(node).flatMap((inner) => leaves(inner, recordPath));
}

function isResource(node: object): node is AvroResource {
  return 'type' in node && 'value' in node && (node as AvroResource).kind === 'SINGLE_RESOURCE';
}

function resourceLeaf({ path, value }: AvroResource): Leaf {
  if ('string' in value) return { path, field: 'svalue', value: value.string };
  if ('boolean' in value) return { path, field: 'bvalue', value: value.boolean };
  return { path, field: 'value', value: Number('double' in value ? value.double : value.long) };
}
