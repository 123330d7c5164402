import { PlatformError } from '../../common/errors.ts';
import type { ModelLookup, ResourceModel } from '../model/object-models.ts';
import { isId, type Lwm2mPath, pathLevel } from '../path.ts';
import type { Lwm2mNode, MultipleResource, ObjectInstance, ObjectNode, Resource, SingleResource } from './node.ts';
import { decodeTlv, encodeTlv, type TlvEntry } from './tlv.ts';
import { readTlvValue, writeTlvValue } from './tlv-values.ts';
import { contentFault } from './value-site.ts';

/**
 * Gives TLV entries the meaning that path and object models say. Values without a model are OPAQUE. Whether a resource
 * is single or multiple is taken from the wire, not from the model. An entry may be missing its wrapper or wear one
 * that the path already names, since devices differ in this. Throws LWM2M_TLV, LWM2M_CONTENT, LWM2M_CONTENT_FORMAT.
 */
export function decodeTlvContent(payload: Uint8Array, path: Lwm2mPath, models: ModelLookup): Lwm2mNode {
  const entries = decodeTlv(payload);
  switch (pathLevel(path)) {
    case 'root':
      throw new PlatformError('LWM2M_CONTENT_FORMAT', 'TLV cannot carry the root path');
    case 'object':
      return readObject(entries, path, models);
    case 'instance':
      return readInstance(path.instanceId!, withoutInstance(entries, path), path, models);
    case 'resource':
      return readLoneResource(withoutInstance(entries, path), path, models);
    case 'resourceInstance':
      return readLoneResourceInstance(withoutInstance(entries, path), path, models);
  }
}

export interface CreateContent {
  readonly instanceId?: number; // absent: the device chooses
  readonly resources: readonly Resource[];
}

/** The body of a Create on an object path: one instance entry, or bare resources. Throws as `decodeTlvContent` does. */
export function decodeTlvCreate(payload: Uint8Array, path: Lwm2mPath, models: ModelLookup): CreateContent {
  const entries = decodeTlv(payload);
  if (!entries.some((entry) => entry.kind === 'objectInstance')) {
    return { resources: readResources(entries, path, models) };
  }
  const { instances } = readObject(entries, path, models);
  if (instances.length !== 1) throw contentFault({ path }, 'Create takes one instance');
  return { instanceId: instances[0]!.id, resources: instances[0]!.resources };
}

function readObject(entries: readonly TlvEntry[], path: Lwm2mPath, models: ModelLookup): ObjectNode {
  const id = path.objectId!;
  const bare = entries.length > 0 && entries.every((entry) => entry.kind !== 'objectInstance');
  if (bare) {
    // Only an object that has a single instance may leave the instance out.
    if (models.object(id)?.multiple) throw contentFault({ path, offset: 0 }, 'resources without their instance');
    return { kind: 'object', id, instances: [readInstance(0, entries, { ...path, instanceId: 0 }, models)] };
  }
  const seen = new Set<number>();
  const instances = entries.map((entry) => {
    if (entry.kind !== 'objectInstance')
      throw contentFault({ path, offset: entry.offset }, `${entry.kind} in an object`);
    checkId(entry, seen, path);
    return readInstance(entry.id, entry.children, { ...path, instanceId: entry.id }, models);
  });
  return { kind: 'object', id, instances };
}

function readInstance(id: number, entries: readonly TlvEntry[], path: Lwm2mPath, models: ModelLookup): ObjectInstance {
  return { kind: 'instance', id, resources: readResources(entries, path, models) };
}

function readResources(entries: readonly TlvEntry[], path: Lwm2mPath, models: ModelLookup): Resource[] {
  const seen = new Set<number>();
  return entries.map((entry) => {
    checkId(entry, seen, path);
    return readResource(entry, path, models);
  });
}

function readResource(entry: TlvEntry, instancePath: Lwm2mPath, models: ModelLookup): Resource {
  const path = { ...instancePath, resourceId: entry.id };
  const model = models.resource(path.objectId!, entry.id);
  if (entry.kind === 'resource') return readSingle(entry.id, entry, path, model);
  if (entry.kind === 'multipleResource') return readMultiple(entry.children, path, model);
  throw contentFault({ path: instancePath, offset: entry.offset }, `${entry.kind} where a resource belongs`);
}

function readSingle(
  id: number,
  entry: TlvEntry & { value: Buffer },
  path: Lwm2mPath,
  model: ResourceModel | undefined,
): SingleResource {
  const site = { path, offset: entry.offset };
  return { kind: 'resource', id, value: readTlvValue(typeOf(model), model?.unsigned === true, entry.value, site) };
}

