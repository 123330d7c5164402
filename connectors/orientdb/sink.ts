import type { Sink, SinkRecord, SkipReason, Skips } from '../sink.ts';
import { OrientConnection, type OrientdbTarget } from './connection.ts';
import { applyRegistration, type EndpointChanges, endpointNameOf } from './endpoint-changes.ts';
import { type PendingEndpoint, writeEndpoints } from './graph-writer.ts';
import { ensureModelVertices, type GraphObjectModel } from './model-vertices.ts';
import { ensureSchema } from './schema.ts';
import type { OrientSession } from './session.ts';
import { findEndpoints, type StoredEndpoint } from './stored-endpoints.ts';

/** Endpoints that are read and written together; bounds the answers that are held. */
const ENDPOINTS_AT_ONCE = 500;
/** Registrations as a graph of servers, endpoints and objects. The records of one endpoint in a batch become one change. */
export class OrientdbSink implements Sink {
  readonly #connection: OrientConnection;
  readonly #models: readonly GraphObjectModel[];
  readonly #written = { endpoints: 0, linksIgnored: 0 };

  constructor(target: OrientdbTarget, models: readonly GraphObjectModel[]) {
    this.#connection = new OrientConnection(target);
    this.#models = models;
  }

  get counters() {
    const { endpoints, linksIgnored } = this.#written;
    return { endpoints_written: endpoints, links_ignored: linksIgnored, conflicts: this.#connection.conflicts };
  }

  async connect(signal: AbortSignal): Promise<void> {
    await this.#connection.open(signal, async (session) => {
      await ensureSchema(session);
      await ensureModelVertices(session, this.#models);
    });
  }

  async write(batch: readonly SinkRecord[], signal: AbortSignal): Promise<Skips> {
    const skips: Skips = {};
    const byEndpoint = groupByEndpoint(batch);
    const names = [...byEndpoint.keys()];
    await this.#connection.write(signal, async (session) => {
      for (let at = 0; at < names.length; at += ENDPOINTS_AT_ONCE) {
        const group = new Map(names.slice(at, at + ENDPOINTS_AT_ONCE).map((name) => [name, byEndpoint.get(name)!]));
        await this.#connection.outlastConflicts(async () => addAll(skips, await this.#writeGroup(session, group)));
      }
      return names.length > 0;
    });
    return skips;
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  async #writeGroup(session: OrientSession, group: ReadonlyMap<string, readonly SinkRecord[]>): Promise<Skips> {
    const stored = await findEndpoints(session, [...group.keys()]);
    const { pending, skips } = foldGroup(group, stored);
    await writeEndpoints(session, pending);
    this.#written.endpoints += pending.length;
    for (const { changes } of pending) this.#written.linksIgnored += changes.links?.ignored ?? 0;
    return skips;
  }
}

function groupByEndpoint(batch: readonly SinkRecord[]): ReadonlyMap<string, readonly SinkRecord[]> {
  const groups = new Map<string, SinkRecord[]>();
  for (const record of batch) {
    if (record.from !== 'registrations') continue;
    const name = endpointNameOf(record.value);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [record]);
    else group.push(record);
  }
  return groups;
}

function foldGroup(
  group: ReadonlyMap<string, readonly SinkRecord[]>,
  stored: ReadonlyMap<string, StoredEndpoint>,
): { readonly pending: readonly PendingEndpoint[]; readonly skips: Skips } {
  const pending: PendingEndpoint[] = [];
  const skips: Skips = {};
  for (const [name, records] of group) {
    const known = stored.get(name);
    const before = known && { known: known.known, fields: {}, links: undefined };
    const changes = foldRecords(before, records, skips);
    if (changes !== undefined && changes !== before) pending.push({ name, changes, stored: known });
  }
  return { pending, skips };
}

function foldRecords(
  before: EndpointChanges | undefined,
  records: readonly SinkRecord[],
  skips: Skips,
): EndpointChanges | undefined {
  let changes = before;
  for (const record of records) {
    if (record.from !== 'registrations') continue;
    const applied = applyRegistration(changes, record.value);
    if (typeof applied === 'string') skips[applied] = (skips[applied] ?? 0) + 1;
    else changes = applied;
  }
  return changes;
}

function addAll(to: Skips, more: Skips): void {
  for (const [reason, count] of Object.entries(more) as [SkipReason, number][]) to[reason] = (to[reason] ?? 0) + count;
}
