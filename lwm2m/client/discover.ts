import { attributeSegments } from '../attributes.ts';
import { formatLinkFormat, type WebLink } from '../link-format.ts';
import { formatPath, type Lwm2mPath } from '../path.ts';
import type { AttributeStore } from './attribute-store.ts';
import type { NotificationRules } from './notification-rules.ts';
import { type DeviceInstance, instanceAt, type ObjectTree, objectAt, resourceAt } from './object-tree.ts';
import { refusal } from './refusal.ts';

/** Media types this device writes, named in its registration (`ct` of the root link). */
const REGISTERED_CONTENT_FORMATS = '11542';

/** The body of a Register: the root link, then each instance, or the object where it has a version or no instance. */
export function registrationLinks(tree: ObjectTree): string {
  const links: WebLink[] = [{ url: '/', attributes: { rt: 'oma.lwm2m', ct: REGISTERED_CONTENT_FORMATS } }];
  for (const object of tree.values()) {
    const ver = object.version === undefined || object.version === '1.0' ? {} : { ver: object.version };
    if (object.instances.size === 0 || 'ver' in ver) links.push({ url: `/${object.id}`, attributes: ver });
    for (const id of object.instances.keys()) links.push({ url: `/${object.id}/${id}`, attributes: {} });
  }
  return formatLinkFormat(links);
}

/** The body of a Discover at object, instance or resource level. Throws LWM2M_REFUSED with 4.04 or 4.05. */
export function discoverLinks(tree: ObjectTree, attributes: AttributeStore, path: Lwm2mPath): string {
  if (path.objectId === undefined || path.resourceInstanceId !== undefined) {
    throw refusal('4.05', 'discover works on objects, instances and resources');
  }
  if (path.resourceId !== undefined) return formatLinkFormat([resourceLink(tree, path, attributes.effective(path))]);
  if (path.instanceId !== undefined) {
    return formatLinkFormat(instanceLinks(tree, attributes, path.objectId, instanceAt(tree, path)));
  }
  const object = objectAt(tree, path);
  const version: WebLink['attributes'] = object.version === undefined ? {} : { ver: object.version };
  const top = link(path, { ...version, ...linkAttributes(attributes.own(path)) });
  const below = [...object.instances.values()].flatMap((instance) =>
    instanceLinks(tree, attributes, object.id, instance),
  );
  return formatLinkFormat([top, ...below]);
}

function instanceLinks(
  tree: ObjectTree,
  attributes: AttributeStore,
  objectId: number,
  instance: DeviceInstance,
): WebLink[] {
  const path = { objectId, instanceId: instance.id };
  const resources = [...instance.resources.keys()].map((resourceId) => {
    const resourcePath = { ...path, resourceId };
    return resourceLink(tree, resourcePath, attributes.own(resourcePath));
  });
  return [link(path, linkAttributes(attributes.own(path))), ...resources];
}

function resourceLink(tree: ObjectTree, path: Lwm2mPath, rules: NotificationRules): WebLink {
  const dimension = resourceAt(tree, path).dimension?.();
  return link(path, { ...(dimension !== undefined && { dim: String(dimension) }), ...linkAttributes(rules) });
}

function link(path: Lwm2mPath, attributes: WebLink['attributes']): WebLink {
  return { url: formatPath(path), attributes };
}

function linkAttributes(rules: NotificationRules): Record<string, string> {
  return Object.fromEntries(attributeSegments(rules).map((segment) => segment.split('=') as [string, string]));
}
