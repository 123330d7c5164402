import { udpPeer } from '../../lwm2m/coap/transport.ts';
import { formatLinkFormat, type WebLink } from '../../lwm2m/link-format.ts';
import type {
  AvroBnd,
  AvroLink,
  AvroRegistrationNew,
  AvroRegistrationResponse,
  RegistrationState,
} from '../../schemas/generated/records.ts';
import { parseAnnouncement } from '../registration/announced-objects.ts';
import {
  type BehindGateway,
  makeRegistration,
  type Registration,
  type RegistrationChange,
} from '../registration/registration.ts';

const NEW = 'io.zeelos.leshan.avro.registration.AvroRegistrationNew';
const UPDATE = 'io.zeelos.leshan.avro.registration.AvroRegistrationUpdate';
const DELETE = 'io.zeelos.leshan.avro.registration.AvroRegistrationDelete';

/** The server that took the registration, as the record names it. */
export interface ServerIdentity {
  readonly serverId: string;
  readonly address: string;
  readonly port: number;
}

export function registrationToAvro(registration: Registration, server: ServerIdentity): AvroRegistrationNew {
  return avroOf(registration, server, linksToAvro(registration.links));
}

function avroOf(registration: Registration, server: ServerIdentity, links: readonly AvroLink[]): AvroRegistrationNew {
  return {
    ep: registration.endpointName,
    serverId: server.serverId,
    regDate: registration.registeredAtMs,
    address: registration.peer.address,
    port: registration.peer.port,
    regAddr: server.address,
    regPort: server.port,
    lt: registration.lifetimeSeconds,
    sms: registration.smsNumber === undefined ? null : { string: registration.smsNumber },
    ver: registration.version,
    bnd: avroBinding(registration),
    regId: registration.registrationId,
    links,
    attributes: registration.attributes === undefined ? null : { map: registration.attributes },
    root: registration.rootPath,
    lastUp: registration.lastUpdateAtMs,
    queueMode: registration.queueMode,
    binding: avroLetters(registration),
    ...avroBehind(registration.behind),
  };
}

function avroBehind(behind: BehindGateway | undefined): Partial<AvroRegistrationNew> {
  if (behind === undefined) return {};
  return {
    gatewayEp: { string: behind.gatewayName },
    gatewayRegId: { string: behind.gatewayRegistrationId },
    prefix: { string: behind.prefix },
    deviceId: { string: behind.deviceId },
  };
}

function behindFromState(record: AvroRegistrationNew): BehindGateway | undefined {
  const { gatewayEp, gatewayRegId, prefix, deviceId } = record;
  if (gatewayEp == null || gatewayRegId == null || prefix == null) return undefined;
  return {
    gatewayName: gatewayEp.string,
    gatewayRegistrationId: gatewayRegId.string,
    prefix: prefix.string,
    deviceId: deviceId?.string ?? '',
  };
}

type BindingParts = Pick<Registration, 'binding' | 'queueMode'>;

/**
 * The binding as LwM2M 1.0 names it: whether U or S is there, and queue mode. T and N have no name there; what has neither U nor S
 * counts as U, over which this server reaches it. S alone with T or N counts as S.
 */
export function avroBinding({ binding, queueMode }: BindingParts): AvroBnd {
  const sms = binding.includes('S');
  const udp = binding.includes('U') || !sms;
  if (!udp) return queueMode ? 'SQ' : 'S';
  if (sms) return queueMode ? 'UQS' : 'US';
  return queueMode ? 'UQ' : 'U';
}

/** Null where the record's enum tells the same. */
function avroLetters(parts: BindingParts): { string: string } | null {
  return avroBinding(parts).replace('Q', '') === parts.binding ? null : { string: parts.binding };
}

export function newRecord(registration: Registration, server: ServerIdentity): AvroRegistrationResponse {
  return { kind: 'NEW', body: { [NEW]: registrationToAvro(registration, server) } };
}

/** Carries only what the update said. */
export function updateRecord(
  updated: Registration,
  change: RegistrationChange,
  serverId: string,
): AvroRegistrationResponse {
  const { lifetimeSeconds, smsNumber, binding, queueMode, announced, attributes } = change;
  const saysBinding = binding !== undefined || queueMode !== undefined;
  return {
    kind: 'UPDATE',
    body: {
      [UPDATE]: {
        ep: updated.endpointName,
        serverId,
        regId: updated.registrationId,
        address: updated.peer.address,
        port: updated.peer.port,
        lt: lifetimeSeconds === undefined ? null : { long: lifetimeSeconds },
        sms: smsNumber === undefined ? null : { string: smsNumber },
        bnd: saysBinding ? { 'io.zeelos.leshan.avro.registration.AvroBnd': avroBinding(updated) } : null,
        links: announced === undefined ? null : { array: linksToAvro(announced.links) },
        attributes: attributes === undefined ? null : { map: attributes },
        lastUp: updated.lastUpdateAtMs,
        queueMode: saysBinding ? { boolean: updated.queueMode } : null,
        binding: saysBinding ? avroLetters(updated) : null,
      },
    },
  };
}

export function deleteRecord(
  registration: Registration,
  serverId: string,
  expired: boolean,
  nowMs: number,
): AvroRegistrationResponse {
  const { endpointName: ep, registrationId } = registration;
  return {
    kind: 'DELETE',
    body: { [DELETE]: { ep, serverId, expired, lastUp: nowMs, endedRegId: { string: registrationId } } },
  };
}

const NO_LINKS: readonly AvroLink[] = [];

/** The links go in as the text that they came in: small to keep, and read once for all devices that say the same. */
export function registrationState(registration: Registration, server: ServerIdentity): RegistrationState {
  return {
    registration: avroOf(registration, server, NO_LINKS),
    linkText: { string: registration.linkText },
  };
}

/** The registration that a state record holds. Throws LWM2M_LINK_FORMAT and LWM2M_REGISTRATION for what we never wrote. */
export function registrationFromState({ registration: record, linkText }: RegistrationState): Registration {
  const announced = parseAnnouncement(
    linkText?.string ?? formatLinkFormat(record.links.map(({ url, at }) => ({ url, attributes: at }))),
  );
  const attributes = record.attributes?.map;
  return makeRegistration({
    ...announced,
    endpointName: record.ep,
    registrationId: record.regId,
    peer: udpPeer(record.address, record.port),
    lifetimeSeconds: record.lt,
    version: record.ver,
    binding: record.binding?.string ?? record.bnd.replace('Q', ''),
    queueMode: record.queueMode ?? record.bnd.includes('Q'),
    smsNumber: record.sms?.string,
    profileId: attributes?.pid,
    attributes,
    registeredAtMs: record.regDate,
    lastUpdateAtMs: record.lastUp,
    behind: behindFromState(record),
  });
}

/** Kept with the links, which devices of one kind share. */
const avroLinks = new WeakMap<readonly WebLink[], readonly AvroLink[]>();

function linksToAvro(links: readonly WebLink[]): readonly AvroLink[] {
  let made = avroLinks.get(links);
  if (made === undefined) {
    made = links.map(({ url, attributes }) => ({
      url,
      at: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, value ?? ''])),
    }));
    avroLinks.set(links, made);
  }
  return made;
}
