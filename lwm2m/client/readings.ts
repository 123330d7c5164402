import { CONTENT_FORMATS, contentFormatName } from '../content/content-formats.ts';
import type { Lwm2mNode, ObjectInstance, Resource, ResourceValue } from '../content/node.ts';
import type { Lwm2mPath } from '../path.ts';
import {
  type DeviceInstance,
  type DeviceResource,
  instanceAt,
  type ObjectTree,
  objectAt,
  type Reading,
  resourceAt,
} from './object-tree.ts';
import { refusal, responseCodeOf } from './refusal.ts';

/**
 * What a Read of this path answers with. In an object or instance, a resource whose own read says 4.04 or 4.05 is left
 * out; any other failure fails the whole, so that a bus that is away is not mistaken for a shorter object.
 */
export async function readNode(tree: ObjectTree, path: Lwm2mPath): Promise<Lwm2mNode> {
  if (path.objectId === undefined) throw refusal('4.05', 'the root cannot be read');
  if (path.resourceId !== undefined) return await readResourceAt(tree, path);
  if (path.instanceId !== undefined) return await readInstance(instanceAt(tree, path));
  const instances = [...objectAt(tree, path).instances.values()];
  return { kind: 'object', id: path.objectId, instances: await Promise.all(instances.map(readInstance)) };
}

async function readResourceAt(tree: ObjectTree, path: Lwm2mPath): Promise<Lwm2mNode> {
  const resource = resourceAt(tree, path);
  if (resource.read === undefined) throw refusal('4.05', 'the resource cannot be read');
  const reading = await resource.read();
  if (path.resourceInstanceId === undefined) return resourceNode(resource.id, reading);
  const value = 'values' in reading ? reading.values.get(path.resourceInstanceId) : undefined;
  if (value === undefined) throw refusal('4.04', 'no such resource instance');
  return { kind: 'resource', id: path.resourceInstanceId, value };
}

async function readInstance(instance: DeviceInstance): Promise<ObjectInstance> {
  const nodes = await Promise.all([...instance.resources.values()].map(readInInstance));
  return { kind: 'instance', id: instance.id, resources: nodes.filter((node) => node !== undefined) };
}

async function readInInstance(resource: DeviceResource): Promise<Resource | undefined> {
  if (resource.read === undefined) return undefined;
  try {
    return resourceNode(resource.id, await resource.read());
  } catch (error) {
    const code = responseCodeOf(error);
    if (code === '4.04' || code === '4.05') return undefined;
    throw error;
  }
}

function resourceNode(id: number, reading: Reading): Resource {
  return 'values' in reading
    ? { kind: 'multipleResource', id, type: reading.type, values: reading.values }
    : { kind: 'resource', id, value: reading };
}

export function readingOf(resource: Resource): Reading {
  return resource.kind === 'resource' ? resource.value : { type: resource.type, values: resource.values };
}

/**
 * The format to answer in. Without Accept: TLV for objects, instances and multiple resources; a single resource is
 * text, or opaque when it holds OPAQUE (LwM2M 1.0 leaves text or TLV to the device). Throws LWM2M_REFUSED with 4.06.
 */
export function responseFormat(accept: number | undefined, node: Lwm2mNode): number {
  const opaque = node.kind === 'resource' && node.value.type === 'OPAQUE';
  if (accept === undefined) {
    if (node.kind !== 'resource') return CONTENT_FORMATS.TLV.number;
    return opaque ? CONTENT_FORMATS.OPAQUE.number : CONTENT_FORMATS.TEXT.number;
  }
  const name = contentFormatName(accept);
  const fits = name === 'TLV' || (name === 'TEXT' && node.kind === 'resource') || (name === 'OPAQUE' && opaque);
  if (!fits) throw refusal('4.06', `content format ${accept} cannot carry this path`);
  return accept;
}

/** The number that gt, lt and st look at; undefined where they do not apply. */
export function numberOf(node: Lwm2mNode): number | undefined {
  return node.kind === 'resource' ? numericValue(node.value) : undefined;
}

function numericValue(value: ResourceValue): number | undefined {
  return value.type === 'INTEGER' || value.type === 'FLOAT' ? Number(value.value) : undefined;
}
