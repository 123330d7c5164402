import type { Peer } from '../../lwm2m/coap/transport.ts';
import type { WebLink } from '../../lwm2m/link-format.ts';
import { isId } from '../../lwm2m/path.ts';

/** A device that is registered now. Everything above the socket refers to the registration, never to an address. */
export interface Registration {
  readonly endpointName: string;
  /** Last segment of the Location; random, so that a stranger cannot update or end it. */
  readonly registrationId: string;
  readonly peer: Peer;
  readonly lifetimeSeconds: number;
  readonly version: string;
  readonly binding: Binding;
  readonly smsNumber: string | undefined;
  readonly links: readonly WebLink[];
  /** Path that the objects stand under, "/" unless a link says rt="oma.lwm2m". */
  readonly rootPath: string;
  /** Registration parameters that this server does not know. */
  readonly attributes: Readonly<Record<string, string>> | undefined;
  readonly registeredAtMs: number;
  readonly lastUpdateAtMs: number;
}

export const BINDINGS = ['U', 'UQ', 'S', 'SQ', 'US', 'UQS'] as const;
export type Binding = (typeof BINDINGS)[number];

/** What an update may change (OMA LwM2M Core 1.0.2 §5.3.2). */
export interface RegistrationChange {
  readonly lifetimeSeconds?: number;
  readonly binding?: Binding;
  readonly smsNumber?: string;
  readonly links?: readonly WebLink[];
  readonly rootPath?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Why a registration ended; `expired` is what the record says of it. */
export type RegistrationEnd = 'deregistered' | 'replaced' | 'expired';

/** Announced instances of an object, and instance ids by object id; links that name no object or instance are left out. */
export function announcedInstances(
  registration: Pick<Registration, 'links' | 'rootPath'>,
): ReadonlyMap<number, ReadonlySet<number>> {
  const root = rootOf(registration);
  const instances = new Map<number, Set<number>>();
  for (const { url } of registration.links) {
    if (!url.startsWith(`${root}/`)) continue;
    const match = /^\/(\d{1,5})(?:\/(\d{1,5}))?$/.exec(url.slice(root.length));
    if (match === null) continue;
    const [objectId, instanceId] = [Number(match[1]), Number(match[2] ?? 0)];
    if (!isId(objectId) || !isId(instanceId)) continue;
    const known = instances.get(objectId) ?? new Set();
    if (match[2] !== undefined) known.add(instanceId);
    instances.set(objectId, known);
  }
  return instances;
}

/** Version of an object as the device announced it (`ver` on the object's link). */
export function announcedVersion(
  registration: Pick<Registration, 'links' | 'rootPath'>,
  objectId: number,
): string | undefined {
  const root = rootOf(registration);
  const link = registration.links.find(({ url }) => url === `${root}/${objectId}`);
  return link?.attributes.ver ?? undefined;
}

/** What stands before "/3" in the links of a device: "" or "/lwm2m". */
function rootOf({ rootPath }: Pick<Registration, 'rootPath'>): string {
  return rootPath.endsWith('/') ? rootPath.slice(0, -1) : rootPath;
}
