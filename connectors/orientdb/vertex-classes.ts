import { messageOf, PlatformError } from '../../common/errors.ts';
import type { OrientSession } from './session.ts';
import type { VertexClass } from './vertex-mapping.ts';

/** Classes that are known to be prepared; beyond it all are looked at again, which changes nothing. */
const PREPARED_LIMIT = 1_000;

/** The classes that statements write to: made, with properties and a unique index, before the first vertex. */
export class VertexClasses {
  readonly #prepared = new Map<string, WeakSet<VertexClass>>();

  /** For a new session: what was there may be gone. */
  forget(): void {
    this.#prepared.clear();
  }

  /** Creates what is missing, leaves all else as it is. Errors: SINK_UNAVAILABLE, for no record is at fault. */
  async ensure(session: OrientSession, className: string, vertexClass: VertexClass): Promise<void> {
    if (this.#prepared.get(className)?.has(vertexClass) === true) return;
    try {
      for (const statement of statementsFor(className, vertexClass)) await session.command(statement);
      await assertVertexClass(session, className);
    } catch (cause) {
      throw new PlatformError('SINK_UNAVAILABLE', `preparing class ${className}: ${messageOf(cause)}`, { cause });
    }
    if (this.#prepared.size >= PREPARED_LIMIT) this.#prepared.clear();
    const known = this.#prepared.get(className) ?? new WeakSet();
    this.#prepared.set(className, known.add(vertexClass));
  }
}

function statementsFor(className: string, { properties, key }: VertexClass): readonly string[] {
  return [
    `CREATE CLASS \`${className}\` IF NOT EXISTS EXTENDS V`,
    ...properties.flatMap(({ name, type }) =>
      type === undefined ? [] : [`CREATE PROPERTY \`${className}\`.\`${name}\` IF NOT EXISTS ${type}`],
    ),
    `CREATE INDEX \`${className}.${key.join('_')}\` IF NOT EXISTS ON \`${className}\` (${key.map((name) => `\`${name}\``).join(', ')}) UNIQUE`,
  ];
}

/** A class that was there already may be one of documents or edges. */
async function assertVertexClass(session: OrientSession, className: string): Promise<void> {
  const rows = await session.query('SELECT name, superClasses FROM (SELECT expand(classes) FROM metadata:schema)');
  const above = new Map(
    rows.map(({ name, superClasses }) => [String(name).toLowerCase(), (superClasses ?? []) as readonly string[]]),
  );
  const isVertex = (name: string): boolean =>
    name === 'v' || (above.get(name) ?? []).some((parent) => isVertex(parent.toLowerCase()));
  if (!isVertex(className.toLowerCase()))
    throw new PlatformError('CONFIG_INVALID', 'it is there already and is no vertex class');
}
