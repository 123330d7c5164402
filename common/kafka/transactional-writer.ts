import type { Producer, Transaction } from 'kafkajs';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type KafkaCluster, partitionByKey } from './client.ts';
import { kafkaError } from './errors.ts';

export interface WrittenRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** Longest time that one transaction may take; Kafka's own limit is 15 minutes. */
const TRANSACTION_TIMEOUT_MS = 300_000;

/** Writes records of several topics so that readers of committed records see all of a transaction or none. One transaction at a time. */
export class TransactionalWriter {
  readonly #producer: Producer;
  readonly #log: Log;
  #transaction: Transaction | undefined;

  private constructor(producer: Producer, log: Log) {
    this.#producer = producer;
    this.#log = log;
  }

  /** Shuts out whoever else writes under the id, and ends what he left open. Errors: KAFKA_UNAVAILABLE, KAFKA_REFUSED. */
  static async open(kafka: KafkaCluster, transactionalId: string, log: Log): Promise<TransactionalWriter> {
    const producer = kafka.producer({
      transactionalId,
      idempotent: true,
      maxInFlightRequests: 1,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      createPartitioner: partitionByKey,
      allowAutoTopicCreation: false,
    });
    const writer = new TransactionalWriter(producer, log);
    try {
      await producer.connect();
      await (await producer.transaction()).abort();
      return writer;
    } catch (error) {
      await writer.close();
      throw kafkaError(error, `opening transactions of ${transactionalId}`);
    }
  }

  /** Begins a transaction when none is open. Errors: KAFKA_UNAVAILABLE, KAFKA_REFUSED; the writer is of no use afterwards. */
  async send(topic: string, records: readonly WrittenRecord[]): Promise<void> {
    try {
      this.#transaction ??= await this.#producer.transaction();
      await this.#transaction.send({ topic, messages: records.map(({ key, value }) => ({ key, value })), acks: -1 });
    } catch (error) {
      throw kafkaError(error, `writing to ${topic}`);
    }
  }

  /** Errors: as `send`. */
  async commit(): Promise<void> {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    try {
      await transaction?.commit();
    } catch (error) {
      throw kafkaError(error, 'committing');
    }
  }

  /** Gives up what is open. */
  async close(): Promise<void> {
    const quietly = (error: unknown) => this.#log.debug({ reason: messageOf(error) }, 'closing a transactional writer');
    await this.#transaction?.abort().catch(quietly);
    await this.#producer.disconnect().catch(quietly);
  }
}
