import type { Message, Producer } from 'kafkajs';
import { PlatformError } from '../errors.ts';
import { backoffMs, sleep } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import type { KafkaCluster } from './client.ts';
import type { ConsumedRecord } from './consumer.ts';
import { brokerErrorType, hasLostSequence, kafkaError } from './errors.ts';
import { CompressionTypes } from './kafkajs.ts';

export interface PartitionWriterOptions {
  readonly kafka: KafkaCluster;
  readonly log: Log;
  /** Largest batch to send; below the broker's message.max.bytes. A single record above it goes alone, and the broker decides. */
  readonly batchBytes: number;
  /** Called when the brokers say that a topic or partition is not there; the write is repeated afterwards. */
  onTopicMissing(topic: string, partition: number): Promise<void>;
}

export interface WriteResult {
  /** Records that are committed, from the first on. */
  readonly taken: number;
  /** KAFKA_REFUSED: why the next one will never be taken as it is. */
  readonly refusal?: PlatformError;
}

/** kafkajs copies the list of messages once for each message in it, so longer batches cost more than they save. */
const BATCH_RECORDS = 1_000;

/** What a record takes on the wire beside its bytes: length, attributes, deltas and length fields, at their longest. */
const RECORD_OVERHEAD_BYTES = 40;
const HEADER_OVERHEAD_BYTES = 10;

/**
 * Writes consumed records to one named partition, as they are: key, value, headers and timestamp. A batch is repeated until the
 * brokers have taken it, under the same sequence numbers; so a repetition leaves no second copy. One `write` at a time.
 */
export class PartitionWriter {
  readonly #o: PartitionWriterOptions;
  #producer: Producer | undefined;
  #sendingSince = 0;
  #failingSince = 0;

  constructor(options: PartitionWriterOptions) {
    this.#o = options;
  }

  /** Milliseconds that the batch in flight waits for the brokers; 0 when none is. One that hangs shows as one that is away does. */
  waitingForMs(): number {
    return this.#sendingSince === 0 ? 0 : performance.now() - this.#sendingSince;
  }

  /**
   * Resolves once all are committed on all in-sync replicas, or up to the first that is refused for good.
   * Errors: SHUTTING_DOWN when the signal is aborted before; some of the records may then be committed.
   */
  async write(
    topic: string,
    partition: number,
    records: readonly ConsumedRecord[],
    signal: AbortSignal,
  ): Promise<WriteResult> {
    // Ends a request that waits for an answer from brokers that are gone, instead of waiting for its time limit.
    const onAbort = () => void this.close();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      let taken = 0;
      while (taken < records.length) {
        const count = chunkLength(records, taken, this.#o.batchBytes);
        const result = await this.#writeChunk(topic, partition, records.slice(taken, taken + count), signal);
        taken += result.taken;
        if (result.refusal !== undefined) return { taken, refusal: result.refusal };
      }
      return { taken };
    } finally {
      this.#sendingSince = 0;
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Connects now instead of with the first write. Errors: KAFKA_UNAVAILABLE. */
  async connect(): Promise<void> {
    try {
      if (this.#producer === undefined) await this.#open();
    } catch (error) {
      throw kafkaError(error, 'connecting a producer');
    }
  }

  /** Forgets connections, producer id and what is known of the topics; the next write opens anew. */
  async close(): Promise<void> {
    const old = this.#producer;
    this.#producer = undefined;
    await old?.disconnect().catch((error: unknown) => this.#o.log.debug({ error }, 'closing a producer'));
  }

  /** A refused batch may hold one bad record only: each then gets its own verdict. */
  async #writeChunk(
    topic: string,
    partition: number,
    chunk: readonly ConsumedRecord[],
    signal: AbortSignal,
  ): Promise<WriteResult> {
    const refusal = await this.#sendUntilTaken(topic, partition, chunk, signal);
    if (refusal === undefined) return { taken: chunk.length };
    if (chunk.length === 1) return { taken: 0, refusal };
    for (const [taken, record] of chunk.entries()) {
      const own = await this.#sendUntilTaken(topic, partition, [record], signal);
      if (own !== undefined) return { taken, refusal: own };
    }
    return { taken: chunk.length };
  }

  /**
   * Undefined once taken. Whoever leaves it otherwise must not send another batch under the same sequence numbers, which the
   * brokers could take for the one whose fate is unknown: the producer is given up.
   */
  async #sendUntilTaken(
    topic: string,
    partition: number,
    chunk: readonly ConsumedRecord[],
    signal: AbortSignal,
  ): Promise<PlatformError | undefined> {
    const messages = chunk.map((record) => toMessage(record, partition));
    this.#sendingSince = performance.now();
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const producer = this.#producer ?? (await this.#open());
        const taken = await producer.send({ topic, messages, acks: -1, compression: CompressionTypes.None });
        // kafkajs drops records for a partition that it has not heard of yet and reports success.
        if (!taken.some((one) => one.partition === partition)) throw missingPartition(topic, partition);
        if (this.#failingSince !== 0) this.#reportRecovery();
        return undefined;
      } catch (cause) {
        if (signal.aborted) break;
        const error = kafkaError(cause, `writing to ${topic}`);
        if (!error.retriable) {
          await this.close();
          return error;
        }
        await this.#recover(cause, error, topic, partition);
        await sleep(backoffMs(attempt), signal);
      }
    }
    await this.close();
    throw new PlatformError('SHUTTING_DOWN', `writing to ${topic} was given up`);
  }

  async #recover(cause: unknown, error: PlatformError, topic: string, partition: number): Promise<void> {
    if (this.#failingSince === 0) {
      this.#failingSince = Date.now();
      const { code, message: reason } = error;
      this.#o.log.warn(
        { code, reason, topic, partition },
        'records cannot be written: they wait until the brokers answer',
      );
    }
    if (hasLostSequence(cause)) await this.close();
    if (brokerErrorType(cause) !== 'UNKNOWN_TOPIC_OR_PARTITION') return;
    await this.close();
    await this.#o
      .onTopicMissing(topic, partition)
      .catch((fault: unknown) => this.#o.log.debug({ fault }, 'preparing a topic'));
  }

  async #open(): Promise<Producer> {
    const producer = this.#o.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: { retries: 2, initialRetryTime: 50, maxRetryTime: 500 },
    });
    this.#producer = producer;
    try {
      await producer.connect();
    } catch (error) {
      await this.close();
      throw error;
    }
    return producer;
  }

  #reportRecovery(): void {
    this.#o.log.info({ outageMs: Date.now() - this.#failingSince }, 'records are written again');
    this.#failingSince = 0;
  }
}

function toMessage(record: ConsumedRecord, partition: number): Message {
  const { key, value, timestamp, headerList } = record;
  return { key, value, timestamp, partition, headerList } as Message;
}

function missingPartition(topic: string, partition: number): Error {
  return Object.assign(new Error(`${topic} has no partition ${partition} yet`), { type: 'UNKNOWN_TOPIC_OR_PARTITION' });
}

/** How many records from `from` on make one batch; at least one. */
export function chunkLength(records: readonly ConsumedRecord[], from: number, batchBytes: number): number {
  let bytes = 0;
  let count = 0;
  while (from + count < records.length && count < BATCH_RECORDS) {
    bytes += wireBytes(records[from + count]!);
    if (count > 0 && bytes > batchBytes) break;
    count++;
  }
  return count;
}

function wireBytes(record: ConsumedRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const { key, value } of record.headerList) bytes += HEADER_OVERHEAD_BYTES + key.length + (value?.length ?? 0);
  return bytes;
}
