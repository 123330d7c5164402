import type { ResourceType, ResourceValue } from '../content/node.ts';
import { formatPath, type Lwm2mPath } from '../path.ts';
import { refusal } from './refusal.ts';

/** The values of a multiple resource by resource instance id; `type` holds for all, and when there are none. */
export interface MultipleReading {
  readonly type: ResourceType;
  readonly values: ReadonlyMap<number, ResourceValue>;
}

export type Reading = ResourceValue | MultipleReading;

/** `replace`: what is not given goes away. `update`: it stays. Only multiple resources can tell them apart. */
export type WriteMode = 'replace' | 'update';

/**
 * One resource as its owner serves it. What is absent is answered with 4.05. A function may take its time; a fault it
 * throws becomes 5.00, or the code of a `refusal`. After a write its observers are notified without further ado.
 */
export interface DeviceResource {
  readonly id: number;
  read?(): Reading | Promise<Reading>;
  write?(value: Reading, mode: WriteMode): void | Promise<void>;
  execute?(argumentText: string): void | Promise<void>;
  /** Number of resource instances of a multiple resource, shown by Discover. */
  dimension?(): number;
}

export interface DeviceInstance {
  readonly id: number;
  readonly resources: ReadonlyMap<number, DeviceResource>;
}

export interface CreateRequest {
  /** Absent: the object chooses. */
  readonly instanceId?: number;
  readonly values: ReadonlyMap<number, Reading>;
}

export interface DeviceObject {
  readonly id: number;
  /** "major.minor" when it is not 1.0. */
  readonly version?: string;
  /** Read at each request: the owner may add and remove, and then calls `objectsChanged` of the device. */
  readonly instances: ReadonlyMap<number, DeviceInstance>;
  /** Adds an instance and returns its id. */
  create?(request: CreateRequest): number | Promise<number>;
  delete?(instanceId: number): void | Promise<void>;
}

/** What the device holds, by object id. */
export type ObjectTree = ReadonlyMap<number, DeviceObject>;

export function objectTree(objects: Iterable<DeviceObject>): Map<number, DeviceObject> {
  return new Map([...objects].map((object) => [object.id, object]));
}

/** Each throws LWM2M_REFUSED with 4.04 when the path leads nowhere. */
export function objectAt(tree: ObjectTree, path: Lwm2mPath): DeviceObject {
  return (path.objectId === undefined ? undefined : tree.get(path.objectId)) ?? nothingAt(path);
}

export function instanceAt(tree: ObjectTree, path: Lwm2mPath): DeviceInstance {
  const { instances } = objectAt(tree, path);
  return (path.instanceId === undefined ? undefined : instances.get(path.instanceId)) ?? nothingAt(path);
}

export function resourceAt(tree: ObjectTree, path: Lwm2mPath): DeviceResource {
  const { resources } = instanceAt(tree, path);
  return (path.resourceId === undefined ? undefined : resources.get(path.resourceId)) ?? nothingAt(path);
}

/** Throws as `objectAt` does unless the path, of whatever level, leads somewhere. */
export function assertPresent(tree: ObjectTree, path: Lwm2mPath): void {
  if (path.resourceId !== undefined) resourceAt(tree, path);
  else if (path.instanceId !== undefined) instanceAt(tree, path);
  else objectAt(tree, path);
}

function nothingAt(path: Lwm2mPath): never {
  throw refusal('4.04', `nothing at ${formatPath(path)}`);
}

/** Short forms for the owners of objects. */
export function resourceMap(resources: readonly DeviceResource[]): ReadonlyMap<number, DeviceResource> {
  return new Map(resources.map((resource) => [resource.id, resource]));
}

export function instanceMap(instances: readonly DeviceInstance[]): Map<number, DeviceInstance> {
  return new Map(instances.map((instance) => [instance.id, instance]));
}

export function constant(id: number, value: Reading): DeviceResource {
  return { id, read: () => value };
}
