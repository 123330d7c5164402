import { CompressionTypes, type Message, type Producer } from 'kafkajs';
import { PlatformError } from '../errors.ts';
import { backoffMs, sleep } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import { type KafkaCluster, partitionByKey } from './client.ts';
import { hasLostSequence, kafkaError } from './errors.ts';

/** Called once: without an error when Kafka has committed the record, with one when it never will. */
export type OnCommitted = (error?: PlatformError) => void;

export interface ProducerLimits {
  /** Records and bytes that may wait for Kafka, those in flight included; beyond them `append` throws KAFKA_BACKLOG_FULL. */
  readonly backlogRecords: number;
  readonly backlogBytes: number;
  readonly batchRecords: number;
  /** Below the broker's message.max.bytes (1 MiB), since one send makes one batch per partition. */
  readonly batchBytes: number;
  /** How long a record waits for company when nothing is in flight. */
  readonly lingerMs: number;
}

const DEFAULT_LIMITS: ProducerLimits = {
  backlogRecords: 50_000,
  backlogBytes: 32 * 2 ** 20,
  batchRecords: 1_000,
  batchBytes: 900_000,
  lingerMs: 1,
};

interface Waiting {
  readonly topic: string;
  readonly message: Message;
  readonly bytes: number;
  readonly onCommitted: OnCommitted | undefined;
}

/**
 * Appends records in one order and tells of each when it is committed on all in-sync replicas.
 * One batch is in flight at a time, and it is repeated until Kafka has taken it: giving it up would let the next batch reuse its
 * sequence numbers, and the broker would drop that one as a duplicate. An outage therefore shows as a growing backlog, which is bounded.
 */
export class CommittingProducer {
  readonly #kafka: KafkaCluster;
  readonly #log: Log;
  readonly #limits: ProducerLimits;
  readonly #closing = new AbortController();
  #producer: Producer | undefined;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #inFlight: readonly Waiting[] = [];
  #inFlightBytes = 0;
  #lingerTimer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #failingSince = 0;

