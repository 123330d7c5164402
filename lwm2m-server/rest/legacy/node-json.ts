import type {
  AvroInstanceResource,
  AvroMultipleResource,
  AvroReadResponseBody,
  AvroResource,
} from '../../../schemas/generated/records.ts';
import { AVRO } from '../avro-names.ts';
import { dateText } from './registration-json.ts';

/** A node as Leshan's demo server writes it: `{id,value}`, `{id,values}`, `{id,resources}` or `{id,instances}`. */
export type NodeJson =
  | { readonly id: number; readonly value: ValueJson }
  | { readonly id: number; readonly values: Readonly<Record<string, ValueJson>> }
  | { readonly id: number; readonly resources: readonly NodeJson[] }
  | { readonly id: number; readonly instances: readonly NodeJson[] };

/** OPAQUE is hex here. Whole numbers beyond 2^53 are text: a JSON number would lose their last digits. */
export type ValueJson = string | number | boolean;

export function nodeJson(content: AvroReadResponseBody['content']): NodeJson {
  if (AVRO.object in content) {
    const object = content[AVRO.object];
    return { id: object.id, instances: object.instances.map(instanceJson) };
  }
  if (AVRO.instance in content) return instanceJson(content[AVRO.instance]);
  if (AVRO.multiple in content) return multipleJson(content[AVRO.multiple]);
  return singleJson(content[AVRO.single]);
}

function instanceJson(instance: AvroInstanceResource): NodeJson {
  const multiple = instance.multipleResources?.array ?? [];
  const resources = [...instance.resources.map(singleJson), ...multiple.map(multipleJson)];
  return { id: instance.id, resources: resources.sort((a, b) => a.id - b.id) };
}

function multipleJson(resource: AvroMultipleResource): NodeJson {
  const values = Object.entries(resource.resources).map(([id, value]) => [id, valueJson(value)] as const);
  return { id: resource.id, values: Object.fromEntries(values) };
}

function singleJson(resource: AvroResource): NodeJson {
  return { id: resource.id, value: valueJson(resource) };
}

function valueJson({ type, value }: AvroResource): ValueJson {
  if ('string' in value) return type === 'OPAQUE' ? Buffer.from(value.string, 'base64').toString('hex') : value.string;
  if ('boolean' in value) return value.boolean;
  if ('double' in value) return Number.isFinite(value.double) ? value.double : String(value.double);
  if (type === 'TIME') return dateText(Number(value.long));
  return typeof value.long === 'bigint' ? String(value.long) : value.long;
}
