import type { OrientSession } from './session.ts';

/** The graph of the original, with its names; `Endpoints.root`, `Endpoints.history`, `Objects.modelled` and `hasChild` are ours. Types by property. */
const VERTEX_CLASSES = {
  Servers: { name: 'STRING' },
  Endpoints: {
    name: 'STRING',
    regDate: 'LONG',
    regId: 'STRING',
    regPort: 'INTEGER',
    regAddress: 'STRING',
    port: 'INTEGER',
    address: 'STRING',
    lt: 'LONG',
    expired: 'BOOLEAN',
    ver: 'STRING',
    bnd: 'STRING',
    regLastUpdate: 'LONG',
    online: 'BOOLEAN',
    sms: 'STRING',
    attributes: 'EMBEDDEDMAP',
    root: 'STRING',
    history: 'EMBEDDEDLIST',
  },
  Objects: {
    id: 'INTEGER',
    name: 'STRING',
    description: 'STRING',
    multiple: 'BOOLEAN',
    mandatory: 'BOOLEAN',
    modelled: 'BOOLEAN',
  },
  Resources: {
    id: 'INTEGER',
    name: 'STRING',
    description: 'STRING',
    multiple: 'BOOLEAN',
    mandatory: 'BOOLEAN',
    operations: 'STRING',
    type: 'STRING',
    range: 'STRING',
    units: 'STRING',
  },
} as const;

const EDGE_CLASSES = {
  hasEndpoint: { out: 'LINK', in: 'LINK' },
  /** Ours: from an LwM2M gateway to a device behind it. */
  hasChild: { out: 'LINK', in: 'LINK' },
  hasObject: { out: 'LINK', in: 'LINK', instance: 'INTEGER' },
  hasResource: { out: 'LINK', in: 'LINK' },
} as const;

/** In lower case, as OrientDB compares them. */
export const GRAPH_CLASSES: ReadonlySet<string> = new Set(
  [...Object.keys(VERTEX_CLASSES), ...Object.keys(EDGE_CLASSES)].map((name) => name.toLowerCase()),
);

/** Class and the properties that are unique together. */
const UNIQUE = [
  ['Servers', 'name'],
  ['Endpoints', 'name'],
  ['Objects', 'id'],
  ['hasEndpoint', 'out', 'in'],
  ['hasChild', 'out', 'in'],
  ['hasObject', 'out', 'in', 'instance'],
  ['hasResource', 'out', 'in'],
] as const;

/** Creates what is missing; leaves all else as it is. */
export async function ensureSchema(session: OrientSession): Promise<void> {
  for (const statement of schemaStatements()) await session.command(statement);
}

/** In order: classes, their properties, the indexes on those. */
export function schemaStatements(): readonly string[] {
  const classes = [
    ...Object.entries(VERTEX_CLASSES).map(([name, properties]) => ({ name, parent: 'V', properties })),
    ...Object.entries(EDGE_CLASSES).map(([name, properties]) => ({ name, parent: 'E', properties })),
  ];
  return [
    ...classes.map(({ name, parent }) => `CREATE CLASS ${name} IF NOT EXISTS EXTENDS ${parent}`),
    ...classes.flatMap(({ name, properties }) =>
      Object.entries(properties).map(
        ([property, type]) => `CREATE PROPERTY ${name}.\`${property}\` IF NOT EXISTS ${type}`,
      ),
    ),
    ...UNIQUE.map(
      ([name, ...properties]) =>
        `CREATE INDEX ${name}.${properties.join('_')} IF NOT EXISTS ON ${name} (${properties.map((property) => `\`${property}\``).join(', ')}) UNIQUE`,
    ),
  ];
}
