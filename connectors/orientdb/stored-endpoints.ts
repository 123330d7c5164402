import type { KnownEndpoint, PastRegistration } from './endpoint-changes.ts';
import type { OrientRecordId, OrientRow, OrientSession } from './session.ts';

/** An endpoint as the graph holds it. */
export interface StoredEndpoint {
  readonly known: KnownEndpoint;
  readonly rid: OrientRecordId;
  /** Servers with an edge to it; one, unless somebody else wrote to the graph. */
  readonly servers: readonly { readonly rid: OrientRecordId; readonly name: string }[];
  /** LwM2M gateways with an edge to it. */
  readonly gateways: readonly string[];
}

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

/** An instance that an endpoint has, as an edge to its object. */
export interface ObjectEdge {
  readonly object: OrientRecordId;
  readonly instance: number;
}

/** By endpoint and `objectId/instanceId`. Edges without an instance are somebody else's and not looked at. */
export async function findObjectEdges(
  session: OrientSession,
  endpoints: readonly OrientRecordId[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, ObjectEdge>>> {
  if (endpoints.length === 0) return new Map();
  const rows = await session.query(
    'SELECT in AS object, out.name AS endpoint, in.id AS objectId, instance FROM hasObject WHERE out IN :rids AND instance IS NOT NULL',
    { rids: endpoints },
  );
  const byEndpoint = new Map<string, Map<string, ObjectEdge>>();
  for (const { object, endpoint, objectId, instance } of rows) {
    const edges = byEndpoint.get(endpoint as string) ?? new Map<string, ObjectEdge>();
    const edge = { object: object as OrientRecordId, instance: instance as number };
    byEndpoint.set(endpoint as string, edges.set(`${objectId}/${instance}`, edge));
  }
  return byEndpoint;
}
