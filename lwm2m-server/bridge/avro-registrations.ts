import { udpPeer } from '../../lwm2m/coap/transport.ts';
import type { WebLink } from '../../lwm2m/link-format.ts';
import type { AvroLink, AvroRegistrationNew, AvroRegistrationResponse } from '../../schemas/generated/records.ts';
import type { Registration, RegistrationChange } from '../registration/registration.ts';

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
    bnd: registration.binding,
    regId: registration.registrationId,
    links: linksToAvro(registration.links),
    attributes: registration.attributes === undefined ? null : { map: registration.attributes },
    root: registration.rootPath,
    lastUp: registration.lastUpdateAtMs,
  };
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
  return {
    kind: 'UPDATE',
    body: {
      [UPDATE]: {
        ep: updated.endpointName,
        serverId,
        regId: updated.registrationId,
        address: updated.peer.address,
        port: updated.peer.port,
        lt: change.lifetimeSeconds === undefined ? null : { long: change.lifetimeSeconds },
        sms: change.smsNumber === undefined ? null : { string: change.smsNumber },
        bnd: change.binding === undefined ? null : { 'io.zeelos.leshan.avro.registration.AvroBnd': change.binding },
        links: change.links === undefined ? null : { array: linksToAvro(change.links) },
        attributes: change.attributes === undefined ? null : { map: change.attributes },
        lastUp: updated.lastUpdateAtMs,
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
  return { kind: 'DELETE', body: { [DELETE]: { ep: registration.endpointName, serverId, expired, lastUp: nowMs } } };
}

/** The registration that a state record holds. */
export function registrationFromAvro(record: AvroRegistrationNew): Registration {
  return {
    endpointName: record.ep,
    registrationId: record.regId,
    peer: udpPeer(record.address, record.port),
    lifetimeSeconds: record.lt,
    version: record.ver,
    binding: record.bnd,
    smsNumber: record.sms?.string,
    links: record.links.map(({ url, at }) => ({ url, attributes: at })),
    rootPath: record.root,
    attributes: record.attributes?.map,
    registeredAtMs: record.regDate,
    lastUpdateAtMs: record.lastUp,
  };
}

function linksToAvro(links: readonly WebLink[]): AvroLink[] {
  return links.map(({ url, attributes }) => ({
    url,
    at: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, value ?? ''])),
  }));
}
