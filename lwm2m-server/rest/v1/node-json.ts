import type {
  AvroInstanceResource,
  AvroMultipleResource,
  AvroReadResponseBody,
  AvroResource,
} from '../../../schemas/generated/records.ts';
import { AVRO } from '../avro-names.ts';
import { iso } from './device-json.ts';

/** A node with the type of each value; what it writes `NodeInput` reads. */
export function typedNodeJson(content: AvroReadResponseBody['content']): unknown {
  if (AVRO.object in content) {
    const object = content[AVRO.object];
    return { id: object.id, instances: object.instances.map(instanceJson) };
  }
  if (AVRO.instance in content) return instanceJson(content[AVRO.instance]);
  if (AVRO.multiple in content) return multipleJson(content[AVRO.multiple]);
  return singleJson(content[AVRO.single]);
}

function instanceJson(instance: AvroInstanceResource) {
  const multiple = instance.multipleResources?.array ?? [];
  const resources = [...instance.resources.map(singleJson), ...multiple.map(multipleJson)];
  return { id: instance.id, resources: resources.sort((a, b) => a.id - b.id) };
}

function multipleJson({ id, type, resources }: AvroMultipleResource) {
  const values = Object.entries(resources).map(([key, value]) => [key, valueJson(value)] as const);
  return { id, type, values: Object.fromEntries(values) };
}

function singleJson(resource: AvroResource) {
  return { id: resource.id, type: resource.type, value: valueJson(resource) };
}

function valueJson({ type, value }: AvroResource): string | number | boolean {
  if ('string' in value) return value.string;
  if ('boolean' in value) return value.boolean;
  // JSON has no word for what is not finite.
  if ('double' in value) return Number.isFinite(value.double) ? value.double : String(value.double);
  if (type === 'TIME') return timeJson(Number(value.long));
  return typeof value.long === 'bigint' ? String(value.long) : value.long;
}

/** A time beyond what dates can say stays a number. */
function timeJson(ms: number): string | number {
  return Number.isNaN(new Date(ms).getTime()) ? ms : iso(ms);
}
