import type { Api, PartitionResult } from '../api.ts';
import { type Isolation, isolationLevel } from './isolation.ts';

/** In place of a timestamp: the end (of what `isolation` shows) and the start of the log. */
export const LATEST = -1;
export const EARLIEST = -2;

export interface ListOffsetsRequest {
  readonly isolation: Isolation;
  readonly topics: readonly {
    readonly topic: string;
    /** `timestamp`: LATEST, EARLIEST, or ms since 1970 for the first record not older. */
    readonly partitions: readonly { readonly partition: number; readonly timestamp: number }[];
  }[];
}

export interface ListedOffset extends PartitionResult {
  /** -1 when no record is as young as the timestamp asked for. */
  readonly offset: number;
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

const CONSUMER = -1;
const UNCHECKED_EPOCH = -1;

export const LIST_OFFSETS: Api<ListOffsetsRequest, readonly ListedOffset[]> = {
  name: 'ListOffsets',
  key: 2,
  versions: [7, 9],
  flexibleFrom: 6,
  encode(writer, { isolation, topics }) {
    writer.int32(CONSUMER);
    writer.int8(isolationLevel(isolation));
    writer.array(topics, ({ topic, partitions }) => {
      writer.string(topic);
      writer.array(partitions, ({ partition, timestamp }) => {
        writer.int32(partition);
        writer.int32(UNCHECKED_EPOCH);
        writer.int64(timestamp);
        writer.tags();
      });
      writer.tags();
    });
    writer.tags();
  },
  decode(reader) {
    reader.skip(4);
    const results: ListedOffset[] = [];
    for (let topics = reader.arrayLength(); topics > 0; topics--) {
      const topic = reader.string();
      for (let left = reader.arrayLength(); left > 0; left--) {
        const partition = reader.int32();
        const errorCode = reader.int16();
        const timestamp = reader.int64();
        results.push({ topic, partition, errorCode, timestamp, offset: reader.int64(), leaderEpoch: reader.int32() });
        reader.tags();
      }
      reader.tags();
    }
    return results;
  },
};
