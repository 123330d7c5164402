import { isId, type Lwm2mPath, pathLevel } from '../path.ts';
import type { Lwm2mNode, Resource } from './node.ts';
import { contentFault } from './value-site.ts';

/**
 * Checks that a node may be written at a path: kind and id agree with it, all ids are in range, none stands twice and
 * the values of a multiple resource have its type. Throws LWM2M_CONTENT.
 */
export function assertNodeAt(node: Lwm2mNode, path: Lwm2mPath): void {
  const id = idAt(node, path);
  if (id === undefined) throw contentFault({ path }, `a node of kind ${node.kind} does not fit this path`);
  if (node.id !== id) throw contentFault({ path }, `the node has id ${node.id}`);
  assertIds([node], path);
  if (node.kind === 'object') {
    assertIds(node.instances, path);
    for (const instance of node.instances) assertResources(instance.resources, path);
  } else {
    assertResources(node.kind === 'instance' ? node.resources : [node], path);
  }
}

/** The id that the path gives to a node of this kind; undefined when the kind does not belong there. */
function idAt(node: Lwm2mNode, path: Lwm2mPath): number | undefined {
  switch (pathLevel(path)) {
    case 'root':
      return undefined;
    case 'object':
      return node.kind === 'instance' ? node.id : node.kind === 'object' ? path.objectId : undefined;
    case 'instance':
      return node.kind === 'instance' ? path.instanceId : undefined;
    case 'resource':
      return node.kind === 'resource' || node.kind === 'multipleResource' ? path.resourceId : undefined;
    case 'resourceInstance':
      return node.kind === 'resource' ? path.resourceInstanceId : undefined;
  }
}

function assertResources(resources: readonly Resource[], path: Lwm2mPath): void {
  assertIds(resources, path);
  for (const resource of resources) {
    if (resource.kind === 'resource') continue;
    for (const [id, value] of resource.values) {
      if (!isId(id)) throw contentFault({ path }, `resource instance id ${id} is out of range`);
      if (value.type !== resource.type) throw contentFault({ path }, `${value.type} among values of ${resource.type}`);
    }
  }
}

function assertIds(nodes: readonly { readonly id: number }[], path: Lwm2mPath): void {
  const seen = new Set<number>();
  for (const { id } of nodes) {
    if (!isId(id)) throw contentFault({ path }, `id ${id} is out of range`);
    if (seen.has(id)) throw contentFault({ path }, `id ${id} stands here twice`);
    seen.add(id);
  }
}
