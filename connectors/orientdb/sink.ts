import { PlatformError } from '../../common/errors.ts';
import { sleep } from '../../common/lifecycle.ts';
import type { Sink, SinkRecord, SkipReason, Skips } from '../sink.ts';
import { applyRegistration, type EndpointChanges, endpointNameOf } from './endpoint-changes.ts';
import { type PendingEndpoint, writeEndpoints } from './graph-writer.ts';
import { ensureModelVertices, type GraphObjectModel } from './model-vertices.ts';
import { ensureSchema } from './schema.ts';
import { type OrientAddress, OrientSession } from './session.ts';
import { isConflict } from './session-errors.ts';
import { findEndpoints, type StoredEndpoint } from './stored-endpoints.ts';

export interface OrientdbTarget extends OrientAddress {
  /** Asked at each connect, so that it may change. */
  password(): Promise<string>;
}

/** Endpoints that are read and written together; bounds the answers that are held. */
const ENDPOINTS_AT_ONCE = 500;
/**
 * OrientDB answers a write before its write-ahead log is on disk (storage.wal.commitTimeout, 10 ms in our stack): a kill right after
 * the answer lost up to two of the newest writes, a kill 50 ms later none of twelve times. Only after this pause they count as stored.
 */
const WRITE_AHEAD_LOG_MS = 60;
/** Other writers may be in the way a few times in a row; then the runner's pauses are better. */
const CONFLICT_RETRIES = 5;

/** Registrations as a graph of servers, endpoints and objects. The records of one endpoint in a batch become one change. */
export class OrientdbSink implements Sink {
  readonly #target: OrientdbTarget;
  readonly #models: readonly GraphObjectModel[];
  readonly counters = { endpoints_written: 0, links_ignored: 0, conflicts: 0 };
  #session: OrientSession | undefined;

  constructor(target: OrientdbTarget, models: readonly GraphObjectModel[]) {
    this.#target = target;
    this.#models = models;
  }

  async connect(signal: AbortSignal): Promise<void> {
    this.#session?.close();
    const session = await OrientSession.open(this.#target, await this.#target.password(), signal);
    this.#session = session;
    await session.endWith(signal, async () => {
      await ensureSchema(session);
      await ensureModelVertices(session, this.#models);
    });
  }

  async write(batch: readonly SinkRecord[], signal: AbortSignal): Promise<Skips> {
    const session = this.#session;
    if (session === undefined) throw new PlatformError('SINK_UNAVAILABLE', 'OrientDB is not connected');
    const skips: Skips = {};
    const byEndpoint = groupByEndpoint(batch);
    const names = [...byEndpoint.keys()];
    await session.endWith(signal, async () => {
      for (let at = 0; at < names.length; at += ENDPOINTS_AT_ONCE) {
        const group = new Map(names.slice(at, at + ENDPOINTS_AT_ONCE).map((name) => [name, byEndpoint.get(name)!]));
        addAll(skips, await this.#writeGroup(session, group));
      }
      if (names.length > 0) await sleep(WRITE_AHEAD_LOG_MS, signal);
    });
    return skips;
  }

  async close(): Promise<void> {
    this.#session?.close();
    this.#session = undefined;
  }

  async #writeGroup(session: OrientSession, group: ReadonlyMap<string, readonly SinkRecord[]>): Promise<Skips> {
    for (let attempt = 0; ; attempt++) {
      const stored = await findEndpoints(session, [...group.keys()]);
      const folded = foldGroup(group, stored);
      try {
        await writeEndpoints(session, folded.pending);
        this.counters.endpoints_written += folded.pending.length;
        for (const { changes } of folded.pending) this.counters.links_ignored += changes.links?.ignored ?? 0;
        return folded.skips;
      } catch (error) {
        if (!isConflict(error) || attempt === CONFLICT_RETRIES) throw error;
        this.counters.conflicts++;
      }
    }
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
