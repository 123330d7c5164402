import type { Api, PartitionResult } from '../api.ts';

export interface OffsetForLeaderEpochRequest {
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      /** As metadata gave it; -1: unchecked. */
      readonly currentLeaderEpoch: number;
      /** Whose end is asked for. */
      readonly leaderEpoch: number;
    }[];
  }[];
}

export interface EpochEnd extends PartitionResult {
  /** The largest epoch not above the one asked for, and the offset after its last record; -1 when there is none. */
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

const CONSUMER = -1;

/** Tells whether what was read is still there: a log truncated since ends its epoch before the position (KIP-320). */
export const OFFSET_FOR_LEADER_EPOCH: Api<OffsetForLeaderEpochRequest, readonly EpochEnd[]> = {
  name: 'OffsetForLeaderEpoch',
  key: 23,
  versions: [4, 4],
  flexibleFrom: 4,
  encode(writer, { topics }) {
    writer.int32(CONSUMER);
    writer.array(topics, ({ topic, partitions }) => {
      writer.string(topic);
      writer.array(partitions, ({ partition, currentLeaderEpoch, leaderEpoch }) => {
        writer.int32(partition);
        writer.int32(currentLeaderEpoch);
        writer.int32(leaderEpoch);
        writer.tags();
      });
      writer.tags();
    });
    writer.tags();
  },
  decode(reader) {
    reader.skip(4);
    const results: EpochEnd[] = [];
    for (let topics = reader.arrayLength(); topics > 0; topics--) {
      const topic = reader.string();
      for (let left = reader.arrayLength(); left > 0; left--) {
        const errorCode = reader.int16();
        const partition = reader.int32();
        results.push({ topic, partition, errorCode, leaderEpoch: reader.int32(), endOffset: reader.int64() });
        reader.tags();
      }
      reader.tags();
    }
    return results;
  },
};
