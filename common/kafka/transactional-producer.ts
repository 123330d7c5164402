import type { Producer, Transaction } from 'kafkajs';
import { messageOf, PlatformError } from '../errors.ts';
import { sleep } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import type { KafkaCluster } from './client.ts';
import { brokerErrorType, isFenced, kafkaError } from './errors.ts';
import { CompressionTypes, EncodedRecords } from './kafkajs.ts';

/** Records for one partition, as a `RecordAppender` wrote them. */
export interface PartitionPart {
  readonly topic: string;
  readonly partition: number;
  readonly count: number;
  readonly bytes: Buffer;
}

/** How far a group has read. */
export interface GroupOffset {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  /** The next record to read. */
  readonly offset: number;
}

export interface TransactionalProducerOptions {
  readonly kafka: KafkaCluster;
  readonly log: Log;
  /** Whoever opens it last is the only one whom the brokers let write; the transaction of the one before is aborted (KIP-98). */
  readonly transactionalId: string;
  /** How long the brokers keep a transaction open whose producer is gone; readers of committed records wait behind it. */
  readonly transactionTimeoutMs?: number;
}

/** A second's worth of attempts while the broker still ends the transaction of a predecessor, many times over. */
const OPEN_ATTEMPTS = 60;
const OPEN_PAUSE_MS = 250;
const OFFSET_ATTEMPTS = 250;
const OFFSET_PAUSE_MS = 20;

/**
 * Writes records and the progress of a group together or not at all. One transaction at a time. After any error its state at the brokers
 * is unknown: close it, open another under the same id, and read there what came of it.
 */
export class TransactionalProducer {
  readonly #o: TransactionalProducerOptions;
  #producer: Producer | undefined;
  #first: Transaction | undefined;

  constructor(o: TransactionalProducerOptions) {
    this.#o = o;
  }

  /** Shuts out all others of the same id. What they committed is visible when it resolves. Errors: KAFKA_UNAVAILABLE, KAFKA_REFUSED. */
  async open(signal: AbortSignal): Promise<void> {
    const producer = this.#o.kafka.producer({
      transactionalId: this.#o.transactionalId,
      transactionTimeout: this.#o.transactionTimeoutMs ?? 30_000,
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      // The end of a transaction is answered before it stands in all partitions; the next one must then wait a few milliseconds.
      retry: { retries: 12, initialRetryTime: 10, maxRetryTime: 500, factor: 0.1, multiplier: 1.6 },
    });
    this.#producer = producer;
    try {
      await producer.connect();
      for (let attempt = 0; ; attempt++) {
        try {
          // The first transaction asks for the ids, which is what shuts the others out.
          this.#first = await producer.transaction();
          return;
        } catch (error) {
          const wait = brokerErrorType(error) === 'CONCURRENT_TRANSACTIONS' && attempt < OPEN_ATTEMPTS;
          if (!wait || signal.aborted) throw error;
          await sleep(OPEN_PAUSE_MS, signal);
        }
      }
    } catch (error) {
      await this.close();
      throw kafkaError(error, `opening the transactional id ${this.#o.transactionalId}`);
    }
  }

  /** Resolves once all of it is committed. Errors: PRODUCER_FENCED, KAFKA_UNAVAILABLE, KAFKA_NO_TOPIC, KAFKA_REFUSED. */
  async commit(parts: readonly PartitionPart[], progress: GroupOffset): Promise<void> {
    const producer = this.#producer;
    if (producer === undefined) throw new PlatformError('KAFKA_UNAVAILABLE', 'the producer is closed');
    try {
      const transaction = this.#first ?? (await producer.transaction());
      this.#first = undefined;
      for (const round of roundsOf(parts)) {
        const topicMessages = round.map(({ topic, partition, count, bytes }) => ({
          topic,
          messages: new EncodedRecords(count, bytes, partition) as unknown as [],
        }));
        await transaction.sendBatch({ topicMessages, acks: -1, compression: CompressionTypes.None });
      }
      await sendOffset(transaction, progress);
      await transaction.commit();
    } catch (cause) {
      if (isFenced(cause)) {
        const what = `another producer was opened as ${this.#o.transactionalId}`;
        throw new PlatformError('PRODUCER_FENCED', what, { cause });
      }
      throw kafkaError(cause, 'a transaction');
    }
  }

  async close(): Promise<void> {
    const old = this.#producer;
    this.#producer = undefined;
    this.#first = undefined;
    await old?.disconnect().catch((error: unknown) => this.#o.log.debug({ reason: messageOf(error) }, 'closing'));
  }
}

/** The transaction before is still being ended; the broker was started a moment ago, or the group has moved to another. */
const IN_A_MOMENT = new Set([
  'CONCURRENT_TRANSACTIONS',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
]);

/** kafkajs repeats the sending of records while the transaction before is still being ended, but not that of offsets. */
async function sendOffset(transaction: Transaction, { groupId, topic, partition, offset }: GroupOffset): Promise<void> {
  const topics = [{ topic, partitions: [{ partition, offset: String(offset) }] }];
  for (let attempt = 0; ; attempt++) {
    try {
      await transaction.sendOffsets({ consumerGroupId: groupId, topics });
      return;
    } catch (error) {
      if (!IN_A_MOMENT.has(brokerErrorType(error) ?? '') || attempt === OFFSET_ATTEMPTS) throw error;
      await sleep(OFFSET_PAUSE_MS);
    }
  }
}

/** Each round has at most one part for each partition, since one request holds one batch of it; kafkajs wants one entry a topic. */
function roundsOf(parts: readonly PartitionPart[]): PartitionPart[][] {
  const rounds: PartitionPart[][] = [];
  const next = new Map<string, number>();
  for (const part of parts) {
    const round = next.get(part.topic) ?? 0;
    next.set(part.topic, round + 1);
    rounds[round] ??= [];
    rounds[round].push(part);
  }
  return rounds;
}
