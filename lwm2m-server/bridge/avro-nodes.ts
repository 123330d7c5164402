import { PlatformError } from '../../common/errors.ts';
import type {
  Lwm2mNode,
  MultipleResource,
  ObjectInstance,
  Resource,
  ResourceType,
  ResourceValue,
} from '../../lwm2m/content/node.ts';
import type {
  AvroInstanceResource,
  AvroMultipleResource,
  AvroReadResponseBody,
  AvroResource,
} from '../../schemas/generated/records.ts';

/** Full names of the union branches that a node can be. */
const OBJECT = 'io.zeelos.leshan.avro.resource.AvroObjectResource';
const INSTANCE = 'io.zeelos.leshan.avro.resource.AvroInstanceResource';
const MULTIPLE = 'io.zeelos.leshan.avro.resource.AvroMultipleResource';
const SINGLE = 'io.zeelos.leshan.avro.resource.AvroResource';

/** @param path where the node was read, for example /3303/0: gives each resource its own path */
export function nodeToAvro(node: Lwm2mNode, path: string): AvroReadResponseBody['content'] {
  switch (node.kind) {
    case 'object':
      return {
        [OBJECT]: {
          id: node.id,
          kind: 'OBJECT',
          instances: node.instances.map((instance) => instanceToAvro(instance, `${path}/${instance.id}`)),
        },
      };
    case 'instance':
      return { [INSTANCE]: instanceToAvro(node, path) };
    case 'multipleResource':
      return { [MULTIPLE]: multipleToAvro(node, path) };
    case 'resource':
      return { [SINGLE]: valueToAvro(node.id, node.value, path) };
  }
}

function instanceToAvro(instance: ObjectInstance, path: string): AvroInstanceResource {
  const resources: AvroResource[] = [];
  const multiple: AvroMultipleResource[] = [];
  for (const resource of instance.resources) {
    if (resource.kind === 'resource')
      resources.push(valueToAvro(resource.id, resource.value, `${path}/${resource.id}`));
    else multiple.push(multipleToAvro(resource, `${path}/${resource.id}`));
  }
  const multipleResources = multiple.length === 0 ? null : { array: multiple };
  return { id: instance.id, kind: 'INSTANCE', resources, multipleResources };
}

function multipleToAvro(resource: MultipleResource, path: string): AvroMultipleResource {
  const resources: Record<string, AvroResource> = {};
  for (const [id, value] of resource.values) resources[String(id)] = valueToAvro(id, value, `${path}/${id}`);
  return { id: resource.id, path, kind: 'MULTIPLE_RESOURCE', type: resource.type, resources };
}

function valueToAvro(id: number, value: ResourceValue, path: string): AvroResource {
  return { id, path, kind: 'SINGLE_RESOURCE', type: value.type, value: avroValue(value) };
}

function avroValue(value: ResourceValue): AvroResource['value'] {
  switch (value.type) {
    case 'STRING':
      return { string: value.value };
    case 'FLOAT':
      return { double: value.value };
    case 'INTEGER':
    case 'TIME':
      return { long: value.value };
    case 'BOOLEAN':
      return { boolean: value.value };
    case 'OPAQUE':
      return {
        string: Buffer.from(value.value.buffer, value.value.byteOffset, value.value.byteLength).toString('base64'),
      };
    case 'OBJLNK':
      return { string: `${value.value.objectId}:${value.value.instanceId}` };
  }
}

/** Throws LWM2M_REQUEST where a value does not fit its announced type. */
export function nodeFromAvro(node: AvroReadResponseBody['content']): Lwm2mNode {
  if (OBJECT in node) {
    const object = node[OBJECT];
    return { kind: 'object', id: object.id, instances: object.instances.map(instanceFromAvro) };
  }
  if (INSTANCE in node) return instanceFromAvro(node[INSTANCE]);
  if (MULTIPLE in node) return multipleFromAvro(node[MULTIPLE]);
  return { kind: 'resource', id: node[SINGLE].id, value: valueFromAvro(node[SINGLE]) };
}

/** Throws LWM2M_REQUEST where a value does not fit its announced type. */
export function instanceFromAvro(instance: AvroInstanceResource): ObjectInstance {
  const single: Resource[] = instance.resources.map((resource) => ({
    kind: 'resource',
    id: resource.id,
    value: valueFromAvro(resource),
  }));
  const multiple = (instance.multipleResources?.array ?? []).map(multipleFromAvro);
  return { kind: 'instance', id: instance.id, resources: [...single, ...multiple] };
}

function multipleFromAvro(resource: AvroMultipleResource): MultipleResource {
  const values = new Map<number, ResourceValue>();
  for (const [id, value] of Object.entries(resource.resources)) {
    if (!/^\d{1,5}$/.test(id)) throw misfit(resource, `resource instance id ${JSON.stringify(id)}`);
    if (value.type !== resource.type)
      throw misfit(value, `type ${value.type} inside a resource of type ${resource.type}`);
    values.set(Number(id), valueFromAvro(value));
  }
  return { kind: 'multipleResource', id: resource.id, type: resource.type, values };
}

/** Which branch of the value union each type takes; FLOAT takes a long too and INTEGER a whole double, as producers write them by hand. */
function valueFromAvro(resource: AvroResource): ResourceValue {
  const { value } = resource;
  const type: ResourceType = resource.type;
  switch (type) {
    case 'STRING':
      if ('string' in value) return { type, value: value.string };
      break;
    case 'FLOAT':
      if ('double' in value) return { type, value: value.double };
      if ('long' in value) return { type, value: Number(value.long) };
      break;
    case 'INTEGER':
      if ('long' in value) return { type, value: value.long };
      if ('double' in value && Number.isSafeInteger(value.double)) return { type, value: value.double };
      break;
    case 'BOOLEAN':
      if ('boolean' in value) return { type, value: value.boolean };
      break;
    case 'OPAQUE':
      if ('string' in value && isBase64(value.string)) return { type, value: Buffer.from(value.string, 'base64') };
      break;
    case 'TIME':
      if ('long' in value && typeof value.long === 'number') return { type, value: value.long };
      break;
    case 'OBJLNK': {
      const link = 'string' in value ? /^(\d{1,5}):(\d{1,5})$/.exec(value.string) : null;
      if (link !== null) return { type, value: { objectId: Number(link[1]), instanceId: Number(link[2]) } };
      break;
    }
  }
  throw misfit(resource, `a ${Object.keys(value)[0]} that is no ${type}`);
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

function misfit(resource: { readonly path: string; readonly id: number }, what: string): PlatformError {
  return new PlatformError('LWM2M_REQUEST', `resource ${resource.path || resource.id} holds ${what}`);
}
