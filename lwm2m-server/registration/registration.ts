import type { Peer } from '../../lwm2m/coap/transport.ts';
import type { AnnouncedObjects } from './announced-objects.ts';

/** A device that is registered now. Everything above the socket refers to the registration, never to an address. */
export interface Registration extends AnnouncedObjects {
  readonly endpointName: string;
  /** Last segment of the Location; random, so that a stranger cannot update or end it. */
  readonly registrationId: string;
  readonly peer: Peer;
  /** 0: without end (LwM2M 1.1 and later). */
  readonly lifetimeSeconds: number;
  readonly version: string;
  /** Letters of the transports, as the device ordered them: U, S, US in 1.0; also T and N since 1.1. Queue mode stands apart. */
  readonly binding: string;
  /** The device sleeps and hears nothing but what follows a message of its own. */
  readonly queueMode: boolean;
  readonly smsNumber: string | undefined;
  /** Profile ids of LwM2M 1.2 (`pid`); also among the attributes, as the records have it. */
  readonly profileId: string | undefined;
  /** Registration parameters that this server does not know. */
  readonly attributes: Readonly<Record<string, string>> | undefined;
  readonly registeredAtMs: number;
  readonly lastUpdateAtMs: number;
  /** Undefined of a device that registered itself. */
  readonly behind: BehindGateway | undefined;
}

/** Where a device is that an LwM2M gateway announced in its object 25: its requests go to the gateway's peer, under a prefix. */
export interface BehindGateway {
  readonly gatewayName: string;
  /** Registration id of the gateway: the child ends with that registration. */
  readonly gatewayRegistrationId: string;
  readonly prefix: string;
  readonly deviceId: string;
}

/** What an update may change. */
export interface RegistrationChange {
  readonly lifetimeSeconds?: number;
  readonly binding?: string;
  readonly queueMode?: boolean;
  readonly smsNumber?: string;
  readonly profileId?: string;
  readonly announced?: AnnouncedObjects;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Why a registration ended; `expired` is what the record says of it. */
export type RegistrationEnd = 'deregistered' | 'replaced' | 'expired';

/**
 * Builds a registration field by field: all have one shape, which keeps 100,000 of them small, and none drags along what else
 * its makings hold.
 */
export function makeRegistration(
  of: Omit<Registration, 'behind'> & Partial<Pick<Registration, 'behind'>>,
): Registration {
  return {
    endpointName: of.endpointName,
    registrationId: of.registrationId,
    peer: of.peer,
    lifetimeSeconds: of.lifetimeSeconds,
    version: shared(of.version),
    binding: shared(of.binding),
    queueMode: of.queueMode,
    smsNumber: of.smsNumber,
    profileId: of.profileId,
    attributes: of.attributes,
    registeredAtMs: of.registeredAtMs,
    lastUpdateAtMs: of.lastUpdateAtMs,
    behind: of.behind,
    linkText: of.linkText,
    links: of.links,
    rootPath: of.rootPath,
    instances: of.instances,
    objectVersions: of.objectVersions,
    contentFormats: of.contentFormats,
  };
}

/** Versions and bindings, of which there are a hundred at most. */
const SHARED_LIMIT = 200;
const sharedTexts = new Map<string, string>();

function shared(text: string): string {
  const known = sharedTexts.get(text);
  if (known === undefined && sharedTexts.size < SHARED_LIMIT) sharedTexts.set(text, text);
  return known ?? text;
}

/** The registration after an update. What the update does not say stays; unknown parameters are added to those known before. */
export function updatedRegistration(
  before: Registration,
  { announced, attributes, ...change }: RegistrationChange,
  at: { readonly peer: Peer; readonly nowMs: number },
): Registration {
  const merged = attributes === undefined ? before.attributes : { ...before.attributes, ...attributes };
  return makeRegistration({
    ...before,
    ...announced,
    ...change,
    attributes: merged,
    peer: isSamePeer(before.peer, at.peer) ? before.peer : at.peer,
    lastUpdateAtMs: at.nowMs,
  });
}

export function isSamePeer(one: Peer, other: Peer): boolean {
  return one.key === other.key && one.port === other.port && one.address === other.address;
}
