import type { ModelLookup } from '../model/object-models.ts';
import { type Lwm2mPath, pathLevel } from '../path.ts';
import type { Lwm2mNode, ObjectInstance, Resource, ResourceType, ResourceValue } from './node.ts';

/** A resource while its values come in: one value, or one per resource instance. */
interface Slot {
  single: ResourceValue | undefined;
  values: Map<number, ResourceValue> | undefined;
  type: ResourceType | undefined;
  isMixed: boolean; // INTEGER and FLOAT among values without a model
}

type Instances = Map<number, Map<number, Slot>>;

/** Puts values that come one by one under their paths together to nodes, in the order they came. */
export class NodeTree {
  readonly #objects = new Map<number, Instances>();

  /** Takes a value at the path of a resource or a resource instance, or says why not: the first one there stays. */
  add(path: Lwm2mPath, value: ResourceValue): string | undefined {
    const { resourceInstanceId } = path;
    const slot = this.#slot(path);
    if (resourceInstanceId === undefined) {
      if (slot.values !== undefined) return 'a value beside resource instances';
      if (slot.single !== undefined) return 'this path stands here twice';
      slot.single = value;
      return undefined;
    }
    if (slot.single !== undefined) return 'a resource instance beside a single value';
    slot.values ??= new Map();
    if (slot.values.has(resourceInstanceId)) return 'this path stands here twice';
    slot.type ??= value.type;
    if (slot.type !== value.type) {
      if (!isNumber(slot.type) || !isNumber(value.type)) return `${value.type} among values of ${slot.type}`;
      slot.isMixed = true;
    }
    slot.values.set(resourceInstanceId, value);
    return undefined;
  }

  /** Makes an object, an instance or a multiple resource that holds nothing yet. */
  addContainer(path: Lwm2mPath): void {
    const { objectId, instanceId, resourceId } = path;
    if (objectId === undefined) return;
    if (instanceId === undefined) this.#instances(objectId);
    else if (resourceId === undefined) this.#resources(objectId, instanceId);
    else {
      const slot = this.#slot(path);
      if (slot.single === undefined) slot.values ??= new Map();
    }
  }

  #instances(objectId: number): Instances {
    const held = this.#objects.get(objectId);
    if (held !== undefined) return held;
    const made: Instances = new Map();
    this.#objects.set(objectId, made);
    return made;
  }

  #resources(objectId: number, instanceId: number): Map<number, Slot> {
    const instances = this.#instances(objectId);
    const held = instances.get(instanceId);
    if (held !== undefined) return held;
    const made = new Map<number, Slot>();
    instances.set(instanceId, made);
    return made;
  }

  #slot({ objectId, instanceId, resourceId }: Lwm2mPath): Slot {
    const resources = this.#resources(objectId!, instanceId!);
    const held = resources.get(resourceId!);
    if (held !== undefined) return held;
    const made: Slot = { single: undefined, values: undefined, type: undefined, isMixed: false };
    resources.set(resourceId!, made);
    return made;
  }

  /**
   * The node at a path. Where nothing came an object or an instance is empty, and so is a resource that the model calls
   * multiple; any other value is missing: undefined.
   */
  nodeAt(path: Lwm2mPath, models: ModelLookup): Lwm2mNode | undefined {
    const { objectId, instanceId, resourceId, resourceInstanceId } = path;
    const instances = this.#objects.get(objectId!);
    switch (pathLevel(path)) {
      case 'root':
        return undefined;
      case 'object':
        return { kind: 'object', id: objectId!, instances: this.#allInstances(objectId!, instances, models) };
      case 'instance':
        return instanceOf(objectId!, instanceId!, instances?.get(instanceId!), models);
      case 'resource':
        return resourceOf(objectId!, resourceId!, instances?.get(instanceId!)?.get(resourceId!), models);
      case 'resourceInstance': {
        const value = instances?.get(instanceId!)?.get(resourceId!)?.values?.get(resourceInstanceId!);
        return value && { kind: 'resource', id: resourceInstanceId!, value };
      }
    }
  }

  #allInstances(objectId: number, instances: Instances | undefined, models: ModelLookup): ObjectInstance[] {
    return [...(instances ?? [])].map(([id, resources]) => instanceOf(objectId, id, resources, models));
  }
}

function instanceOf(
  objectId: number,
  id: number,
  slots: ReadonlyMap<number, Slot> | undefined,
  models: ModelLookup,
): ObjectInstance {
  const resources: Resource[] = [];
  for (const [resourceId, slot] of slots ?? []) {
    const resource = resourceOf(objectId, resourceId, slot, models);
    if (resource !== undefined) resources.push(resource);
  }
  return { kind: 'instance', id, resources };
}

function resourceOf(objectId: number, id: number, slot: Slot | undefined, models: ModelLookup): Resource | undefined {
  if (slot?.single !== undefined) return { kind: 'resource', id, value: slot.single };
  if (slot?.isMixed === true) return { kind: 'multipleResource', id, type: 'FLOAT', values: asFloats(slot.values!) };
  const model = models.resource(objectId, id);
  if (slot?.values === undefined && model?.multiple !== true) return undefined;
  const values = slot?.values ?? new Map<number, ResourceValue>();
  return { kind: 'multipleResource', id, type: slot?.type ?? model?.type ?? 'OPAQUE', values };
}

function isNumber(type: ResourceType): boolean {
  return type === 'INTEGER' || type === 'FLOAT';
}

function asFloats(values: ReadonlyMap<number, ResourceValue>): Map<number, ResourceValue> {
  return new Map([...values].map(([id, { value }]) => [id, { type: 'FLOAT', value: Number(value) }]));
}
