import type { Api } from '../api.ts';
import type { ResponseReader } from '../response-reader.ts';

export interface MetadataRequest {
  /** By name or by id; null for all. A topic that is not there is never created by asking. */
  readonly topics: readonly ({ readonly name: string } | { readonly topicId: string })[] | null;
}

export interface BrokerNode {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

export interface PartitionMetadata {
  readonly partition: number;
  /** -1: none at present. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly errorCode: number;
}

export interface TopicMetadata {
  readonly errorCode: number;
  /** Null only when asked by an id that is not known. */
  readonly name: string | null;
  readonly topicId: string;
  readonly partitions: readonly PartitionMetadata[];
}

export interface MetadataResponse {
  /** From version 13; REBOOTSTRAP_REQUIRED: begin again with the addresses first known (KIP-1102). */
  readonly errorCode: number;
  readonly clusterId: string | null;
  readonly brokers: readonly BrokerNode[];
  readonly topics: readonly TopicMetadata[];
}

const NO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';

export const METADATA: Api<MetadataRequest, MetadataResponse> = {
  name: 'Metadata',
  key: 3,
  versions: [12, 13],
  flexibleFrom: 9,
  encode(writer, { topics }) {
    writer.arrayLength(topics === null ? -1 : topics.length);
    for (const topic of topics ?? []) {
      writer.uuid('topicId' in topic ? topic.topicId : NO_UUID);
      writer.string('name' in topic ? topic.name : null);
      writer.tags();
    }
    writer.bool(false); // create topics
    writer.bool(false); // what may be done with them
    writer.tags();
  },
  decode(reader, version) {
    reader.skip(4);
    const brokers = reader.array(() => decodeBroker(reader));
    const clusterId = reader.nullableString();
    reader.skip(4); // controller
    const topics = reader.array(() => decodeTopic(reader));
    return { errorCode: version < 13 ? 0 : reader.int16(), clusterId, brokers, topics };
  },
};

function decodeBroker(reader: ResponseReader): BrokerNode {
  const broker = { nodeId: reader.int32(), host: reader.string(), port: reader.int32() };
  reader.nullableString();
  reader.tags();
  return broker;
}

function decodeTopic(reader: ResponseReader): TopicMetadata {
  const errorCode = reader.int16();
  const name = reader.nullableString();
  const topicId = reader.uuid();
  reader.skip(1); // internal
  const partitions = reader.array(() => decodePartition(reader));
  reader.skip(4); // authorized operations
  reader.tags();
  return { errorCode, name, topicId, partitions };
}

function decodePartition(reader: ResponseReader): PartitionMetadata {
  const errorCode = reader.int16();
  const partition = reader.int32();
  const leader = reader.int32();
  const leaderEpoch = reader.int32();
  for (let lists = 0; lists < 3; lists++) reader.skipInt32Array(); // replicas, in sync, offline
  reader.tags();
  return { partition, leader, leaderEpoch, errorCode };
}
