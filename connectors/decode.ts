import { type ErrorCode, messageOf, PlatformError } from '../common/errors.ts';
import type { ConsumedRecord } from '../common/kafka/consumer.ts';
import { RecordReader, type WriterSchema } from '../common/records.ts';
import type { SchemaSource } from '../common/schema-registry.ts';
import { TOPICS, topicRowOf } from '../schemas/topics.ts';
import type { SinkRecord, SinkTopic, SinkValue } from './sink.ts';

/** A record with the Kafka record it came from, which a dead letter repeats byte by byte. */
export interface DecodedRecord {
  readonly record: SinkRecord;
  readonly source: ConsumedRecord;
  readonly schema: WriterSchema;
}

/** A record that can never be stored, and why. */
export interface PoisonRecord {
  readonly source: ConsumedRecord;
  readonly code: ErrorCode;
  readonly message: string;
}

/** On a record that came back from a dead-letter topic: where it first stood. */
export const REPLAY_HEADERS = {
  partition: 'zeelos.replay.partition',
  offset: 'zeelos.replay.offset',
} as const;

const SINK_TOPICS: readonly SinkTopic[] = ['observations', 'replies', 'registrations'];

/** Decodes the values of records. Keys are not looked at: the endpoint stands in the value, and a key may be null or foreign. */
export class ValueDecoder {
  readonly #readers: ReadonlyMap<string, { readonly from: SinkTopic; readonly reader: RecordReader }>;
  readonly #any: RecordReader | undefined;

  /** @param takes `rows`: records of our own topics, in the form that the table of topics says; `any`: of all topics, as they were written */
  constructor(source: SchemaSource, takes: 'rows' | 'any' = 'rows') {
    this.#any = takes === 'any' ? new RecordReader(source) : undefined;
    this.#readers = new Map(
      SINK_TOPICS.map((from) => [TOPICS[from].value, { from, reader: new RecordReader(source, TOPICS[from].value) }]),
    );
  }

  /** How records of the topic are decoded. Errors: CONFIG_INVALID for a topic that is none of ours where only those are taken. */
  of(topic: string): TopicDecoder {
    if (this.#any !== undefined) return new TopicDecoder(topic, 'any', this.#any);
    const known = this.#readers.get(topicRowOf(topic)?.row.value ?? '');
    if (known === undefined)
      throw new PlatformError('CONFIG_INVALID', `${topic} is none of our topics: it needs a KCQL statement`);
    return new TopicDecoder(topic, known.from, known.reader);
  }
}

export class TopicDecoder {
  readonly topic: string;
  readonly from: SinkValue['from'];
  readonly #reader: RecordReader;

  constructor(topic: string, from: SinkValue['from'], reader: RecordReader) {
    this.topic = topic;
    this.from = from;
    this.#reader = reader;
  }

  /** Of a record with a value. Errors: REGISTRY_UNAVAILABLE (retriable); any other says that the record can never be read. */
  async decode(partition: number, source: ConsumedRecord): Promise<DecodedRecord> {
    const { value, schema } = await this.#reader.decodeWithSchema(source.value!);
    const place = placeOf(partition, source);
    const { topic, from } = this;
    // The reader decodes into the record of the table row, so that `from` and `value` belong together.
    const record = { from, value, schema, topic, ...place, timestampMs: Number(source.timestamp) } as SinkRecord;
    return { record, source, schema };
  }
}

/** A record that was replayed keeps the place that it had at first, so that the store knows it again. */
function placeOf(partition: number, source: ConsumedRecord): { partition: number; offset: string } {
  const here = { partition, offset: source.offset };
  if (source.headerList.length === 0) return here;
  const { [REPLAY_HEADERS.partition]: first, [REPLAY_HEADERS.offset]: offset } = source.headers ?? {};
  const given = { partition: Number(String(first)), offset: String(offset) };
  return Number.isInteger(given.partition) && /^\d{1,16}$/.test(given.offset) ? given : here;
}

export function poisonOf(source: ConsumedRecord, error: unknown): PoisonRecord {
  return { source, code: error instanceof PlatformError ? error.code : 'INTERNAL', message: messageOf(error) };
}
