import type { EndpointChanges, EndpointFields } from './endpoint-changes.ts';
import { inFlight } from './in-flight.ts';
import { ensureNamed, NAMED } from './named-vertices.ts';
import type { OrientMap, OrientParam, OrientRecordId, OrientSession } from './session.ts';
import { findObjectEdges, type ObjectEdge, type StoredEndpoint } from './stored-endpoints.ts';

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

export interface PendingEndpoint {
  readonly name: string;
  readonly changes: EndpointChanges;
  readonly stored: StoredEndpoint | undefined;
}

/**
 * Changed vertices and edges of one transaction. OrientDB's work for a commit grows with the square of it: at 2,000 an edge costs three
 * times what it costs at 200; below 100 the commits themselves cost more.
 */
const TRANSACTION_CHANGES = 250;

/**
 * Writes the changes of many endpoints: each with its edges to server and objects in one transaction, with others beside it. What is named
 * by others comes before, edges to children behind; a crash in between leaves offsets uncommitted, and the batch comes again with the
 * same times.
 */
export async function writeEndpoints(session: OrientSession, pending: readonly PendingEndpoint[]): Promise<void> {
  const linked = pending.filter(({ changes }) => changes.links !== undefined);
  const servers = await ensureNamed(session, NAMED.server, serverIdsOf(pending));
  const objects = await ensureNamed(
    session,
    NAMED.object,
    linked.flatMap(({ changes }) => [...changes.links!.instances].map(objectIdOf)),
  );
  const edges = await findObjectEdges(
    session,
    linked.flatMap(({ stored }) => stored?.rid ?? []),
  );
  const rows = pending.map((one) => endpointRow(one, { servers, objects, edges: edges.get(one.name) }));
  await inFlight(transactionsOf(rows), ({ sql, rows: some }) =>
    session.transaction(sql, { rows: some.map(({ params }) => params) }),
  );
  await writeChildEdges(session, pending);
}

function* serverIdsOf(pending: readonly PendingEndpoint[]): Iterable<string> {
  for (const { changes } of pending) yield changes.known.serverId!;
}

interface EndpointRow {
  readonly isNew: boolean;
  readonly fields: readonly string[];
  readonly params: OrientMap;
  /** Vertices and edges. */
  readonly changes: number;
}

interface Surroundings {
  readonly servers: ReadonlyMap<string, OrientRecordId>;
  readonly objects: ReadonlyMap<number, OrientRecordId>;
  /** Those it has now, by `objectId/instanceId`. */
  readonly edges: ReadonlyMap<string, ObjectEdge> | undefined;
}

function endpointRow({ name, changes, stored }: PendingEndpoint, around: Surroundings): EndpointRow {
  const fields = ENDPOINT_FIELDS.filter((field) => changes.fields[field] !== undefined);
  const params: Record<string, OrientParam> = { name };
  for (const field of fields) params[field] = changes.fields[field] as OrientParam;
  if (changes.fields.attributes) params.attributes = plainAttributes(changes.fields.attributes);
  const wanted = changes.known.serverId!;
  const servers = stored?.servers ?? [];
  const edges = {
    serve: servers.some((server) => server.name === wanted) ? [] : [around.servers.get(wanted)!],
    unserve: servers.filter((server) => server.name !== wanted).map(({ rid }) => rid),
    ...objectEdgeChanges(changes, around),
  };
  if (stored !== undefined) params.rid = stored.rid;
  return {
    isNew: stored === undefined,
    fields,
    params: { ...params, ...edges },
    changes: Object.values(edges).reduce((sum, { length }) => sum + length, 1),
  };
}

/** A map with @class or @rid would turn into a document of that class; no registration parameter has a reason to begin with @. */
function plainAttributes(attributes: Readonly<Record<string, string>>): OrientMap {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => !name.startsWith('@')));
}

function objectEdgeChanges({ links }: EndpointChanges, { objects, edges }: Surroundings) {
  if (links === undefined) return { link: [], unlink: [] };
  const edge = ({ object, instance }: ObjectEdge) => ({ object, instance });
  const missing = [...links.instances].filter((instance) => edges?.has(instance) !== true);
  return {
    link: missing.map((at) => edge({ object: objects.get(objectIdOf(at))!, instance: Number(at.split('/')[1]) })),
    unlink: [...(edges ?? [])].filter(([instance]) => !links.instances.has(instance)).map(([, one]) => edge(one)),
  };
}

function objectIdOf(instance: string): number {
  return Number(instance.split('/')[0]);
}

/** In the order of the rows within each statement. Of different statements there are as many as there are sets of fields in the batch. */
function transactionsOf(
  rows: readonly EndpointRow[],
): readonly { readonly sql: string; readonly rows: readonly EndpointRow[] }[] {
  const transactions: { sql: string; rows: EndpointRow[]; changes: number }[] = [];
  const open = new Map<string, (typeof transactions)[number]>();
  for (const row of rows) {
    const key = `${row.isNew} ${row.fields.join()}`;
    let one = open.get(key);
    if (one === undefined || one.changes + row.changes > TRANSACTION_CHANGES) {
      one = { sql: one?.sql ?? statementFor(row), rows: [], changes: 0 };
      open.set(key, one);
      transactions.push(one);
    }
    one.rows.push(row);
    one.changes += row.changes;
  }
  return transactions;
}

/** Where the graph has it already it is found by its name, and made again should somebody have removed it meanwhile. */
function statementFor({ isNew, fields }: EndpointRow): string {
  const set = ['name', ...fields].map((field) => `${field} = $r.${field}`).join(', ');
  const vertex = isNew ? '$v' : '$r.rid';
  return `FOREACH ($r IN :rows) {
 ${isNew ? `LET v = INSERT INTO Endpoints SET ${set};` : `UPDATE Endpoints SET ${set} UPSERT WHERE name = $r.name;`}
 FOREACH ($s IN $r.unserve) { DELETE EDGE hasEndpoint FROM $s TO ${vertex}; }
 FOREACH ($s IN $r.serve) { CREATE EDGE hasEndpoint FROM $s TO ${vertex}; }
 FOREACH ($o IN $r.unlink) { DELETE EDGE hasObject FROM ${vertex} TO $o.object WHERE instance = $o.instance; }
 FOREACH ($o IN $r.link) { CREATE EDGE hasObject FROM ${vertex} TO $o.object SET instance = $o.instance; }
}`;
}

/** From the gateway to the device behind it; the gateway's own records may be yet to come. */
async function writeChildEdges(session: OrientSession, pending: readonly PendingEndpoint[]): Promise<void> {
  const missing = pending.flatMap(({ name, changes: { gatewayName }, stored }) =>
    gatewayName === undefined || stored?.gateways.includes(gatewayName) === true ? [] : [{ name, gatewayName }],
  );
  const names = missing.flatMap(({ name, gatewayName }) => [name, gatewayName]);
  const rids = await ensureNamed(session, NAMED.endpoint, names);
  await inFlight(missing, ({ name, gatewayName }) =>
    session.command('CREATE EDGE hasChild FROM :gateway TO :child', {
      gateway: rids.get(gatewayName)!,
      child: rids.get(name)!,
    }),
  );
}
