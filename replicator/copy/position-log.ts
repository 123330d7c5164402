import { AbortedTransactions } from '../../common/kafka/batch/aborted.ts';
import { BatchCursor } from '../../common/kafka/batch/cursor.ts';
import { RecordCursor } from '../../common/kafka/batch/records.ts';
import { LANES, type LaneName, positionsTopicOf } from '../lanes.ts';
import { brokerError } from '../wire/broker-errors.ts';
import type { Cluster, TopicInfo } from '../wire/cluster.ts';
import type { NewTopic } from '../wire/requests/create-topics.ts';
import { FETCH } from '../wire/requests/fetch.ts';
import { plainBatch } from './gap-events.ts';
import type { BatchToSend } from './lane-producer.ts';
import { LanePositions } from './positions.ts';
import { offsetRanges } from './source-reader.ts';

/** How many offsets before the end are looked at first; then the more, up to the beginning. */
const FIRST_LOOK = 64;
const FETCH_BYTES = 4 * 2 ** 20;
const PARTITIONS = 2;

/** The topic at the target in which each lane has a partition; its last committed record says where the lane is. */
export class PositionLog {
  readonly topic: string;
  readonly #lane: LaneName;
  readonly #partition: number;

  constructor(gatewayId: string, lane: LaneName) {
    this.topic = positionsTopicOf(gatewayId);
    this.#lane = lane;
    this.#partition = LANES[lane].number;
  }

  /** A record a second at most, of which only the last is needed. */
  get asNewTopic(): NewTopic {
    const configs = {
      'cleanup.policy': 'compact',
      'segment.bytes': `${4 * 2 ** 20}`,
      'min.cleanable.dirty.ratio': '0.1',
    };
    return { name: this.topic, partitions: PARTITIONS, replicationFactor: -1, configs };
  }

  batchOf(positions: LanePositions): BatchToSend {
    return plainBatch(this.topic, [{ key: this.#lane, value: positions.encode() }], this.#partition);
  }

  /**
   * The last committed positions; empty ones when there are none. Nobody else may be writing: the producer is opened before.
   * Errors: KAFKA_UNAVAILABLE, KAFKA_REFUSED, REPLICATION_POSITIONS.
   */
  async load(target: Cluster, info: TopicInfo, purpose: string): Promise<LanePositions> {
    const { leader } = info.partitions[this.#partition] ?? { leader: -1 };
    const place = { topic: this.topic, partition: this.#partition, leader };
    const range = (await offsetRanges(target, [place], purpose)).get(`${this.topic}/${this.#partition}`)!;
    for (let look = FIRST_LOOK; ; look *= 16) {
      const from = Math.max(range.first, range.next - look);
      const { value } = await this.#last(target, info, leader, from, range.next, purpose);
      if (value !== undefined) return LanePositions.decode(value);
      if (from === range.first) return new LanePositions('');
    }
  }

  /** The lane's partition among the topics of the target. */
  placeIn(topics: ReadonlyMap<string, TopicInfo>): { topic: string; partition: number; leader: number } {
    const partition = this.#partition;
    return { topic: this.topic, partition, leader: topics.get(this.topic)?.partitions[partition]?.leader ?? -1 };
  }

  /** Whether the transaction that wrote the newest positions was committed. None of them may be open. */
  async isLastCommitted(target: Cluster, topics: ReadonlyMap<string, TopicInfo>, purpose: string): Promise<boolean> {
    const place = this.placeIn(topics);
    const range = (await offsetRanges(target, [place], purpose)).get(`${this.topic}/${this.#partition}`)!;
    const from = Math.max(range.first, range.next - FIRST_LOOK);
    const last = await this.#last(target, topics.get(this.topic)!, place.leader, from, range.next, purpose);
    return last.isCommitted;
  }

  async #last(target: Cluster, { id }: TopicInfo, leader: number, from: number, end: number, purpose: string) {
    const connection = await target.connection(leader, purpose);
    let value: Buffer | undefined;
    let isCommitted = false;
    for (let offset = from; offset < end; ) {
      const asked = { partition: this.#partition, currentLeaderEpoch: -1, fetchOffset: offset, lastFetchedEpoch: -1 };
      const response = await connection.request(FETCH, {
        ...{ maxWaitMs: 500, minBytes: 1, maxBytes: FETCH_BYTES, isolation: 'read_committed' },
        topics: [{ topicId: id, partitions: [{ ...asked, maxBytes: FETCH_BYTES }] }],
      });
      const [answer] = response.partitions;
      const errorCode = response.errorCode || answer?.errorCode || 0;
      if (errorCode !== 0) throw brokerError(errorCode, `reading ${this.topic}`);
      const seen = lastIn(answer!.records, answer!.aborted, offset);
      value = seen.value ?? value;
      isCommitted = seen.isCommitted ?? isCommitted;
      // Compaction may leave nothing up to the end.
      if (seen.next === offset) break;
      offset = seen.next;
    }
    return { value, isCommitted };
  }
}

/** The newest committed value, and whether the newest of all is. */
function lastIn(
  bytes: Buffer,
  list: Parameters<AbortedTransactions['reset']>[0],
  from: number,
): { value: Buffer | undefined; isCommitted: boolean | undefined; next: number } {
  const cursor = new BatchCursor();
  const records = new RecordCursor();
  const aborted = new AbortedTransactions();
  cursor.reset(bytes);
  aborted.reset(list);
  let value: Buffer | undefined;
  let isCommitted: boolean | undefined;
  let next = from;
  while (cursor.next()) {
    const isAborted = aborted.isAborted(cursor);
    next = cursor.lastOffset + 1;
    if (cursor.isControl) continue;
    isCommitted = !isAborted;
    if (isAborted) continue;
    records.reset(bytes, cursor.recordsStart, cursor.end, cursor.recordCount);
    while (records.next())
      if (records.valueLength >= 0)
        value = bytes.subarray(records.valueStart, records.valueStart + records.valueLength);
  }
  return { value, isCommitted, next };
}
