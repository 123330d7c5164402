import type {
  AvroRegistrationDelete,
  AvroRegistrationNew,
  AvroRegistrationResponse,
  AvroRegistrationUpdate,
} from '../../schemas/generated/records.ts';
import type { SkipReason } from '../sink.ts';
import { normalRoot, type ObjectLinks, objectLinksOf } from './object-links.ts';

/** Properties of an Endpoints vertex besides its name. Times in ms since 1970, `lt` in seconds. */
export interface EndpointFields {
  readonly regDate: number;
  readonly regId: string;
  readonly regPort: number;
  readonly regAddress: string;
  readonly port: number;
  readonly address: string;
  readonly lt: number;
  readonly expired: boolean;
  readonly ver: string;
  readonly bnd: string;
  readonly regLastUpdate: number;
  readonly online: boolean;
  readonly sms: string | null;
  readonly attributes: Readonly<Record<string, string>> | null;
  /** Extension: path of the objects when they do not stand at the root; an UPDATE does not repeat it. */
  readonly root: string | null;
  /** Extension: the registrations that ended, the newest last. */
  readonly history: readonly PastRegistration[];
}

/** One that ended. Times in ms since 1970. */
export interface PastRegistration {
  readonly regId: string;
  readonly serverId: string;
  readonly regDate: number | null;
  readonly endedAt: number;
  /** `replaced`: the device registered anew and nothing said that the former one ended. */
  readonly end: 'expired' | 'left' | 'replaced';
}

/** Ended registrations that an endpoint keeps; beyond it the oldest is forgotten. */
export const HISTORY_LIMIT = 20;

/** What the graph knows of an endpoint, as far as the next record depends on it. */
export interface KnownEndpoint {
  readonly serverId: string | undefined;
  readonly regId: string | undefined;
  readonly history: readonly PastRegistration[];
  readonly regDate: number | undefined;
  readonly regLastUpdate: number | undefined;
  readonly root: string | undefined;
}

/** What the records of a batch change on one endpoint, together. */
export interface EndpointChanges {
  readonly known: KnownEndpoint;
  readonly fields: Partial<EndpointFields>;
  /** The announced instances, when a record names them: edges to others are stale. */
  readonly links: ObjectLinks | undefined;
  /** The LwM2M gateway that it is behind. Its name begins with that one's, so it never changes. */
  readonly gatewayName?: string | undefined;
}

export type Applied = EndpointChanges | SkipReason;

/**
 * Applies one record, in the order of its topic. Records may come again (replay) and those of two gateways in any order, so older ones
 * must not undo newer ones; equal times are applied again, which changes nothing.
 */
export function applyRegistration(before: EndpointChanges | undefined, record: AvroRegistrationResponse): Applied {
  for (const [branch, body] of Object.entries(record.body)) {
    switch (branch.slice(branch.lastIndexOf('.') + 1)) {
      case 'AvroRegistrationNew':
        return applyNew(before, body as AvroRegistrationNew);
      case 'AvroRegistrationUpdate':
        return applyUpdate(before, body as AvroRegistrationUpdate);
    }
    return applyDelete(before, body as AvroRegistrationDelete);
  }
  return 'stale';
}

/** The endpoint that a record is about. */
export function endpointNameOf(record: AvroRegistrationResponse): string {
  return (Object.values(record.body)[0] as { ep: string }).ep;
}

function applyNew(before: EndpointChanges | undefined, record: AvroRegistrationNew): Applied {
  if (isOlder(record.lastUp, before)) return 'stale';
  const root = normalRoot(record.root);
  const fields: EndpointFields = {
    regDate: record.regDate,
    regId: record.regId,
    regPort: record.regPort,
    regAddress: record.regAddr,
    port: record.port,
    address: record.address,
    lt: record.lt,
    expired: false,
    ver: record.ver,
    bnd: record.bnd,
    regLastUpdate: record.lastUp,
    online: true,
    sms: record.sms?.string ?? null,
    attributes: record.attributes?.map ?? null,
    root: root === '' ? null : root,
    history: historyWith(before, record.regId, { endedAt: record.regDate, end: 'replaced' }),
  };
  const made = changes(before, record.serverId, fields, objectLinksOf(record.links, root));
  return { ...made, gatewayName: record.gatewayEp?.string };
}

