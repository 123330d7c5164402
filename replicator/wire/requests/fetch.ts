import type { Api } from '../api.ts';
import type { RequestWriter } from '../request-writer.ts';
import type { ResponseReader } from '../response-reader.ts';
import { type Isolation, isolationLevel } from './isolation.ts';

export interface FetchPartition {
  readonly partition: number;
  /** As metadata gave it; a broker that knows a newer one refuses, so that no stale leader is read. -1: unchecked. */
  readonly currentLeaderEpoch: number;
  readonly fetchOffset: number;
  /** Epoch of the last batch read; a log that was truncated since answers with `divergingEpoch` (KIP-595). -1: unchecked. */
  readonly lastFetchedEpoch: number;
  readonly maxBytes: number;
}

export interface FetchRequest {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  /** Of all partitions together. The first batch is sent whole even when it is larger. */
  readonly maxBytes: number;
  readonly isolation: Isolation;
  readonly topics: readonly { readonly topicId: string; readonly partitions: readonly FetchPartition[] }[];
}

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export interface FetchedPartition {
  readonly topicId: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly divergingEpoch?: { readonly epoch: number; readonly endOffset: number };
  /** Where the broker says the leader is now, with NOT_LEADER_OR_FOLLOWER or FENCED_LEADER_EPOCH (KIP-951). */
  readonly currentLeader?: { readonly leader: number; readonly leaderEpoch: number };
  readonly aborted: readonly AbortedTransaction[];
  /** Record batches one after another, a view of the answer's memory which the caller owns (all partitions of an answer share it). May be empty; the last may be cut short. */
  readonly records: Buffer;
}

export interface FetchResponse {
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

const NO_SESSION = 0;
const FINAL_EPOCH = -1;
const CONSUMER = -1;
const UNKNOWN_LOG_START = -1;
const NOTHING_ABORTED: readonly AbortedTransaction[] = [];

/** By topic id, without a session: what is asked for is what is answered. */
export const FETCH: Api<FetchRequest, FetchResponse> = {
  name: 'Fetch',
  key: 1,
  versions: [13, 17],
  flexibleFrom: 12,
  encode(writer, request, version) {
    if (version < 15) writer.int32(CONSUMER);
    writer.int32(request.maxWaitMs);
    writer.int32(request.minBytes);
    writer.int32(request.maxBytes);
    writer.int8(isolationLevel(request.isolation));
    writer.int32(NO_SESSION);
    writer.int32(FINAL_EPOCH);
    writer.arrayLength(request.topics.length);
    for (const { topicId, partitions } of request.topics) {
      writer.uuid(topicId);
      writer.arrayLength(partitions.length);
      for (const partition of partitions) encodePartition(writer, partition);
      writer.tags();
    }
    writer.arrayLength(0); // forgotten topics: none without a session
    writer.string(''); // rack
    writer.tags();
  },
  decode(reader) {
    reader.skip(4);
    const errorCode = reader.int16();
    reader.skip(4);
    const partitions: FetchedPartition[] = [];
    for (let topics = reader.arrayLength(); topics > 0; topics--) {
      const topicId = reader.uuid();
      for (let left = reader.arrayLength(); left > 0; left--) partitions.push(decodePartition(reader, topicId));
      reader.tags();
    }
    reader.tags();
    return { errorCode, partitions };
  },
};

function encodePartition(writer: RequestWriter, partition: FetchPartition): void {
  writer.int32(partition.partition);
  writer.int32(partition.currentLeaderEpoch);
  writer.int64(partition.fetchOffset);
  writer.int32(partition.lastFetchedEpoch);
  writer.int64(UNKNOWN_LOG_START);
  writer.int32(partition.maxBytes);
  writer.tags();
}

function decodePartition(reader: ResponseReader, topicId: string): FetchedPartition {
  const fixed = {
    topicId,
    partition: reader.int32(),
    errorCode: reader.int16(),
    highWatermark: reader.int64(),
    lastStableOffset: reader.int64(),
    logStartOffset: reader.int64(),
    aborted: decodeAborted(reader),
  };
  reader.skip(4); // preferred read replica: only for a consumer that names its rack
  const records = reader.bytes();
  const tagged: Pick<
    { -readonly [K in keyof FetchedPartition]: FetchedPartition[K] },
    'divergingEpoch' | 'currentLeader'
  > = {};
  reader.tags((tag) => {
    if (tag === 0) tagged.divergingEpoch = { epoch: reader.int32(), endOffset: reader.int64() };
    else if (tag === 1) tagged.currentLeader = { leader: reader.int32(), leaderEpoch: reader.int32() };
  });
  return { ...fixed, records, ...tagged };
}

function decodeAborted(reader: ResponseReader): readonly AbortedTransaction[] {
  let left = reader.arrayLength(16);
  if (left === 0) return NOTHING_ABORTED;
  const aborted: AbortedTransaction[] = [];
  for (; left > 0; left--) {
    aborted.push({ producerId: reader.bigInt64(), firstOffset: reader.int64() });
    reader.tags();
  }
  return aborted;
}
