import type { PastRegistration } from '../endpoint-changes.ts';
import type { OrientRow } from '../session.ts';
import type { SavedQuery } from './saved-query.ts';

const SERVER = { about: 'id of one gateway; else all', kind: 'text', isOptional: true } as const;
const OF_SERVER = "(:server IS NULL OR in('hasEndpoint').name CONTAINS :server)";
const SERVER_NAME = "first(in('hasEndpoint').name)";
/** The LwM2M gateway that a device is behind. */
const BEHIND = "first(in('hasChild').name)";

/** The usual questions, by name. */
export const SAVED_QUERIES = {
  offline: {
    about: 'devices that are not registered now, by gateway',
    parameters: { server: SERVER },
    columns: ['server', 'endpoint', 'behind', 'expired', 'lastUpdateMs', 'lifetimeSeconds'],
    sql: `SELECT ${SERVER_NAME} AS server, name AS endpoint, ${BEHIND} AS behind, expired, regLastUpdate AS lastUpdateMs,
 lt AS lifetimeSeconds FROM Endpoints WHERE online = false AND ${OF_SERVER} ORDER BY server, endpoint LIMIT :rows`,
  },
  'has-object': {
    about: 'devices that have an object, with its instances',
    parameters: { object: { about: 'id of the object, such as 3303', kind: 'number' } },
    columns: ['server', 'endpoint', 'online', 'instances'],
    sql: `SELECT first(out.in('hasEndpoint').name) AS server, out.name AS endpoint, out.online AS online, list(instance) AS instances
 FROM (SELECT expand(inE('hasObject')) FROM Objects WHERE id = :object) GROUP BY out ORDER BY server, endpoint LIMIT :rows`,
    rowsOf: (answer) => answer.map((row) => ({ ...row, instances: sortedNumbers(row.instances) })),
  },
  'server-graph': {
    about: 'all that one gateway has: a row for each object instance of each device, and one for a device without any',
    parameters: { server: { about: 'id of the gateway', kind: 'text' } },
    columns: ['endpoint', 'behind', 'online', 'object', 'name', 'instance'],
    sql: `SELECT endpoint, behind, online, link.in.id AS object, link.in.name AS name, link.instance AS instance FROM
 (MATCH {class: Servers, where: (name = :server)}.out('hasEndpoint'){as: device}.outE('hasObject'){as: link, optional: true}
 RETURN device.name AS endpoint, first(device.in('hasChild').name) AS behind, device.online AS online, link)
 ORDER BY endpoint, object, instance LIMIT :rows`,
  },
  unmodelled: {
    about: 'objects that devices announce and no object model describes',
    parameters: {},
    columns: ['object', 'endpoints', 'instances'],
    sql: `SELECT id AS object, in('hasObject').asSet().size() AS endpoints, inE('hasObject').size() AS instances FROM Objects
 WHERE modelled = false ORDER BY object LIMIT :rows`,
  },
  lifetimes: {
    about: 'number of devices by lifetime and binding; lifetime 0: it lives as long as the LwM2M gateway it is behind',
    parameters: { server: SERVER },
    columns: ['lifetimeSeconds', 'binding', 'endpoints', 'online'],
    sql: `SELECT lt AS lifetimeSeconds, bnd AS binding, count(*) AS endpoints, sum(if(online, 1, 0)) AS online FROM Endpoints
 WHERE regId IS NOT NULL AND ${OF_SERVER} GROUP BY lt, bnd ORDER BY lifetimeSeconds, binding LIMIT :rows`,
  },
  endpoints: {
    about: 'devices of a lifetime or binding, and when each must be heard of next',
    parameters: {
      server: SERVER,
      binding: { about: 'U, UQ, S, SQ, US or UQS', kind: 'text', isOptional: true },
      minLifetime: { about: 'least lifetime, in seconds', kind: 'number', isOptional: true },
      maxLifetime: { about: 'longest lifetime, in seconds', kind: 'number', isOptional: true },
    },
    columns: ['server', 'endpoint', 'behind', 'online', 'lifetimeSeconds', 'binding', 'lastUpdateMs', 'dueMs'],
    sql: `SELECT ${SERVER_NAME} AS server, name AS endpoint, ${BEHIND} AS behind, online, lt AS lifetimeSeconds, bnd AS binding,
 regLastUpdate AS lastUpdateMs FROM Endpoints
 WHERE regId IS NOT NULL AND ${OF_SERVER} AND (:binding IS NULL OR bnd = :binding) AND (:minLifetime IS NULL OR lt >= :minLifetime)
 AND (:maxLifetime IS NULL OR lt <= :maxLifetime) ORDER BY server, endpoint LIMIT :rows`,
    rowsOf: (answer) => answer.map((row) => ({ ...row, dueMs: dueMs(row) })),
  },
  registrations: {
    about: 'registrations of one device, the newest first; the graph keeps the last 20 that ended',
    parameters: { endpoint: { about: 'endpoint name', kind: 'text' } },
    columns: ['regId', 'server', 'sinceMs', 'endedMs', 'end'],
    sql: `SELECT regId, ${SERVER_NAME} AS server, regDate, online, history FROM Endpoints WHERE name = :endpoint LIMIT :rows`,
    rowsOf: (answer) => answer.flatMap(registrationRows),
  },
} as const satisfies Record<string, SavedQuery>;

export type SavedQueryName = keyof typeof SAVED_QUERIES;

/** The query of a name that came from outside; undefined when there is none. */
export function savedQuery(name: string): SavedQuery | undefined {
  return Object.hasOwn(SAVED_QUERIES, name) ? SAVED_QUERIES[name as SavedQueryName] : undefined;
}

/** The one that lives has no end. One that the graph shows as ended stands in the history already, except in a graph of the original. */
function registrationRows({ regId, server, regDate, online, history }: OrientRow): readonly OrientRow[] {
  const past = ((history ?? []) as readonly PastRegistration[]).map((one) => ({
    regId: one.regId,
    server: one.serverId,
    sinceMs: one.regDate,
    endedMs: one.endedAt,
    end: one.end,
  }));
  const isShown = regId != null && (online === true || !past.some((one) => one.regId === regId));
  const shown = isShown ? [{ regId, server, sinceMs: regDate, endedMs: null, end: null }] : [];
  return [...shown, ...past.reverse()];
}

/** A device that is away is not due, nor is one that lives as long as its LwM2M gateway (lifetime 0). */
function dueMs({ online, lifetimeSeconds, lastUpdateMs }: OrientRow): number | null {
  const seconds = Number(lifetimeSeconds ?? 0);
  return online === true && seconds > 0 ? Number(lastUpdateMs) + seconds * 1_000 : null;
}

function sortedNumbers(values: unknown): readonly number[] {
  return [...(values as readonly number[])].sort((a, b) => a - b);
}
