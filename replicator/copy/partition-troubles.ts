import { PlatformError } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { BROKER_ERROR } from '../wire/broker-errors.ts';
import type { Cluster } from '../wire/cluster.ts';
import type { GapEvent, GapKind } from './gap-events.ts';
import type { LaneState } from './lane-state.ts';
import type { RelayedBatch } from './relay.ts';
import { nameOf, type SourcePartition } from './source-partition.ts';
import { offsetRanges, type TroubledPartition } from './source-reader.ts';

/** After a gap was found: go on behind it, or stand still until somebody has seen it. */
export type GapPolicy = 'continue' | 'stop';

export interface PartitionTroublesOptions {
  readonly state: LaneState;
  readonly source: Cluster;
  readonly onGap: GapPolicy;
  readonly log: Log;
}

/** Before what was refused is offered again: somebody may have raised a limit or mended a schema. */
const REST_MS = 15_000;

/** The same while something else is away: longer the longer it is, for what is fetched again may come over the WAN. */
const SHORTEST_WAIT_MS = 1_000;

/** What the target will say again of the same batch. */
const FOR_GOOD: ReadonlySet<number> = new Set([
  BROKER_ERROR.CORRUPT_MESSAGE,
  BROKER_ERROR.MESSAGE_TOO_LARGE,
  BROKER_ERROR.RECORD_LIST_TOO_LARGE,
  BROKER_ERROR.INVALID_TIMESTAMP,
  BROKER_ERROR.INVALID_RECORD,
  BROKER_ERROR.UNSUPPORTED_FOR_MESSAGE_FORMAT,
  BROKER_ERROR.UNSUPPORTED_COMPRESSION_TYPE,
  BROKER_ERROR.POLICY_VIOLATION,
  BROKER_ERROR.TOPIC_AUTHORIZATION_FAILED,
]);

/** What is done about a partition that cannot be read from where it is, or written as it is; the others of its lane go on. */
export class PartitionTroubles {
  readonly #o: PartitionTroublesOptions;
  /** Those that are shown as stopped and wait for something else: no event tells of them. */
  readonly #waiting = new Set<string>();

  constructor(options: PartitionTroublesOptions) {
    this.#o = options;
  }

