import type { Message, Producer, RecordMetadata } from 'kafkajs';
import { PlatformError } from '../errors.ts';
import { backoffMs, sleep } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import { type KafkaCluster, partitionByKey } from './client.ts';
import { hasLostSequence, kafkaError } from './errors.ts';
import { CompressionTypes } from './kafkajs.ts';

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

/** A record to append: without a partition the key decides, without a timestamp the time of sending. */
export interface OutgoingRecord {
  readonly topic: string;
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  readonly headers?: Message['headers'];
  readonly partition?: number;
  /** Milliseconds since 1970 in decimal. */
  readonly timestamp?: string;
}

interface Waiting {
  readonly record: OutgoingRecord;
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
  #inFlightSince = 0;
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

  /** Milliseconds that the batch in flight waits for Kafka; 0 when none is. A broker that hangs shows as one that is away does. */
  failingForMs(): number {
    return this.#inFlight.length === 0 ? 0 : performance.now() - this.#inFlightSince;
  }

  /** Resolves when nothing waits any more or after the time. */
  async flush(graceMs: number): Promise<void> {
    const deadline = performance.now() + graceMs;
    while (this.backlog > 0 && performance.now() < deadline) await sleep(20);
  }

  /**
   * Errors: KAFKA_BACKLOG_FULL (retriable), KAFKA_REFUSED (a record larger than a batch may be), SHUTTING_DOWN.
   * They are thrown, nothing was taken then, and `onCommitted` is not called.
   */
  append(record: OutgoingRecord, onCommitted?: OnCommitted): void {
    const bytes = this.#sizeOf(record);
    this.#checkRoom(1, bytes);
    this.#enqueue(record, bytes, onCommitted);
    this.#schedule();
  }

  /**
   * As `append` for several: all are taken, in this order, or none. `onCommitted` is called once the fate of each is known:
   * without an error when all are committed, else with the first one's.
   */
  appendAll(records: readonly OutgoingRecord[], onCommitted?: OnCommitted): void {
    let bytes = 0;
    for (const record of records) bytes += this.#sizeOf(record);
    this.#checkRoom(records.length, bytes);
    if (records.length === 0) {
      queueMicrotask(() => onCommitted?.());
      return;
    }
    const onEach = onCommitted === undefined ? undefined : onceForAll(records.length, onCommitted);
    for (const record of records) this.#enqueue(record, this.#sizeOf(record), onEach);
    this.#schedule();
  }

  /** As `appendAll`, for callers that await. */
  async commit(...records: readonly OutgoingRecord[]): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.appendAll(records, (error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  #sizeOf(record: OutgoingRecord): number {
    const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
    if (bytes > this.#limits.batchBytes) {
      throw new PlatformError(
        'KAFKA_REFUSED',
        `a record of ${bytes} bytes for ${record.topic} is larger than ${this.#limits.batchBytes}`,
      );
    }
    return bytes;
  }

  #checkRoom(records: number, bytes: number): void {
    if (this.#closing.signal.aborted) throw new PlatformError('SHUTTING_DOWN', 'the producer is closed');
    const { backlogRecords, backlogBytes } = this.#limits;
    const overfull = this.#queuedBytes + this.#inFlightBytes + bytes > backlogBytes;
    if (overfull || this.backlog + records > backlogRecords) {
      throw new PlatformError('KAFKA_BACKLOG_FULL', `${this.backlog} records wait for Kafka`);
    }
  }

  #enqueue(record: OutgoingRecord, bytes: number, onCommitted: OnCommitted | undefined): void {
    this.#queue.push({ record, bytes, onCommitted });
    this.#queuedBytes += bytes;
  }

  /** Waits up to `graceMs` for what was appended, then fails the rest with SHUTTING_DOWN. */
  async close(graceMs = 5_000): Promise<void> {
    await this.flush(graceMs);
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
    this.#inFlightSince = performance.now();
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
    let bytes = this.#inFlightBytes;
    for (const [index, waiting] of batch.entries()) {
      this.#inFlight = batch.slice(index);
      this.#inFlightBytes = bytes;
      bytes -= waiting.bytes;
      this.#inFlightSince = performance.now();
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
        const taken = await producer.sendBatch({ topicMessages, acks: -1, compression: CompressionTypes.None });
        if (!coversPartitions(batch, taken)) {
          await this.#reopenLater();
          throw new Error('a partition that a record names is not there yet');
        }
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

function onceForAll(count: number, onCommitted: OnCommitted): OnCommitted {
  let left = count;
  let first: PlatformError | undefined;
  return (error) => {
    first ??= error;
    left--;
    if (left === 0) onCommitted(first);
  };
}

/** kafkajs drops records for a partition that it has not heard of yet and reports success. */
function coversPartitions(batch: readonly Waiting[], taken: readonly RecordMetadata[]): boolean {
  return batch.every(
    ({ record }) =>
      record.partition === undefined ||
      taken.some((one) => one.topicName === record.topic && one.partition === record.partition),
  );
}

function groupByTopic(batch: readonly Waiting[]): { topic: string; messages: Message[] }[] {
  const groups = new Map<string, Message[]>();
  for (const { record } of batch) {
    const messages = groups.get(record.topic);
    if (messages === undefined) groups.set(record.topic, [record as Message]);
    else messages.push(record as Message);
  }
  return Array.from(groups, ([topic, messages]) => ({ topic, messages }));
}
