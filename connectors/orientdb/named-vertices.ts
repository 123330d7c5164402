import { inFlight } from './in-flight.ts';
import type { OrientMap, OrientRecordId, OrientSession } from './session.ts';

interface NamedKind<K> {
  readonly find: string;
  readonly make: string;
  params(key: K): OrientMap;
}

/** Vertices that are made on first mention. An object that no model describes gets its number for a name. */
export const NAMED = {
  server: {
    find: 'SELECT @rid AS rid, name AS key FROM Servers WHERE name IN :keys',
    make: 'UPDATE Servers SET name = :key UPSERT RETURN AFTER @rid WHERE name = :key',
    params: (key: string): OrientMap => ({ key }),
  },
  endpoint: {
    find: 'SELECT @rid AS rid, name AS key FROM Endpoints WHERE name IN :keys',
    make: 'UPDATE Endpoints SET name = :key UPSERT RETURN AFTER @rid WHERE name = :key',
    params: (key: string): OrientMap => ({ key }),
  },
  object: {
    find: 'SELECT @rid AS rid, id AS key FROM Objects WHERE id IN :keys',
    make: 'UPDATE Objects SET id = :key, name = :name, modelled = false UPSERT RETURN AFTER @rid WHERE id = :key',
    params: (key: number): OrientMap => ({ key, name: `Object ${key}` }),
  },
} as const;

/** Record ids by key. Read anew each time: it costs one statement a batch, and an id that was kept could be that of a vertex which is gone. */
export async function ensureNamed<K extends string | number>(
  session: OrientSession,
  kind: NamedKind<K>,
  keys: Iterable<K>,
): Promise<ReadonlyMap<K, OrientRecordId>> {
  const wanted = [...new Set(keys)];
  const rows = wanted.length === 0 ? [] : await session.query(kind.find, { keys: wanted });
  const found = new Map(rows.map((row) => [row.key as K, row.rid as OrientRecordId]));
  await inFlight(
    wanted.filter((key) => !found.has(key)),
    async (key) => {
      const [row] = await session.command(kind.make, kind.params(key));
      found.set(key, (row as { '@rid': OrientRecordId })['@rid']);
    },
  );
  return found;
}