/** An UPDATE of an endpoint that the graph has never seen makes it, with what the UPDATE says. */
function applyUpdate(before: EndpointChanges | undefined, record: AvroRegistrationUpdate): Applied {
  if (isOlder(record.lastUp, before)) return 'stale';
  const fields: Partial<EndpointFields> = {
    regId: record.regId,
    port: record.port,
    address: record.address,
    regLastUpdate: record.lastUp,
    online: true,
    expired: false,
    ...(record.lt && { lt: record.lt.long }),
    ...(record.sms && { sms: record.sms.string }),
    ...(record.bnd && { bnd: record.bnd['io.zeelos.leshan.avro.registration.AvroBnd'] }),
    ...(record.attributes && { attributes: record.attributes.map }),
  };
  const links = record.links && objectLinksOf(record.links.array, before?.known.root ?? '');
  return changes(before, record.serverId, fields, links ?? undefined);
}

/**
 * Ends the registration that the graph shows, unless it names another one. A DELETE of an older server names none: it is the late end
 * of an older registration when the one that is shown began after the DELETE's last update, or belongs to another server.
 */
function applyDelete(before: EndpointChanges | undefined, record: AvroRegistrationDelete): Applied {
  if (before === undefined) return 'unknown_endpoint';
  const { serverId, regId, regDate, regLastUpdate } = before.known;
  if (serverId !== undefined && serverId !== record.serverId) return 'stale';
  const ended = record.endedRegId?.string;
  if (ended !== undefined && regId !== undefined ? ended !== regId : record.lastUp < (regDate ?? -Infinity))
    return 'stale';
  const fields = {
    expired: record.expired,
    online: false,
    history: historyWith(before, undefined, { endedAt: record.lastUp, end: record.expired ? 'expired' : 'left' }),
    regLastUpdate: Math.max(record.lastUp, regLastUpdate ?? record.lastUp),
  };
  return changes(before, record.serverId, fields, undefined);
}

/** The history with the registration that was shown, unless that is the one which begins. One that is in it already is not added again. */
function historyWith(
  before: EndpointChanges | undefined,
  begins: string | undefined,
  { endedAt, end }: Pick<PastRegistration, 'endedAt' | 'end'>,
): readonly PastRegistration[] {
  const { history = [], regId, serverId, regDate } = before?.known ?? {};
  if (regId === undefined || regId === begins) return history;
  const known = history.find((one) => one.regId === regId);
  if (known !== undefined && end === 'replaced') return history;
  const past = { regId, serverId: serverId ?? '', regDate: regDate ?? null, endedAt, end };
  return [...history.filter((one) => one.regId !== regId), past].slice(-HISTORY_LIMIT);
}

function isOlder(lastUp: number, before: EndpointChanges | undefined): boolean {
  return lastUp < (before?.known.regLastUpdate ?? -Infinity);
}

function changes(
  before: EndpointChanges | undefined,
  serverId: string,
  fields: Partial<EndpointFields>,
  links: ObjectLinks | undefined,
): EndpointChanges {
  return {
    known: {
      serverId,
      regId: fields.regId ?? before?.known.regId,
      history: fields.history ?? before?.known.history ?? [],
      regDate: fields.regDate ?? before?.known.regDate,
      regLastUpdate: fields.regLastUpdate ?? before?.known.regLastUpdate,
      root: fields.root === undefined ? before?.known.root : (fields.root ?? undefined),
    },
    fields: { ...before?.fields, ...fields },
    links: links ?? before?.links,
    gatewayName: before?.gatewayName,
  };
}