function readMultiple(
  entries: readonly TlvEntry[],
  path: Lwm2mPath,
  model: ResourceModel | undefined,
): MultipleResource {
  const seen = new Set<number>();
  const values = entries.map((entry) => {
    if (entry.kind !== 'resourceInstance')
      throw contentFault({ path, offset: entry.offset }, `${entry.kind} in a resource`);
    checkId(entry, seen, path);
    return [entry.id, readSingle(entry.id, entry, { ...path, resourceInstanceId: entry.id }, model).value] as const;
  });
  return { kind: 'multipleResource', id: path.resourceId!, type: typeOf(model), values: new Map(values) };
}

function typeOf(model: ResourceModel | undefined) {
  return model?.type ?? 'OPAQUE';
}

function readLoneResource(entries: readonly TlvEntry[], path: Lwm2mPath, models: ModelLookup): Resource {
  if (entries.length > 0 && entries.every((entry) => entry.kind === 'resourceInstance')) {
    return readMultiple(entries, path, models.resource(path.objectId!, path.resourceId!));
  }
  const { resourceId, ...instancePath } = path;
  return readResource(only(entries, resourceId!, path), instancePath, models);
}

function readLoneResourceInstance(entries: readonly TlvEntry[], path: Lwm2mPath, models: ModelLookup): SingleResource {
  const first = entries[0];
  const wrapped = first?.kind === 'multipleResource' ? only(entries, path.resourceId!, path) : undefined;
  const bare = wrapped?.kind === 'multipleResource' ? wrapped.children : entries;
  const entry = only(bare, path.resourceInstanceId!, path);
  if (entry.kind !== 'resourceInstance') {
    throw contentFault({ path, offset: entry.offset }, `${entry.kind} where a resource instance belongs`);
  }
  return readSingle(entry.id, entry, path, models.resource(path.objectId!, path.resourceId!));
}

/** Takes off an instance entry that repeats the instance of the path. */
function withoutInstance(entries: readonly TlvEntry[], path: Lwm2mPath): readonly TlvEntry[] {
  if (!entries.some((entry) => entry.kind === 'objectInstance')) return entries;
  const wrapper = only(entries, path.instanceId!, path);
  return wrapper.kind === 'objectInstance' ? wrapper.children : entries;
}

/** The one entry, which must have the id that the path names. */
function only(entries: readonly TlvEntry[], id: number, path: Lwm2mPath): TlvEntry {
  const [entry, second] = entries;
  if (entry === undefined) throw contentFault({ path }, 'the payload holds no value');
  if (second !== undefined) throw contentFault({ path, offset: second.offset }, 'more than the path asks for');
  if (entry.id !== id) throw contentFault({ path, offset: entry.offset }, `the entry has id ${entry.id}`);
  return entry;
}

function checkId({ id, offset }: TlvEntry, seen: Set<number>, path: Lwm2mPath): void {
  if (!isId(id)) throw contentFault({ path, offset }, `id ${id} is reserved`);
  if (seen.has(id)) throw contentFault({ path, offset }, `id ${id} stands here twice`);
  seen.add(id);
}

/**
 * Writes a node that `assertNodeAt` found to fit its path: without the wrappers that the path names. An instance at an
 * object path (Create) keeps its entry, so that the device takes its id. Throws LWM2M_CONTENT, LWM2M_TLV.
 */
export function encodeTlvContent(node: Lwm2mNode, path: Lwm2mPath): Buffer {
  if (pathLevel(path) === 'resourceInstance')
    return encodeTlv([leafOf('resourceInstance', node as SingleResource, path)]);
  switch (node.kind) {
    case 'object':
      return encodeTlv(node.instances.map((instance) => instanceEntry(instance, path)));
    case 'instance':
      if (pathLevel(path) === 'object') return encodeTlv([instanceEntry(node, path)]);
      return encodeTlv(node.resources.map((resource) => resourceEntry(resource, path)));
    default:
      return encodeTlv([resourceEntry(node, path)]);
  }
}

function instanceEntry({ id, resources }: ObjectInstance, objectPath: Lwm2mPath): TlvEntry {
  const path = { ...objectPath, instanceId: id };
  const children = resources.map((resource) => resourceEntry(resource, path));
  return { kind: 'objectInstance', id, offset: 0, children };
}

function resourceEntry(resource: Resource, instancePath: Lwm2mPath): TlvEntry {
  const path = { ...instancePath, resourceId: resource.id };
  if (resource.kind === 'resource') return leafOf('resource', resource, path);
  const children = [...resource.values].map(([id, value]) => {
    return leafOf('resourceInstance', { id, value }, { ...path, resourceInstanceId: id });
  });
  return { kind: 'multipleResource', id: resource.id, offset: 0, children };
}

function leafOf(
  kind: 'resource' | 'resourceInstance',
  { id, value }: Pick<SingleResource, 'id' | 'value'>,
  path: Lwm2mPath,
): TlvEntry {
  return { kind, id, offset: 0, value: writeTlvValue(value, { path }) };
}
