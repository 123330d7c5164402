import type { EndpointChanges, EndpointFields, KnownEndpoint, PastRegistration } from './endpoint-changes.ts';
import { inFlight } from './in-flight.ts';
import type { OrientMap, OrientRecordId, OrientRow, OrientSession } from './session.ts';

/** An endpoint as the graph holds it. */
export interface StoredEndpoint {
  readonly known: KnownEndpoint;
  readonly rid: OrientRecordId;
  /** Servers with an edge to it; more than one only after a crash between two statements. */
  readonly servers: readonly { readonly rid: OrientRecordId; readonly name: string }[];
  /** LwM2M gateways with an edge to it. */
  readonly gateways: readonly string[];
}

const ENDPOINT_FIELDS = [
  'regDate',
  'regId',
  'regPort',
  'regAddress',
  'port',
  'address',
  'lt',
  'expired',
  'ver',
  'bnd',
  'regLastUpdate',
  'online',
  'sms',
  'attributes',
  'root',
  'history',
] as const satisfies readonly (keyof EndpointFields)[];

const FIND_ENDPOINTS = `SELECT @rid AS rid, name, regId, regDate, regLastUpdate, root, history,
 in('hasEndpoint').@rid AS serverRids, in('hasEndpoint').name AS serverNames,
 in('hasChild').name AS gatewayNames FROM Endpoints WHERE name IN :names`;

export async function findEndpoints(
  session: OrientSession,
  names: readonly string[],
): Promise<ReadonlyMap<string, StoredEndpoint>> {
  const rows = await session.query(FIND_ENDPOINTS, { names });
  return new Map(rows.map((row) => [row.name as string, storedEndpoint(row)]));
}

function storedEndpoint(row: OrientRow): StoredEndpoint {
  const rids = (row.serverRids ?? []) as readonly OrientRecordId[];
  const names = (row.serverNames ?? []) as readonly string[];
  return {
    rid: row.rid as OrientRecordId,
    servers: rids.map((rid, index) => ({ rid, name: names[index]! })),
    gateways: (row.gatewayNames ?? []) as readonly string[],
    known: {
      serverId: names[0],
      regId: (row.regId ?? undefined) as string | undefined,
      history: (row.history ?? []) as readonly PastRegistration[],
      regDate: (row.regDate ?? undefined) as number | undefined,
      regLastUpdate: (row.regLastUpdate ?? undefined) as number | undefined,
      root: (row.root ?? undefined) as string | undefined,
    },
  };
}

export interface PendingEndpoint {
  readonly name: string;
  readonly changes: EndpointChanges;
  readonly stored: StoredEndpoint | undefined;
}

/**
 * Writes the changes of many endpoints. Vertices first, then edges; not one transaction, but each step can be repeated: a crash in
 * between leaves offsets uncommitted, and the batch comes again with the same times.
 */
export async function writeEndpoints(session: OrientSession, pending: readonly PendingEndpoint[]): Promise<void> {
  const servers = await ensureNamed(session, SERVERS, distinct(pending.map(({ changes }) => changes.known.serverId!)));
  const rids = await inFlight(pending, (one) => upsertEndpoint(session, one));
  const placed = pending.map((one, index) => ({ ...one, rid: rids[index]! }));
  await inFlight(
    placed.flatMap((one) => serverEdges(one, servers)),
    ([sql, params]) => session.command(sql, params),
  );
  await writeChildEdges(session, placed);
  await writeObjectEdges(session, placed);
}

type Placed = PendingEndpoint & { readonly rid: OrientRecordId };
const REMOVE_OBJECT = 'DELETE EDGE hasObject FROM :endpoint TO :object WHERE instance = :instance';

type Statement = readonly [sql: string, params: OrientMap];

async function upsertEndpoint(session: OrientSession, { name, changes }: PendingEndpoint): Promise<OrientRecordId> {
  const given = ENDPOINT_FIELDS.filter((field) => changes.fields[field] !== undefined);
  const params: Record<string, OrientMap[string]> = { name };
  for (const field of given) params[field] = changes.fields[field] as OrientMap[string];
  if (changes.fields.attributes) params.attributes = plainAttributes(changes.fields.attributes);
  const set = ['name', ...given].map((field) => `${field} = :${field}`).join(', ');
  const rows = await session.command(`UPDATE Endpoints SET ${set} UPSERT RETURN AFTER @rid WHERE name = :name`, params);
  return (rows[0] as { '@rid': OrientRecordId })['@rid'];
}

/** A map with @class or @rid would turn into a document of that class; no registration parameter has a reason to begin with @. */
function plainAttributes(attributes: Readonly<Record<string, string>>): OrientMap {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => !name.startsWith('@')));
}

function serverEdges({ changes, stored, rid }: Placed, servers: ReadonlyMap<string, OrientRecordId>): Statement[] {
  const wanted = changes.known.serverId!;
  const edges = stored?.servers ?? [];
  const statements: Statement[] = edges
    .filter(({ name }) => name !== wanted)
    .map(({ rid: server }) => ['DELETE EDGE hasEndpoint FROM :server TO :endpoint', { server, endpoint: rid }]);
  if (!edges.some(({ name }) => name === wanted))
    statements.push([
      'CREATE EDGE hasEndpoint FROM :server TO :endpoint',
      { server: servers.get(wanted)!, endpoint: rid },
    ]);
  return statements;
}