  constructor(kafka: KafkaCluster, log: Log, limits: Partial<ProducerLimits> = {}) {
    this.#kafka = kafka;
    this.#log = log;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** Records that wait for Kafka, those in flight included. */
  get backlog(): number {
    return this.#queue.length + this.#inFlight.length;
  }

  /** Milliseconds since Kafka last took a batch while one is failing; 0 when all is well. */
  failingForMs(nowMs: number): number {
    return this.#failingSince === 0 ? 0 : nowMs - this.#failingSince;
  }

  /**
   * Errors: KAFKA_BACKLOG_FULL (retriable), KAFKA_REFUSED (a record larger than a batch may be), SHUTTING_DOWN.
   * They are thrown, and `onCommitted` is then not called.
   */
  append(
    topic: string,
    key: Buffer | string | null,
    value: Buffer | null,
    onCommitted?: OnCommitted,
    headers?: Message['headers'],
  ): void {
    if (this.#closing.signal.aborted) throw new PlatformError('SHUTTING_DOWN', 'the producer is closed');
    const bytes = (key?.length ?? 0) + (value?.length ?? 0);
    if (bytes > this.#limits.batchBytes) {
      throw new PlatformError(
        'KAFKA_REFUSED',
        `a record of ${bytes} bytes for ${topic} is larger than ${this.#limits.batchBytes}`,
      );
    }
    const { backlogRecords, backlogBytes } = this.#limits;
    if (this.backlog >= backlogRecords || this.#queuedBytes + this.#inFlightBytes + bytes > backlogBytes) {
      throw new PlatformError('KAFKA_BACKLOG_FULL', `${this.backlog} records wait for Kafka`);
    }
    const message: Message = headers === undefined ? { key, value } : { key, value, headers };
    this.#queue.push({ topic, message, bytes, onCommitted });
    this.#queuedBytes += bytes;
    this.#schedule();
  }

  /** As `append`, for callers that await one record. */
  async commit(topic: string, key: Buffer | string | null, value: Buffer | null): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.append(topic, key, value, (error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  /** Waits up to `graceMs` for what was appended, then fails the rest with SHUTTING_DOWN. */
  async close(graceMs = 5_000): Promise<void> {
    const deadline = Date.now() + graceMs;
    while (this.backlog > 0 && Date.now() < deadline) await sleep(20);
    this.#closing.abort();
    clearTimeout(this.#lingerTimer);
    const left = [...this.#inFlight, ...this.#queue];
    this.#queue = [];
    for (const waiting of left)
      waiting.onCommitted?.(new PlatformError('SHUTTING_DOWN', 'the producer was closed before Kafka answered'));
    this.#inFlight = [];
    await this.#producer?.disconnect().catch((error: unknown) => this.#log.debug({ error }, 'closing the producer'));
    await this.#sending;
  }

  #schedule(): void {
    if (this.#sending !== undefined || this.#lingerTimer !== undefined) return;
    this.#lingerTimer = setTimeout(() => {
      this.#lingerTimer = undefined;
      this.#sending = this.#drain().finally(() => {
        this.#sending = undefined;
        if (this.#queue.length > 0 && !this.#closing.signal.aborted) this.#schedule();
      });
    }, this.#limits.lingerMs);
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0 && !this.#closing.signal.aborted) {
      const batch = this.#takeBatch();
      const error = await this.#sendUntilTaken(batch);
      if (this.#closing.signal.aborted) return;
      if (error === undefined || batch.length === 1) this.#settle(batch, error);
      else await this.#sendOneByOne(batch);
    }
  }

  #takeBatch(): readonly Waiting[] {
    let count = 0;
    let bytes = 0;
    while (count < this.#queue.length && count < this.#limits.batchRecords) {
      const next = this.#queue[count]!.bytes;
      if (count > 0 && bytes + next > this.#limits.batchBytes) break;
      bytes += next;
      count++;
    }
    const batch = this.#queue.splice(0, count);
    this.#queuedBytes -= bytes;
    this.#inFlight = batch;
    this.#inFlightBytes = bytes;
    return batch;
  }

  #settle(batch: readonly Waiting[], error: PlatformError | undefined): void {
    this.#inFlight = [];
    this.#inFlightBytes = 0;
    for (const { onCommitted } of batch) {
      if (onCommitted === undefined) continue;
      try {
        onCommitted(error);
      } catch (fault) {
        this.#log.error({ err: fault }, 'a fault after a commit');
      }
    }
  }

  /** The broker refused the batch for good, perhaps because of one record: each gets its own verdict. */
  async #sendOneByOne(batch: readonly Waiting[]): Promise<void> {
    for (const [index, waiting] of batch.entries()) {
      this.#inFlight = batch.slice(index);
      const error = await this.#sendUntilTaken([waiting]);
      if (this.#closing.signal.aborted) return;
      this.#settle([waiting], error);
    }
  }

  /** Undefined once taken; an error only when the broker refuses for good or on close. */
  async #sendUntilTaken(batch: readonly Waiting[]): Promise<PlatformError | undefined> {
    const topicMessages = groupByTopic(batch);
    for (let attempt = 0; !this.#closing.signal.aborted; attempt++) {
      try {
        const producer = this.#producer ?? (await this.#open());
        await producer.sendBatch({ topicMessages, acks: -1, compression: CompressionTypes.None });
        if (this.#failingSince !== 0) this.#reportRecovery();
        return undefined;
      } catch (cause) {
        if (this.#closing.signal.aborted) break;
        const error = kafkaError(cause, 'producing');
        if (!error.retriable) return error;
        if (hasLostSequence(cause)) await this.#reopenLater();
        this.#reportFailure(error);
        await sleep(backoffMs(attempt), this.#closing.signal);
      }
    }
    return new PlatformError('SHUTTING_DOWN', 'the producer is closing');
  }

  async #open(): Promise<Producer> {
    const producer = this.#kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: partitionByKey,
      retry: { retries: 5, initialRetryTime: 50, maxRetryTime: 1_000 },
    });
    await producer.connect();
    this.#producer = producer;
    return producer;
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
      { code: error.code, reason: error.message, backlog: this.backlog },
      'Kafka takes no records: nothing is acknowledged until it does; start the broker',
    );
  }

  #reportRecovery(): void {
    this.#log.info({ outageMs: Date.now() - this.#failingSince, backlog: this.backlog }, 'Kafka takes records again');
    this.#failingSince = 0;
  }
}

function groupByTopic(batch: readonly Waiting[]): { topic: string; messages: Message[] }[] {
  const groups = new Map<string, Message[]>();
  for (const { topic, message } of batch) {
    const messages = groups.get(topic);
    if (messages === undefined) groups.set(topic, [message]);
    else messages.push(message);
  }
  return Array.from(groups, ([topic, messages]) => ({ topic, messages }));
}
