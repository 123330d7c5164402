import type { Api } from '../api.ts';

export interface CreatePartitionsRequest {
  /** `count`: how many the topic is to have in all. */
  readonly topics: readonly { readonly name: string; readonly count: number }[];
  readonly timeoutMs: number;
  readonly validateOnly?: boolean;
}

export interface GrownTopic {
  readonly name: string;
  readonly errorCode: number;
  readonly message?: string;
}

const ASSIGNED_BY_CLUSTER = -1;

export const CREATE_PARTITIONS: Api<CreatePartitionsRequest, readonly GrownTopic[]> = {
  name: 'CreatePartitions',
  key: 37,
  versions: [3, 3],
  flexibleFrom: 2,
  encode(writer, { topics, timeoutMs, validateOnly = false }) {
    writer.array(topics, ({ name, count }) => {
      writer.string(name);
      writer.int32(count);
      writer.arrayLength(ASSIGNED_BY_CLUSTER);
      writer.tags();
    });
    writer.int32(timeoutMs);
    writer.bool(validateOnly);
    writer.tags();
  },
  decode(reader) {
    reader.skip(4);
    return reader.array(() => {
      const name = reader.string();
      const errorCode = reader.int16();
      const message = reader.nullableString();
      reader.tags();
      return { name, errorCode, ...(message === null ? {} : { message }) };
    });
  },
};
