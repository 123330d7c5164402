import { PlatformError } from '../../common/errors.ts';
import { BROKER_ERROR, brokerError } from '../wire/broker-errors.ts';
import type { Cluster } from '../wire/cluster.ts';
import type { BrokerConnection } from '../wire/connection.ts';
import { FETCH, type FetchedPartition } from '../wire/requests/fetch.ts';
import type { Isolation } from '../wire/requests/isolation.ts';
import { EARLIEST, LATEST, LIST_OFFSETS } from '../wire/requests/list-offsets.ts';
import type { SourcePartition } from './source-partition.ts';

export interface SourceReaderOptions {
  readonly cluster: Cluster;
  /** The lane: its long polls have a connection of their own. */
  readonly purpose: string;
  readonly partitions: readonly SourcePartition[];
  /** Of all partitions in one answer, and of one. */
  readonly fetchBytes: number;
  readonly partitionBytes: number;
  /** How long a source that has something may wait for more of it. */
  readonly gatherMs: number;
}

export interface Fetched {
  readonly partition: SourcePartition;
  readonly answer: FetchedPartition;
}

/** Why a partition cannot be read from where we are. */
export type Trouble = 'out of range' | 'truncated' | 'gone';

export interface TroubledPartition {
  readonly partition: SourcePartition;
  readonly trouble: Trouble;
  /** For a log that was cut: where it now ends for us. */
  readonly endOffset?: number;
}

export interface FetchResult {
  readonly fetched: readonly Fetched[];
  readonly troubled: readonly TroubledPartition[];
}

/** An idle lane asks this often. */
const IDLE_WAIT_MS = 5_000;
/** With this much there is no waiting for more. */
const GATHERED_BYTES = 64 * 1024;

/** Reads committed batches of a lane's partitions, leader by leader, from where each of them stands. */
export class SourceReader {
  readonly #o: SourceReaderOptions;
  #turn = 0;
  readonly #connections = new Map<number, BrokerConnection>();
  /** Nodes whose last answer held something: more of it will come. */
  readonly #busy = new Set<number>();

  constructor(options: SourceReaderOptions) {
    this.#o = options;
  }

  get leaders(): ReadonlySet<number> {
    return new Set(this.#o.partitions.map(({ leader }) => leader));
  }

  /** One long poll at one leader; undefined when all its partitions rest. Errors: KAFKA_UNAVAILABLE, KAFKA_REFUSED. */
  async fetch(node: number): Promise<FetchResult | undefined> {
    const asked = this.#dueAt(node);
    if (asked.length === 0) return undefined;
    const connection = await this.#o.cluster.connection(node, this.#o.purpose);
    this.#connections.set(node, connection);
    const isBusy = this.#busy.has(node);
    const maxWaitMs = isBusy ? this.#o.gatherMs : IDLE_WAIT_MS;
    const response = await connection.request(
      FETCH,
      {
        maxWaitMs,
        minBytes: isBusy && this.#o.gatherMs > 0 ? GATHERED_BYTES : 1,
        maxBytes: this.#o.fetchBytes,
        isolation: 'read_committed',
        topics: this.#topicsOf(asked),
      },
      { timeoutMs: maxWaitMs + 30_000 },
    );
    if (response.errorCode !== 0) throw brokerError(response.errorCode, 'fetching');
    return this.#sort(node, asked, response.partitions);
  }

  /** Ends polls that are under way. */
  close(): void {
    for (const connection of this.#connections.values()) connection.close();
  }

  /** Whoever was first comes last in the next answer: one full partition must not keep the others out of it. */
  #dueAt(node: number): SourcePartition[] {
    const now = performance.now();
    const due = this.#o.partitions.filter(
      ({ leader, restsUntilMs, fetchOffset, stopBefore }) =>
        leader === node && restsUntilMs <= now && fetchOffset < stopBefore,
    );
    if (due.length < 2) return due;
    const first = this.#turn++ % due.length;
    return [...due.slice(first), ...due.slice(0, first)];
  }

  /** The order of the partitions is kept, so a topic may stand there more than once. */
  #topicsOf(asked: readonly SourcePartition[]) {
    return asked.map(({ topicId, partition, leaderEpoch, fetchOffset, lastEpoch }) => ({
      topicId,
      partitions: [
        {
          partition,
          currentLeaderEpoch: leaderEpoch,
          fetchOffset,
          lastFetchedEpoch: lastEpoch,
          maxBytes: this.#o.partitionBytes,
        },
      ],
    }));
  }

  #sort(node: number, asked: readonly SourcePartition[], answers: readonly FetchedPartition[]): FetchResult {
    const fetched: Fetched[] = [];
    const troubled: TroubledPartition[] = [];
    this.#busy.delete(node);
    for (const answer of answers) {
      const partition = asked.find((one) => one.topicId === answer.topicId && one.partition === answer.partition);
      if (partition === undefined) continue;
      const { errorCode, divergingEpoch } = answer;
      if (errorCode === BROKER_ERROR.OFFSET_OUT_OF_RANGE) troubled.push({ partition, trouble: 'out of range' });
      else if (errorCode === BROKER_ERROR.UNKNOWN_TOPIC_ID || errorCode === BROKER_ERROR.UNKNOWN_TOPIC_OR_PARTITION)
        troubled.push({ partition, trouble: 'gone' });
      else if (errorCode !== 0) throw brokerError(errorCode, `fetching ${partition.topic}/${partition.partition}`);
      else if (divergingEpoch !== undefined)
        troubled.push({ partition, trouble: 'truncated', endOffset: divergingEpoch.endOffset });
      else {
        partition.endOffset = answer.lastStableOffset;
        partition.logStart = answer.logStartOffset;
        if (answer.records.length > 0) this.#busy.add(node);
        fetched.push({ partition, answer });
      }
    }
    return { fetched, troubled };
  }
}

export interface OffsetRange {
  readonly first: number;
  /** Behind the last record that readers of this isolation see. */
  readonly next: number;
}

/** What a topic of the source holds now, by partition. Errors: KAFKA_UNAVAILABLE, KAFKA_REFUSED. */
export async function offsetRanges(
  cluster: Cluster,
  partitions: readonly { readonly topic: string; readonly partition: number; readonly leader: number }[],
  purpose = 'admin',
  isolation: Isolation = 'read_committed',
): Promise<ReadonlyMap<string, OffsetRange>> {
  const ranges = new Map<string, { first: number; next: number }>();
  for (const node of new Set(partitions.map(({ leader }) => leader))) {
    if (node < 0) throw new PlatformError('KAFKA_UNAVAILABLE', 'a partition of the source has no leader now');
    const connection = await cluster.connection(node, purpose);
    const here = partitions.filter(({ leader }) => leader === node);
    for (const timestamp of [EARLIEST, LATEST]) {
      const topics = here.map(({ topic, partition }) => ({ topic, partitions: [{ partition, timestamp }] }));
      for (const found of await connection.request(LIST_OFFSETS, { isolation, topics })) {
        const { topic, partition, errorCode, offset } = found;
        if (errorCode !== 0) throw brokerError(errorCode, `asking for the offsets of ${topic}/${partition}`);
        const range = ranges.get(`${topic}/${partition}`) ?? { first: 0, next: 0 };
        if (timestamp === EARLIEST) range.first = offset;
        else range.next = offset;
        ranges.set(`${topic}/${partition}`, range);
      }
    }
  }
  return ranges;
}
