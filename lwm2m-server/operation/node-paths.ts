import { PlatformError } from '../../common/errors.ts';
import type { Lwm2mNode } from '../../lwm2m/content/node.ts';
import { formatPath, type Lwm2mPath, pathLevel, pathSegments } from '../../lwm2m/path.ts';
import type { Registration } from '../registration/registration.ts';

const KINDS_AT = {
  root: [],
  object: ['object'],
  instance: ['instance'],
  resource: ['resource', 'multipleResource'],
  resourceInstance: ['resource'],
} as const satisfies Record<string, readonly Lwm2mNode['kind'][]>;

/** Throws LWM2M_REQUEST when a node cannot stand at a path, by its kind or by its id. */
export function assertNodeIsAt(node: Lwm2mNode, path: Lwm2mPath): void {
  const kinds: readonly Lwm2mNode['kind'][] = KINDS_AT[pathLevel(path)];
  if (!kinds.includes(node.kind)) {
    throw new PlatformError('LWM2M_REQUEST', `${formatPath(path)} takes no ${node.kind}`);
  }
  const id = path.resourceInstanceId ?? path.resourceId ?? path.instanceId ?? path.objectId;
  if (node.id !== id) {
    throw new PlatformError('LWM2M_REQUEST', `id ${node.id} in the body is not that of ${formatPath(path)}`);
  }
}

/** Where a device has its objects. */
export type Rooted = Pick<Registration, 'rootPath'> & Partial<Pick<Registration, 'behind'>>;

/**
 * Uri-Path of an LwM2M path on a device, under the root path it announced. The root, where composite operations go, is for a device
 * behind a gateway that of the gateway: the prefix stands in the names.
 */
export function uriPath({ rootPath, behind }: Rooted, path: Lwm2mPath): string[] {
  const ids = pathSegments(path);
  if (rootPath === '/') return ids;
  const root = rootSegments(rootPath);
  return behind !== undefined && ids.length === 0 ? root.slice(0, -1) : [...root, ...ids];
}

/** A path as a device writes it, without the root path it announced. */
export function belowRoot(
  { rootPath }: Pick<Registration, 'rootPath'>,
  segments: readonly string[],
): readonly string[] {
  const root = rootSegments(rootPath);
  return root.every((segment, index) => segments[index] === segment) ? segments.slice(root.length) : segments;
}

/** What stands before the paths that name values in SenML, old JSON and LwM2M CBOR: "" or "/lwm2m". */
export function namePrefix({ rootPath }: Pick<Registration, 'rootPath'>): string {
  return rootPath.endsWith('/') ? rootPath.slice(0, -1) : rootPath;
}

function rootSegments(rootPath: string): string[] {
  return rootPath.split('/').filter((segment) => segment !== '');
}
