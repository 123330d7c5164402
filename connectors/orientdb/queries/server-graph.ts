import type { OrientRow } from '../session.ts';
import type { GraphReader } from './saved-query.ts';

/** What of it is read: devices, also their objects with the instances, also what the resources of those objects are. */
export const GRAPH_DEPTHS = ['endpoints', 'objects', 'resources'] as const;
export type GraphDepth = (typeof GRAPH_DEPTHS)[number];

/** Times in ms since 1970; null is what the graph does not know, such as all of a device that others name and that never registered. */
export interface GraphEndpoint {
  readonly endpoint: string;
  /** The LwM2M gateway that it is behind. */
  readonly behind: string | null;
  /** Devices behind it, whether they are among the ones that were read or not. */
  readonly children: number;
  readonly online: boolean | null;
  readonly expired: boolean | null;
  readonly address: string | null;
  readonly port: number | null;
  readonly lifetimeSeconds: number | null;
  readonly binding: string | null;
  readonly version: string | null;
  readonly regId: string | null;
  readonly lastUpdateMs: number | null;
  readonly objects: readonly GraphObject[];
}

export interface GraphObject {
  readonly object: number;
  readonly name: string;
  /** False when no object model describes it. */
  readonly modelled: boolean;
  /** Ascending. */
  readonly instances: readonly number[];
}

/** As the object model has it: a device need not have each. */
export interface GraphResource {
  readonly resource: number;
  readonly name: string;
  readonly operations: string;
  readonly type: string | null;
  readonly units: string;
}

export interface ServerGraph {
  readonly server: string;
  readonly total: { readonly endpoints: number; readonly online: number };
  /** By name, up to the limit. */
  readonly endpoints: readonly GraphEndpoint[];
  /** By object, of those above. */
  readonly resources: ReadonlyMap<number, readonly GraphResource[]>;
  /** The devices together have more object instances than are read: the last ones are shown without some. */
  readonly isCut: boolean;
}

/** Object instances that are read for one graph, of all its devices together. */
export const INSTANCES_READ = 50_000;

const SERVER = `SELECT out('hasEndpoint').size() AS endpoints, out('hasEndpoint')[online = true].size() AS online FROM Servers
 WHERE name = :server`;
const ENDPOINTS = `SELECT name AS endpoint, first(in('hasChild').name) AS behind, out('hasChild').size() AS children, online, expired,
 address, port, lt AS lifetimeSeconds, bnd AS binding, ver AS version, regId, regLastUpdate AS lastUpdateMs
 FROM (SELECT expand(out('hasEndpoint')) FROM Servers WHERE name = :server) ORDER BY endpoint LIMIT :rows`;
const OBJECTS = `SELECT out.name AS endpoint, in.id AS object, in.name AS name, in.modelled AS modelled, instance
 FROM (SELECT expand(outE('hasObject')) FROM Endpoints WHERE name IN :names) ORDER BY endpoint, object, instance LIMIT :rows`;
const RESOURCES = `SELECT out.id AS object, in.id AS resource, in.name AS name, in.operations AS operations, in.type AS type,
 in.units AS units FROM (SELECT expand(outE('hasResource')) FROM Objects WHERE id IN :ids) ORDER BY object, resource`;
const KNOWN = 'SELECT name FROM Servers ORDER BY name LIMIT :rows';
const HAS_CLASS = "SELECT name FROM (SELECT expand(classes) FROM metadata:schema) WHERE name = 'Servers'";

/** What one gateway has; undefined when the graph has no server of this name. */
export async function readServerGraph(
  reader: GraphReader,
  server: string,
  o: { readonly depth: GraphDepth; readonly limitEndpoints: number },
): Promise<ServerGraph | undefined> {
  const [total] = await reader.query(SERVER, { server });
  if (total === undefined) return undefined;
  const rows = await reader.query(ENDPOINTS, { server, rows: o.limitEndpoints });
  const names = rows.map(({ endpoint }) => endpoint as string);
  const wantsObjects = o.depth !== 'endpoints' && names.length > 0;
  const edges = wantsObjects ? await reader.query(OBJECTS, { names, rows: INSTANCES_READ + 1 }) : [];
  const objects = objectsByEndpoint(edges.slice(0, INSTANCES_READ));
  const ids = [...new Set([...objects.values()].flatMap((of) => [...of.keys()]))];
  return {
    server,
    total: total as unknown as ServerGraph['total'],
    endpoints: rows.map((row) => endpointOf(row, [...(objects.get(row.endpoint as string)?.values() ?? [])])),
    resources: o.depth === 'resources' && ids.length > 0 ? await readResources(reader, ids) : new Map(),
    isCut: edges.length > INSTANCES_READ,
  };
}

/** Names of servers, ascending. */
export async function knownServers(reader: GraphReader, limit: number): Promise<readonly string[]> {
  return (await reader.query(KNOWN, { rows: limit })).map(({ name }) => name as string);
}

/** False in a database that no sink has prepared. */
export async function hasGraph(reader: GraphReader): Promise<boolean> {
  return (await reader.query(HAS_CLASS, {})).length > 0;
}

const ENDPOINT_COLUMNS = [
  'endpoint',
  'behind',
  'children',
  'online',
  'expired',
  'address',
  'port',
  'lifetimeSeconds',
  'binding',
  'version',
  'regId',
  'lastUpdateMs',
] as const satisfies readonly (keyof GraphEndpoint)[];

function endpointOf(row: OrientRow, objects: readonly GraphObject[]): GraphEndpoint {
  const given = Object.fromEntries(ENDPOINT_COLUMNS.map((name) => [name, row[name] ?? null]));
  return { ...(given as unknown as GraphEndpoint), objects };
}

/** Rows come in order, so the objects and instances do too. An edge without an instance is another's; its object is shown without any. */
function objectsByEndpoint(rows: readonly OrientRow[]): ReadonlyMap<string, ReadonlyMap<number, GraphObject>> {
  const byEndpoint = new Map<string, Map<number, GraphObject & { readonly instances: number[] }>>();
  for (const row of rows) {
    const endpoint = row.endpoint as string;
    const object = row.object as number;
    const objects = byEndpoint.get(endpoint) ?? new Map();
    byEndpoint.set(endpoint, objects);
    const found = objects.get(object) ?? { object, name: row.name, modelled: row.modelled !== false, instances: [] };
    objects.set(object, found);
    if (row.instance != null) found.instances.push(row.instance);
  }
  return byEndpoint;
}

async function readResources(
  reader: GraphReader,
  ids: readonly number[],
): Promise<ReadonlyMap<number, readonly GraphResource[]>> {
  const byObject = new Map<number, GraphResource[]>();
  for (const { object, ...row } of await reader.query(RESOURCES, { ids })) {
    const resources = byObject.get(object as number) ?? [];
    byObject.set(object as number, [...resources, { ...(row as unknown as GraphResource) }]);
  }
  return byObject;
}
