import type { Api, PartitionResult } from '../api.ts';

export interface AddPartitionsToTxnRequest {
  readonly transactionalId: string;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
}

/** Before the first produce to a partition in each transaction, where the cluster has no transaction.version 2 (KIP-98). */
export const ADD_PARTITIONS_TO_TXN: Api<AddPartitionsToTxnRequest, readonly PartitionResult[]> = {
  name: 'AddPartitionsToTxn',
  key: 24,
  versions: [3, 3],
  flexibleFrom: 3,
  encode(writer, { transactionalId, producerId, producerEpoch, topics }) {
    writer.string(transactionalId);
    writer.bigInt64(producerId);
    writer.int16(producerEpoch);
    writer.array(topics, ({ topic, partitions }) => {
      writer.string(topic);
      writer.array(partitions, (partition) => writer.int32(partition));
      writer.tags();
    });
    writer.tags();
  },
  decode(reader) {
    reader.skip(4);
    const results: PartitionResult[] = [];
    for (let topics = reader.arrayLength(); topics > 0; topics--) {
      const topic = reader.string();
      for (let left = reader.arrayLength(); left > 0; left--) {
        results.push({ topic, partition: reader.int32(), errorCode: reader.int16() });
        reader.tags();
      }
      reader.tags();
    }
    return results;
  },
};
