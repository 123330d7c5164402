import type { Api, PartitionResult } from '../api.ts';
import { transactionsV2 } from '../features.ts';
import type { ResponseReader } from '../response-reader.ts';

export interface ProduceRequest {
  /** Null for a producer without transactions. */
  readonly transactionalId: string | null;
  /** How long the broker may wait for its in-sync replicas. */
  readonly timeoutMs: number;
  readonly topics: readonly {
    readonly topic: string;
    /** `batch`: the chunks of exactly one record batch; they must not change until the answer is there. */
    readonly partitions: readonly { readonly partition: number; readonly batch: readonly Buffer[] }[];
  }[];
}

export interface ProducedPartition extends PartitionResult {
  /** Offset of the batch's first record; -1 with an error. */
  readonly baseOffset: number;
  readonly message?: string;
}

const ACKS_ALL = -1;

/** Version 12 adds partitions to the transaction by itself (KIP-890); it is used where the cluster has transaction.version 2. */
export const PRODUCE: Api<ProduceRequest, readonly ProducedPartition[]> = {
  name: 'Produce',
  key: 0,
  versions: [9, 12],
  flexibleFrom: 9,
  highestUnder: (feature) => (transactionsV2(feature) ? 12 : 11),
  encode(writer, { transactionalId, timeoutMs, topics }) {
    writer.string(transactionalId);
    writer.int16(ACKS_ALL);
    writer.int32(timeoutMs);
    writer.array(topics, ({ topic, partitions }) => {
      writer.string(topic);
      writer.array(partitions, ({ partition, batch }) => {
        writer.int32(partition);
        writer.records(batch);
        writer.tags();
      });
      writer.tags();
    });
    writer.tags();
  },
  decode(reader) {
    const results: ProducedPartition[] = [];
    for (let topics = reader.arrayLength(); topics > 0; topics--) {
      const topic = reader.string();
      for (let left = reader.arrayLength(); left > 0; left--) results.push(decodePartition(reader, topic));
      reader.tags();
    }
    reader.skip(4);
    reader.tags();
    return results;
  },
};

function decodePartition(reader: ResponseReader, topic: string): ProducedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const baseOffset = reader.int64();
  reader.skip(16); // log append time, log start
  const ofRecords = reader.array(() => {
    reader.skip(4);
    const message = reader.nullableString();
    reader.tags();
    return message;
  });
  const message = reader.nullableString() ?? ofRecords.find((text) => text !== null);
  reader.tags();
  return { topic, partition, errorCode, baseOffset, ...(message == null ? {} : { message }) };
}
