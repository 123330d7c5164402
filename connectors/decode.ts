import { type ErrorCode, isRetriable, messageOf, PlatformError } from '../common/errors.ts';
import type { ConsumedBatch, ConsumedRecord } from '../common/kafka/consumer.ts';
import { RecordReader } from '../common/records.ts';
import type { SchemaSource } from '../common/schema-registry.ts';
import { TOPICS, topicRowOf } from '../schemas/topics.ts';
import type { SinkRecord, SinkTopic } from './sink.ts';

/** A record with the Kafka record it came from, which a dead letter repeats byte by byte. */
export interface DecodedRecord {
  readonly record: SinkRecord;
  readonly source: ConsumedRecord;
}

/** A record that can never be stored, and why. */
export interface PoisonRecord {
  readonly source: ConsumedRecord;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface DecodedChunk {
  readonly decoded: readonly DecodedRecord[];
  readonly poison: readonly PoisonRecord[];
  readonly tombstones: number;
  /** Records of all three sorts. */
  readonly total: number;
  readonly lastOffset: string;
}

const SINK_TOPICS: readonly SinkTopic[] = ['observations', 'replies', 'registrations'];

/** Decodes the values of a batch. Keys are not looked at: the endpoint stands in the value, and a key may be null or foreign. */
export class ValueDecoder {
  readonly #readers: ReadonlyMap<string, { readonly from: SinkTopic; readonly reader: RecordReader }>;

  constructor(source: SchemaSource) {
    this.#readers = new Map(
      SINK_TOPICS.map((from) => [TOPICS[from].value, { from, reader: new RecordReader(source, TOPICS[from].value) }]),
    );
  }

  /** At least one record. Errors: REGISTRY_UNAVAILABLE (retriable); what is wrong with a single record is not thrown but returned. */
  async decode(batch: ConsumedBatch, records: readonly ConsumedRecord[]): Promise<DecodedChunk> {
    const known = this.#readers.get(topicRowOf(batch.topic)?.row.value ?? '');
    if (known === undefined) throw new PlatformError('INTERNAL', `no sink takes records of ${batch.topic}`);
    const { topic, partition } = batch;
    const decoded: DecodedRecord[] = [];
    const poison: PoisonRecord[] = [];
    let tombstones = 0;
    for (const source of records) {
      if (source.value === null) {
        tombstones++;
        continue;
      }
      try {
        const value = await known.reader.decode(source.value);
        // The reader decodes into the record of the table row, so that `from` and `value` belong together.
        decoded.push({
          record: { from: known.from, value, topic, partition, offset: source.offset } as SinkRecord,
          source,
        });
      } catch (error) {
        if (isRetriable(error)) throw error;
        poison.push(poisonOf(source, error));
      }
    }
    return { decoded, poison, tombstones, total: records.length, lastOffset: records.at(-1)!.offset };
  }
}

export function poisonOf(source: ConsumedRecord, error: unknown): PoisonRecord {
  return { source, code: error instanceof PlatformError ? error.code : 'INTERNAL', message: messageOf(error) };
}
