import type { Message, Producer } from 'kafkajs';
import { type ErrorCode, messageOf, PlatformError } from '../errors.ts';
import { backoffMs, sleep } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import { type KafkaCluster, partitionByKey } from './client.ts';
import { hasLostSequence, isFenced, kafkaError } from './errors.ts';
import { CompressionTypes, EncodedRecords } from './kafkajs.ts';
import type { ProducerFence } from './producer-fence.ts';
import { readAppended } from './record-batch.ts';

/** The records of one batch that go to one topic, as a `RecordAppender` wrote them. */
export interface BatchPart {
  readonly topic: string;
  readonly count: number;
  readonly bytes: Buffer;
}

/** A record that Kafka will never take, by its part and its place there. */
export interface Refusal {
  readonly part: number;
  readonly index: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/** Brings batches to Kafka, one after another in the order of the calls. */
export interface BatchSender {
  /**
   * Resolves when the fate of each record is known: committed, or among the refused. It repeats for as long as Kafka is away.
   * The memory of the parts is read until then. Rejects SHUTTING_DOWN when closed before, and once no batch can be sent any more:
   * KAFKA_SENDER_ENDED, and SERVER_FENCED where there is a fence.
   */
  send(parts: readonly BatchPart[]): Promise<readonly Refusal[]>;
  /** Told once when that comes about, also while nothing is being sent. */
  onEnded?: ((error: PlatformError) => void) | undefined;
  close(): Promise<void>;
}

/** A fence is renewed so often: far within what brokers remember (a day), rarely enough to cost nothing. */
const RENEW_FENCE_MS = 6 * 3_600_000;

/**
 * One batch is in flight at a time, and it is repeated until Kafka has taken it: giving it up would let the next batch reuse its
 * sequence numbers, and the broker would drop that one as a duplicate.
 */
export class KafkaBatchSender implements BatchSender {
  readonly #kafka: KafkaCluster;
  readonly #log: Log;
  readonly #closing = new AbortController();
  #producer: Producer | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #failingSince = 0;
  readonly #fence: ProducerFence | undefined;
  #fencedAtMs = 0;
  #ended: PlatformError | undefined;

  /** @param fence with one, the first batch shuts out all other producers of the same fence, and a later one of them this one */
  constructor(kafka: KafkaCluster, log: Log, fence?: ProducerFence) {
    this.#kafka = kafka;
    this.#log = log;
    this.#fence = fence;
  }

  send(parts: readonly BatchPart[]): Promise<readonly Refusal[]> {
    const sent = this.#last.then(() => this.#send(parts));
    this.#last = sent.catch(() => undefined);
    return sent;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#producer?.disconnect().catch((error: unknown) => this.#log.debug({ error }, 'closing the producer'));
    await this.#last;
  }

  async #send(parts: readonly BatchPart[]): Promise<readonly Refusal[]> {
    const encoded = parts.map(({ topic, count, bytes }) => ({ topic, messages: new EncodedRecords(count, bytes) }));
    const error = await this.#sendUntilTaken(encoded);
    if (error === undefined) return [];
    if (parts.length === 1 && parts[0]!.count === 1) return [refusalOf(0, 0, error)];
    return await this.#sendOneByOne(parts);
  }

  /** The broker refused the batch for good, perhaps because of one record: each gets its own verdict. */
  async #sendOneByOne(parts: readonly BatchPart[]): Promise<readonly Refusal[]> {
    const refusals: Refusal[] = [];
    for (const [part, { topic, bytes }] of parts.entries()) {
      for (const [index, record] of readAppended(bytes).entries()) {
        const error = await this.#sendUntilTaken([{ topic, messages: [record as Message] }]);
        if (error !== undefined) refusals.push(refusalOf(part, index, error));
      }
    }
    return refusals;
  }

  /** Undefined once taken; an error when the broker refuses for good. */
  async #sendUntilTaken(
    topicMessages: readonly { topic: string; messages: Message[] | EncodedRecords }[],
  ): Promise<PlatformError | undefined> {
    for (let attempt = 0; !this.#closing.signal.aborted; attempt++) {
      if (this.#ended !== undefined) throw this.#ended;
      try {
        const producer = this.#producer ?? (await this.#open());
        if (this.#fence !== undefined && performance.now() - this.#fencedAtMs > RENEW_FENCE_MS)
          await this.#renewFence();
        await producer.sendBatch({
          topicMessages: topicMessages as { topic: string; messages: Message[] }[],
          acks: -1,
          compression: CompressionTypes.None,
        });
        if (this.#failingSince !== 0) this.#reportRecovery();
        return undefined;
      } catch (cause) {
        if (this.#closing.signal.aborted) break;
        const error = kafkaError(cause, 'producing');
        if (!error.retriable) return error;
        this.#ended = this.#endOf(cause);
        if (this.#ended !== undefined) continue;
        if (hasLostSequence(cause)) await this.#reopenLater();
        this.#reportFailure(error);
        await sleep(backoffMs(attempt), this.#closing.signal);
      }
    }
    throw new PlatformError('SHUTTING_DOWN', 'the producer was closed before Kafka answered');
  }

  async #open(): Promise<Producer> {
    const producer = this.#kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: partitionByKey,
      retry: { retries: 5, initialRetryTime: 50, maxRetryTime: 1_000 },
      ...(this.#fence === undefined ? {} : { transactionalId: this.#fence as unknown as string }),
    });
    try {
      await producer.connect();
    } catch (error) {
      await producer.disconnect().catch(() => undefined);
      throw error;
    }
    this.#fencedAtMs = performance.now();
    this.#producer = producer;
    return producer;
  }

  async #renewFence(): Promise<void> {
    try {
      await this.#fence!.mark();
      this.#fencedAtMs = performance.now();
    } catch (cause) {
      this.#ended = this.#endOf(cause) ?? this.#senderEnded('the fence could not be renewed', cause);
    }
  }

  /** Undefined while there is hope. Behind a fence a producer is never opened a second time: it would shut out whoever took over meanwhile. */
  #endOf(cause: unknown): PlatformError | undefined {
    if (this.#fence === undefined) return undefined;
    if (isFenced(cause))
      return new PlatformError('SERVER_FENCED', `another server took over ${this.#fence.id}`, { cause });
    if (this.#producer === undefined || !hasLostSequence(cause)) return undefined;
    return this.#senderEnded('Kafka lost its place in our records', cause);
  }

  #senderEnded(what: string, cause: unknown): PlatformError {
    return new PlatformError('KAFKA_SENDER_ENDED', `${what}: ${messageOf(cause)}`, { cause });
  }

  async #reopenLater(): Promise<void> {
    const old = this.#producer;
    this.#producer = undefined;
    await old?.disconnect().catch((error: unknown) => this.#log.debug({ error }, 'closing the old producer'));
  }

  #reportFailure(error: PlatformError): void {
    if (this.#failingSince !== 0) return;
    this.#failingSince = Date.now();
    this.#log.warn(
      { code: error.code, reason: error.message },
      'Kafka takes no records: nothing is acknowledged until it does; start the broker',
    );
  }

  #reportRecovery(): void {
    this.#log.info({ outageMs: Date.now() - this.#failingSince }, 'Kafka takes records again');
    this.#failingSince = 0;
  }
}

function refusalOf(part: number, index: number, { code, message }: PlatformError): Refusal {
  return { part, index, code, message };
}
