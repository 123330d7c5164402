import { fieldsFor, type Transform } from '../fields/transforms.ts';
import { ANY_TOPIC, type Statement } from '../kcql/statement.ts';
import type { Sink, SinkRecord, Skips } from '../sink.ts';
import { OrientConnection, type OrientdbTarget } from './connection.ts';
import { inFlight } from './in-flight.ts';
import type { OrientMap, OrientSession } from './session.ts';
import { VertexClasses } from './vertex-classes.ts';
import { scriptFor, VertexMapping } from './vertex-mapping.ts';

/** Rows of one transaction. */
const TRANSACTION_ROWS = 100;

interface MappedRow {
  readonly mapping: VertexMapping;
  readonly params: OrientMap;
}

/** Vertices by KCQL, from records of any topic. Statements are compiled once for each schema. */
export class OrientdbKcqlSink implements Sink {
  readonly #connection: OrientConnection;
  readonly #byTopic: ReadonlyMap<string, readonly Statement[]>;
  readonly #transforms: readonly Transform[];
  readonly #mappings = new WeakMap<object, Map<string, readonly VertexMapping[]>>();
  readonly #classes = new VertexClasses();
  readonly #written = { vertices: 0, notFinite: 0 };

  constructor(target: OrientdbTarget, statements: readonly Statement[], transforms: readonly Transform[]) {
    this.#connection = new OrientConnection(target);
    this.#byTopic = Map.groupBy(statements, ({ topic }) => topic);
    this.#transforms = transforms;
  }

  get counters() {
    const { vertices, notFinite } = this.#written;
    return { vertices_written: vertices, values_not_finite: notFinite, conflicts: this.#connection.conflicts };
  }

  async connect(signal: AbortSignal): Promise<void> {
    this.#classes.forget();
    await this.#connection.open(signal, async () => undefined);
  }

  async write(batch: readonly SinkRecord[], signal: AbortSignal): Promise<Skips> {
    const skips: Skips = {};
    const byClass = this.#rowsOf(batch, skips);
    await this.#connection.write(signal, async (session) => {
      for (const [className, rows] of byClass)
        await this.#connection.outlastConflicts(() => this.#writeClass(session, className, rows));
      return byClass.size > 0;
    });
    return skips;
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  #rowsOf(batch: readonly SinkRecord[], skips: Skips): ReadonlyMap<string, readonly MappedRow[]> {
    const byClass = new Map<string, MappedRow[]>();
    for (const record of batch) {
      if (record.from !== 'any') continue;
      let stored = 0;
      let notFinite = 0;
      for (const mapping of this.#mappingsFor(record)) {
        const row = mapping.rowOf(record);
        notFinite += row.notFinite;
        if (!row.hasValue) continue;
        stored++;
        const rows = byClass.get(row.className) ?? [];
        if (rows.push({ mapping, params: row.params }) === 1) byClass.set(row.className, rows);
      }
      this.#written.notFinite += notFinite;
      if (stored > 0) continue;
      const reason = notFinite > 0 ? 'not_finite' : 'no_field';
      skips[reason] = (skips[reason] ?? 0) + 1;
    }
    return byClass;
  }

  #mappingsFor(record: SinkRecord & { readonly from: 'any' }): readonly VertexMapping[] {
    const byTopic = this.#mappings.get(record.schema) ?? new Map<string, readonly VertexMapping[]>();
    this.#mappings.set(record.schema, byTopic);
    let mappings = byTopic.get(record.topic);
    if (mappings === undefined) {
      const fields = fieldsFor(record.schema.schema, this.#transforms);
      const statements = this.#byTopic.get(record.topic) ?? this.#byTopic.get(ANY_TOPIC) ?? [];
      mappings = statements.map((statement) => new VertexMapping(statement, fields));
      byTopic.set(record.topic, mappings);
    }
    return mappings;
  }

  /** In the order of the batch: the server takes the transactions one after the other. */
  async #writeClass(session: OrientSession, className: string, rows: readonly MappedRow[]): Promise<void> {
    for (const { vertexClass } of new Set(rows.map(({ mapping }) => mapping)))
      await this.#classes.ensure(session, className, vertexClass);
    await inFlight([...runsOf(rows)], ({ mapping, params }) =>
      session.transaction(scriptFor(mapping.sql, className), { rows: params }),
    );
    this.#written.vertices += rows.length;
  }
}

/** Neighbours of one mapping together. */
function* runsOf(rows: readonly MappedRow[]): Iterable<{ mapping: VertexMapping; params: readonly OrientMap[] }> {
  let mapping: VertexMapping | undefined;
  let params: OrientMap[] = [];
  for (const row of rows) {
    if (mapping !== undefined && (row.mapping !== mapping || params.length === TRANSACTION_ROWS)) {
      yield { mapping, params };
      params = [];
    }
    mapping = row.mapping;
    params.push(row.params);
  }
  if (mapping !== undefined) yield { mapping, params };
}
