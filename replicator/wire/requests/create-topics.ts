import type { Api } from '../api.ts';

export interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  /** -1: as the cluster has it by default. */
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
}

export interface CreateTopicsRequest {
  readonly topics: readonly NewTopic[];
  readonly timeoutMs: number;
  readonly validateOnly?: boolean;
}

/** `errorCode` TOPIC_ALREADY_EXISTS when it was there before. */
export interface CreatedTopic {
  readonly name: string;
  readonly topicId: string;
  readonly errorCode: number;
  readonly message?: string;
}

export const CREATE_TOPICS: Api<CreateTopicsRequest, readonly CreatedTopic[]> = {
  name: 'CreateTopics',
  key: 19,
  versions: [7, 7],
  flexibleFrom: 5,
  encode(writer, { topics, timeoutMs, validateOnly = false }) {
    writer.array(topics, ({ name, partitions, replicationFactor, configs }) => {
      writer.string(name);
      writer.int32(partitions);
      writer.int16(replicationFactor);
      writer.arrayLength(0); // assignments: the cluster chooses
      writer.array(Object.entries(configs), ([key, value]) => {
        writer.string(key);
        writer.string(value);
        writer.tags();
      });
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
      const topicId = reader.uuid();
      const errorCode = reader.int16();
      const message = reader.nullableString();
      reader.skip(6); // partitions, replication factor
      reader.array(() => {
        reader.string();
        reader.nullableString();
        reader.skip(3); // read-only, source, sensitive
        reader.tags();
      });
      reader.tags();
      return { name, topicId, errorCode, ...(message === null ? {} : { message }) };
    });
  },
};
