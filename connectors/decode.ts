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

/** On a record that came back from a dead-letter topic: where it first stood. */
export const REPLAY_HEADERS = {
  partition: 'zeelos.replay.partition',
  offset: 'zeelos.replay.offset',
} as const;

const SINK_TOPICS: readonly SinkTopic[] = ['observations', 'replies', 'registrations'];

/** Decodes the values of a batch. Keys are not looked at: the endpoint stands in the value, and a key may be null or foreign. */
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

  /**
   * At least one record. Errors: REGISTRY_UNAVAILABLE (retriable), CONFIG_INVALID for a topic that is none of ours where only those
   * are taken; what is wrong with a single record is not thrown but returned.
   */
  async decode(batch: ConsumedBatch, records: readonly ConsumedRecord[]): Promise<DecodedChunk> {
    const read = this.#readerOf(batch.topic);
    const { topic } = batch;
    const decoded: DecodedRecord[] = [];
    const poison: PoisonRecord[] = [];
    let tombstones = 0;
    for (const source of records) {
      if (source.value === null) {
        tombstones++;
        continue;
      }
      try {
        const value = await read(source.value);
        const { partition, offset } = placeOf(batch, source);
        // The reader decodes into the record of the table row, so that `from` and `value` belong together.
        const record = { ...value, topic, partition, offset, timestampMs: Number(source.timestamp) } as SinkRecord;
        decoded.push({ record, source });
      } catch (error) {
        if (isRetriable(error)) throw error;
        poison.push(poisonOf(source, error));
      }
    }
    return { decoded, poison, tombstones, total: records.length, lastOffset: records.at(-1)!.offset };
  }

  #readerOf(topic: string): (bytes: Uint8Array) => Promise<object> {
    const any = this.#any;
    if (any !== undefined) {
      return async (bytes) => {
        const { value, schema } = await any.decodeWithSchema(bytes);
        return { from: 'any', value, schema };
      };
    }
    const known = this.#readers.get(topicRowOf(topic)?.row.value ?? '');
    if (known === undefined)
      throw new PlatformError('CONFIG_INVALID', `${topic} is none of our topics: it needs a KCQL statement`);
    return async (bytes) => ({ from: known.from, value: await known.reader.decode(bytes) });
  }
}

/** A record that was replayed keeps the place that it had at first, so that the store knows it again. */
function placeOf(batch: ConsumedBatch, source: ConsumedRecord): { partition: number; offset: string } {
  const here = { partition: batch.partition, offset: source.offset };
  if (source.headerList.length === 0) return here;
  const { [REPLAY_HEADERS.partition]: partition, [REPLAY_HEADERS.offset]: offset } = source.headers ?? {};
  const given = { partition: Number(String(partition)), offset: String(offset) };
  return Number.isInteger(given.partition) && /^\d{1,16}$/.test(given.offset) ? given : here;
}

export function poisonOf(source: ConsumedRecord, error: unknown): PoisonRecord {
  return { source, code: error instanceof PlatformError ? error.code : 'INTERNAL', message: messageOf(error) };
}
