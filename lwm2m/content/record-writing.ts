import { formatPath, type Lwm2mPath } from '../path.ts';
import { FIRST_ABSOLUTE_SECOND } from './content-records.ts';
import type { Lwm2mNode, ObjectInstance, Resource, ResourceValue } from './node.ts';
import { contentFault } from './value-site.ts';

/** One record to be written. Base fields hold until a later record sets them anew. */
export interface WrittenRecord {
  readonly baseName?: string | undefined;
  readonly baseTimeSeconds?: number | undefined;
  readonly name?: string | undefined;
  readonly value?: ResourceValue | undefined;
  readonly path: Lwm2mPath; // for faults
}

/** Calls `each` with every single value of a node and its whole path, in order. */
export function eachValue(
  node: Lwm2mNode,
  path: Lwm2mPath,
  each: (path: Lwm2mPath, value: ResourceValue) => void,
): void {
  switch (node.kind) {
    case 'object':
      for (const instance of node.instances) eachOfInstance(instance, { objectId: node.id }, each);
      return;
    case 'instance':
      return eachOfInstance(node, { objectId: path.objectId! }, each);
    default:
      return eachOfResource(node, path, each);
  }
}

function eachOfInstance(
  { id, resources }: ObjectInstance,
  { objectId }: Lwm2mPath,
  each: (path: Lwm2mPath, value: ResourceValue) => void,
): void {
  for (const resource of resources) {
    eachOfResource(resource, { objectId: objectId!, instanceId: id, resourceId: resource.id }, each);
  }
}

function eachOfResource(
  resource: Resource,
  path: Lwm2mPath,
  each: (path: Lwm2mPath, value: ResourceValue) => void,
): void {
  if (resource.kind === 'resource') return each(path, resource.value);
  for (const [id, value] of resource.values) each({ ...path, resourceInstanceId: id }, value);
}

/**
 * The records of a node: the first one has the node's path as base name, those below it are named from there.
 * Throws LWM2M_CONTENT for a timestamp that SenML would take for a relative one.
 */
export function recordsOfNode(
  node: Lwm2mNode,
  path: Lwm2mPath,
  rootPath: string,
  timestampMs: number | undefined,
): WrittenRecord[] {
  const base = formatPath(path);
  const baseTimeSeconds = timestampMs === undefined ? undefined : writableSeconds(timestampMs, path);
  const records: WrittenRecord[] = [];
  eachValue(node, path, (valuePath, value) => {
    const name = formatPath(valuePath).slice(base.length + 1);
    if (records.length > 0) records.push({ name, value, path: valuePath });
    else if (name === '') records.push({ baseName: rootPath + base, baseTimeSeconds, value, path: valuePath });
    else records.push({ baseName: `${rootPath}${base}/`, baseTimeSeconds, name, value, path: valuePath });
  });
  return records;
}

function writableSeconds(timestampMs: number, path: Lwm2mPath): number {
  const seconds = timestampMs / 1000;
  if (Number.isSafeInteger(timestampMs) && seconds >= FIRST_ABSOLUTE_SECOND) return seconds;
  throw contentFault({ path }, 'the timestamp is no whole millisecond from 1978-07-04 on');
}
