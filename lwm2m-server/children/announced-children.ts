import { isDeepStrictEqual } from 'node:util';
import { hasCode } from '../../common/errors.ts';
import type { Lwm2mNode, ObjectInstance } from '../../lwm2m/content/node.ts';
import { formatLinkFormat, parseLinkFormat, type WebLink } from '../../lwm2m/link-format.ts';
import { namePrefix } from '../operation/node-paths.ts';
import { isEndpointName } from '../registration/endpoint-name.ts';
import type { Registration } from '../registration/registration.ts';

/** The LwM2M Gateway object and its resources. */
export const GATEWAY_OBJECT = 25;
const DEVICE_ID = 0;
const PREFIX = 1;
const DEVICE_OBJECTS = 3;

/** Devices that one gateway may have; further instances are left out. */
export const CHILDREN_LIMIT = 1_000;

/** Characters that stand for themselves in a Uri-Path, in a name of SenML and in link-format; 1 to 64 of them. */
const PREFIX_TEXT = /^[A-Za-z0-9._~:@+-]{1,64}$/;

export function isGateway({ behind, instances }: Pick<Registration, 'behind' | 'instances'>): boolean {
  return behind === undefined && instances.has(GATEWAY_OBJECT);
}

/** One device that a gateway announced. */
export interface AnnouncedChild {
  readonly endpointName: string;
  readonly prefix: string;
  readonly deviceId: string;
  /** As if it had registered itself with its prefix for root path. */
  readonly linkText: string;
}

/** Why an instance is no child. `objects`: it is one, but its list of objects cannot be read. */
export const LEFT_OUT = ['limit', 'prefix', 'name', 'duplicate', 'objects'] as const;
export type LeftOut = (typeof LEFT_OUT)[number];

export interface AnnouncedChildren {
  readonly children: ReadonlyMap<string, AnnouncedChild>;
  readonly leftOut: Readonly<Record<LeftOut, number>>;
}

type Gateway = Pick<Registration, 'endpointName' | 'rootPath' | 'contentFormats'>;

/** What the value of /25 says. Of two instances that claim one prefix or one name the lower counts. */
export function announcedChildren(node: Lwm2mNode | undefined, gateway: Gateway): AnnouncedChildren {
  const children = new Map<string, AnnouncedChild>();
  const prefixes = new Set<string>();
  const leftOut: Record<LeftOut, number> = { limit: 0, prefix: 0, name: 0, duplicate: 0, objects: 0 };
  const instances = node?.kind === 'object' ? [...node.instances].sort((a, b) => a.id - b.id) : [];
  for (const instance of instances) {
    const prefix = textOf(instance, PREFIX) ?? '';
    const deviceId = textOf(instance, DEVICE_ID) ?? '';
    const endpointName = nameFor(gateway.endpointName, deviceId, prefix);
    if (children.size === CHILDREN_LIMIT) leftOut.limit++;
    else if (!isPrefix(prefix)) leftOut.prefix++;
    else if (endpointName === undefined) leftOut.name++;
    else if (prefixes.has(prefix) || children.has(endpointName)) leftOut.duplicate++;
    else {
      const linkText = linksOf(textOf(instance, DEVICE_OBJECTS) ?? '', prefix, gateway);
      if (linkText === undefined) leftOut.objects++;
      const own = linkText ?? formatLinkFormat([rootLink(prefix, undefined, gateway)]);
      children.set(endpointName, { endpointName, prefix, deviceId, linkText: own });
      prefixes.add(prefix);
    }
  }
  return { children, leftOut };
}

export function isSameCount(
  one: AnnouncedChildren['leftOut'] | undefined,
  other: AnnouncedChildren['leftOut'],
): boolean {
  return isDeepStrictEqual(one, other);
}

/** A prefix is one segment of a path that is neither an id nor makes a path climb (RFC 7252 §5.10.1). */
export function isPrefix(text: string): boolean {
  return PREFIX_TEXT.test(text) && text !== '.' && text !== '..' && !/^\d+$/.test(text);
}

/** Always below the name of the gateway, so that no gateway can take the name of a device elsewhere; the prefix where the id will not do. */
function nameFor(gatewayName: string, deviceId: string, prefix: string): string | undefined {
  const byId = `${gatewayName}/${deviceId}`;
  if (deviceId !== '' && isEndpointName(byId)) return byId;
  const byPrefix = `${gatewayName}/${prefix}`;
  return isEndpointName(byPrefix) ? byPrefix : undefined;
}

function textOf({ resources }: ObjectInstance, id: number): string | undefined {
  const resource = resources.find((one) => one.id === id);
  return resource?.kind === 'resource' && resource.value.type === 'STRING' ? resource.value.value : undefined;
}

/** Where its objects stand on the gateway: under the prefix, which comes after the root path of the gateway's own. */
export function childRoot(gateway: Pick<Registration, 'rootPath'>, prefix: string): string {
  return `${namePrefix(gateway)}/${prefix}`;
}

/** The list of its objects, each below its root, as link-format; with the prefix in the list or, as is common, without. */
function linksOf(text: string, prefix: string, gateway: Gateway): string | undefined {
  try {
    const told = parseLinkFormat(text);
    const roots = [childRoot(gateway, prefix), `/${prefix}`, namePrefix(gateway)];
    const root = told.find(({ attributes }) => attributes.rt?.split(' ').includes('oma.lwm2m'));
    const links = told.flatMap((link) => {
      const below = roots.find((one) => one !== '' && link.url.startsWith(`${one}/`)) ?? '';
      const path = link.url.slice(below.length);
      return /^\/\d{1,5}(?:\/\d{1,5})?\/?$/.test(path) ? [{ ...link, url: roots[0] + path }] : [];
    });
    return formatLinkFormat([rootLink(prefix, root?.attributes.ct ?? undefined, gateway), ...links]);
  } catch (error) {
    if (!hasCode(error, 'LWM2M_LINK_FORMAT')) throw error;
    return undefined;
  }
}

/** It speaks the formats of its gateway, unless its list says which. */
function rootLink(prefix: string, ct: string | undefined, gateway: Gateway): WebLink {
  const formats = ct ?? gateway.contentFormats.join(' ');
  return { url: childRoot(gateway, prefix), attributes: { rt: 'oma.lwm2m', ...(formats !== '' && { ct: formats }) } };
}