  /**
   * The source no longer has what comes next: the partition is moved to where it can go on, and the events say what is missing.
   * Errors: KAFKA_UNAVAILABLE when the topic is another one now, and the lane must begin anew.
   */
  async onTrouble({ partition, trouble, endOffset = 0 }: TroubledPartition): Promise<readonly GapEvent[]> {
    const { topic } = partition;
    if (trouble === 'gone') throw new PlatformError('KAFKA_UNAVAILABLE', `${topic} is no longer the topic that it was`);
    if (trouble === 'truncated') return this.move(partition, 'TRUNCATED', endOffset, -1);
    const range = (await offsetRanges(this.#o.source, [partition])).get(nameOf(partition))!;
    const { fetchOffset } = partition;
    if (fetchOffset < range.first) return this.move(partition, 'GAP', range.first, -1);
    if (fetchOffset > range.next) return this.move(partition, 'TRUNCATED', range.next, -1);
    return [];
  }

  /** Goes on at another offset than the next, or stands still there, as it is set. */
  move(partition: SourcePartition, kind: GapKind, to: number, epoch: number): readonly GapEvent[] {
    const { fetchOffset: from } = partition;
    const reason = REASONS[kind];
    const missing = Math.abs(to - from);
    if (this.#o.onGap === 'stop') {
      partition.restsUntilMs = Number.POSITIVE_INFINITY;
      this.#stop(partition, from, 'REPLICATION_GAP', `${reason}; the copy stops, as it is set`);
      return [];
    }
    partition.fetchOffset = to;
    partition.lastEpoch = epoch;
    const records = kind === 'RECREATED' ? null : missing;
    this.#o.log.warn({ topic: partition.topic, partition: partition.partition, kind, from, to, records }, reason);
    return [this.#event(partition, { kind, from, to, records, reason })];
  }

  /** What was fetched cannot be copied: it stays where it is and is tried again. */
  onFault(partition: SourcePartition, offset: number, error: PlatformError): void {
    if (error.retriable) {
      this.#wait(partition, offset, error);
      return;
    }
    partition.restsUntilMs = performance.now() + REST_MS;
    this.#stop(partition, offset, error.code, error.message);
  }

  /** Nothing is wrong with the partition: it goes on when what it needs is back, the schema registry for one. */
  #wait(partition: SourcePartition, offset: number, { code, message: reason }: PlatformError): void {
    const { topic, partition: number } = partition;
    const { state, log } = this.#o;
    const sinceMs = state.stopped.get(nameOf(partition))?.sinceMs ?? Date.now();
    const longestMs = Math.min(REST_MS, Math.max(SHORTEST_WAIT_MS, Date.now() - sinceMs));
    partition.restsUntilMs = performance.now() + longestMs * (0.5 + Math.random() / 2);
    if (!state.stop({ topic, partition: number, offset, code, reason, sinceMs })) return;
    this.#waiting.add(nameOf(partition));
    log.warn({ topic, partition: number, offset, code, reason }, 'a partition waits and the others go on');
  }

  /** The target refused a batch: from now on with more care, until the record at fault stands alone. */
  onRefused(batches: readonly RelayedBatch[], error: unknown): void {
    if (!(error instanceof PlatformError) || !FOR_GOOD.has(error.details.errorCode as number)) return;
    const { topic, partition } = error.details;
    const refused = batches.find((batch) => batch.topic === topic && batch.partition === partition);
    if (refused === undefined) return;
    const { state } = this.#o;
    const place = { topic: refused.topic, partition: refused.partition };
    const { caution } = state.misgivingOf(place);
    if (caution !== 'single' || refused.records > 1) {
      state.beware(place, { caution: caution === 'none' ? 'small' : 'single', cautionUntil: refused.nextOffset });
      return;
    }
    const offset = refused.nextOffset - 1;
    const isNext = state.committed?.of(refused.topic)?.partitions.get(refused.partition)?.offset === offset;
    state.beware(place, {
      cautionUntil: refused.nextOffset,
      stopBefore: isNext ? Number.POSITIVE_INFINITY : offset,
      restsUntilMs: isNext ? performance.now() + REST_MS : 0,
    });
    if (isNext) this.#stop(place, offset, error.code, error.message);
  }

  onCommitted(partition: SourcePartition, offset: number): void {
    const { state, log } = this.#o;
    if (offset >= partition.stopBefore) {
      // Everything before the refused record is there. It is offered again, alone.
      partition.stopBefore = Number.POSITIVE_INFINITY;
      state.beware(partition, { stopBefore: Number.POSITIVE_INFINITY });
    } else if (partition.caution !== 'none' && offset >= partition.cautionUntil) {
      partition.caution = 'none';
      state.trust(partition);
    }
    const stopped = state.stopped.get(nameOf(partition));
    if (stopped === undefined || offset <= stopped.offset) return;
    state.release(partition);
    if (!this.#waiting.delete(nameOf(partition)))
      state.tell(
        this.#event(partition, { kind: 'RESUMED', from: offset, to: offset, records: 0, reason: stopped.reason }),
      );
    log.info({ topic: partition.topic, partition: partition.partition }, 'a stopped partition goes on');
  }

  #stop(
    place: { readonly topic: string; readonly partition: number },
    offset: number,
    code: string,
    reason: string,
  ): void {
    const { topic, partition } = place;
    const isNew = this.#o.state.stop({ topic, partition, offset, code, reason, sinceMs: Date.now() });
    if (!this.#waiting.delete(nameOf(place)) && !isNew) return;
    this.#o.state.tell(
      this.#event(place, { kind: 'STOPPED', from: offset, to: offset, records: 0, reason: `${code}: ${reason}` }),
    );
    this.#o.log.error(
      { topic, partition, offset, code, reason },
      'a partition stops here and the others go on; it is tried again by itself: mend what the reason names',
    );
  }

  #event(
    { topic, partition }: { readonly topic: string; readonly partition: number },
    what: Pick<GapEvent, 'kind' | 'from' | 'to' | 'records' | 'reason'>,
  ): GapEvent {
    return { ...what, lane: this.#o.state.plan.name, topic, partition, at: Date.now() };
  }
}

const REASONS: Readonly<Record<GapKind, string>> = {
  GAP: 'the source deleted records before they were copied: raise its retention to cover longer outages',
  RECREATED: 'the topic was deleted and made anew at the source: it is copied from its beginning',
  TRUNCATED: 'the log of the source ends before where the copy was: it lost records that the copy has',
  STOPPED: 'the partition stopped',
  RESUMED: 'the partition goes on',
};