/** From the gateway to the device behind it; the gateway's own records may be yet to come. */
async function writeChildEdges(session: OrientSession, placed: readonly Placed[]): Promise<void> {
  const missing = placed.flatMap(({ changes: { gatewayName }, stored, rid }) =>
    gatewayName === undefined || stored?.gateways.includes(gatewayName) === true ? [] : [{ gatewayName, rid }],
  );
  const gateways = await ensureNamed(session, ENDPOINTS, distinct(missing.map(({ gatewayName }) => gatewayName)));
  await inFlight(missing, ({ gatewayName, rid }) =>
    session.command('CREATE EDGE hasChild FROM :gateway TO :child', {
      gateway: gateways.get(gatewayName)!,
      child: rid,
    }),
  );
}

async function writeObjectEdges(session: OrientSession, placed: readonly Placed[]): Promise<void> {
  const linked = placed.filter(({ changes }) => changes.links !== undefined);
  if (linked.length === 0) return;
  const existing = await objectEdges(session, linked);
  const ids = distinct(linked.flatMap(({ changes }) => [...changes.links!.instances].map(objectIdOf)));
  const objects = await ensureNamed(session, OBJECTS, ids);
  const statements = linked.flatMap((one) => objectEdgeChanges(one, existing.get(one.name) ?? new Map(), objects));
  await inFlight(statements, ([sql, params]) => session.command(sql, params));
}

/** By endpoint: `objectId/instanceId` → object. Edges without an instance are somebody else's and not looked at. */
async function objectEdges(
  session: OrientSession,
  linked: readonly Placed[],
): Promise<ReadonlyMap<string, Map<string, OrientRecordId>>> {
  const rows = await session.query(
    'SELECT in AS object, out.name AS endpoint, in.id AS objectId, instance FROM hasObject WHERE out IN :rids AND instance IS NOT NULL',
    { rids: linked.filter(({ stored }) => stored !== undefined).map(({ rid }) => rid) },
  );
  const byEndpoint = new Map<string, Map<string, OrientRecordId>>();
  for (const { object, endpoint, objectId, instance } of rows) {
    const edges = byEndpoint.get(endpoint as string) ?? new Map<string, OrientRecordId>();
    byEndpoint.set(endpoint as string, edges.set(`${objectId}/${instance}`, object as OrientRecordId));
  }
  return byEndpoint;
}

function objectEdgeChanges(
  { changes, rid }: Placed,
  existing: ReadonlyMap<string, OrientRecordId>,
  objects: ReadonlyMap<number, OrientRecordId>,
): Statement[] {
  const wanted = changes.links!.instances;
  const stale = [...existing].filter(([instance]) => !wanted.has(instance));
  const missing = [...wanted].filter((instance) => !existing.has(instance));
  return [
    ...stale.map(
      ([instance, object]): Statement => [REMOVE_OBJECT, { endpoint: rid, object, instance: instanceIdOf(instance) }],
    ),
    ...missing.map(
      (instance): Statement => [
        'CREATE EDGE hasObject FROM :endpoint TO :object SET instance = :instance',
        { endpoint: rid, object: objects.get(objectIdOf(instance))!, instance: instanceIdOf(instance) },
      ],
    ),
  ];
}

function instanceIdOf(instance: string): number {
  return Number(instance.split('/')[1]);
}

function objectIdOf(instance: string): number {
  return Number(instance.split('/')[0]);
}

/** Vertices that are made on first mention. An object that no model describes gets its number for a name. */
const SERVERS = {
  find: 'SELECT @rid AS rid, name AS key FROM Servers WHERE name IN :keys',
  make: 'UPDATE Servers SET name = :key UPSERT RETURN AFTER @rid WHERE name = :key',
  params: (key: string): OrientMap => ({ key }),
};
const ENDPOINTS = {
  find: 'SELECT @rid AS rid, name AS key FROM Endpoints WHERE name IN :keys',
  make: 'UPDATE Endpoints SET name = :key UPSERT RETURN AFTER @rid WHERE name = :key',
  params: (key: string): OrientMap => ({ key }),
};
const OBJECTS = {
  find: 'SELECT @rid AS rid, id AS key FROM Objects WHERE id IN :keys',
  make: 'UPDATE Objects SET id = :key, name = :name, modelled = false UPSERT RETURN AFTER @rid WHERE id = :key',
  params: (key: number): OrientMap => ({ key, name: `Object ${key}` }),
};

async function ensureNamed<K extends string | number>(
  session: OrientSession,
  kind: { readonly find: string; readonly make: string; params(key: K): OrientMap },
  keys: readonly K[],
): Promise<ReadonlyMap<K, OrientRecordId>> {
  const rows = keys.length === 0 ? [] : await session.query(kind.find, { keys });
  const found = new Map(rows.map((row) => [row.key as K, row.rid as OrientRecordId]));
  const missing = keys.filter((key) => !found.has(key));
  await inFlight(missing, async (key) => {
    const [row] = await session.command(kind.make, kind.params(key));
    found.set(key, (row as { '@rid': OrientRecordId })['@rid']);
  });
  return found;
}

function distinct<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}
