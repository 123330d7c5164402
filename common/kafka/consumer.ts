import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import { messageOf } from '../errors.ts';
import { backoffMs, sleep } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import type { KafkaCluster } from './client.ts';

export type ConsumedRecord = KafkaMessage;

export interface ConsumedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly ConsumedRecord[];
  /** Next offset of the partition when the batch was fetched: lag = highWatermark − offset − 1. */
  readonly highWatermark: bigint;
  /** Keeps the group membership alive; call it at least every few seconds while a batch takes long. */
  heartbeat(): Promise<void>;
  /** Aborted on shutdown and when the partition may have moved to another member: give up and throw. */
  readonly signal: AbortSignal;
}

export interface ConsumeOptions {
  readonly kafka: KafkaCluster;
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Its effect must be durable when it resolves: the offset is committed right after. When it throws the batch comes again, after a pause. */
  onBatch(batch: ConsumedBatch): Promise<void>;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Largest fetch of one partition; bounds what one batch holds in memory. */
  readonly batchBytes?: number;
}

const DEFAULT_BATCH_BYTES = 1024 * 1024;
const SESSION_TIMEOUT_MS = 10_000;

/**
 * Consumes as a member of a group until the signal is aborted, from the committed offset or from the beginning. At least once:
 * batches of one partition come in order, and a batch whose handling was not committed comes again. Outages are waited out.
 */
export async function consume(o: ConsumeOptions): Promise<void> {
  for (let attempt = 0; !o.signal.aborted; attempt++) {
    const startedAt = Date.now();
    const reason = await consumeUntilCrash(o);
    if (o.signal.aborted) return;
    if (Date.now() - startedAt > 60_000) attempt = 0;
    if (attempt === 0)
      o.log.warn({ groupId: o.groupId, reason }, 'consuming broke off; it goes on by itself once Kafka answers');
    await sleep(backoffMs(attempt), o.signal);
  }
}

/** Resolves with the reason once the consumer cannot go on by itself, or on abort. */
async function consumeUntilCrash(o: ConsumeOptions): Promise<string> {
  const consumer = o.kafka.consumer({
    groupId: o.groupId,
    sessionTimeout: SESSION_TIMEOUT_MS,
    rebalanceTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: 2_000,
    maxBytesPerPartition: o.batchBytes ?? DEFAULT_BATCH_BYTES,
    maxBytes: 4 * (o.batchBytes ?? DEFAULT_BATCH_BYTES),
    maxWaitTimeInMs: 500,
    allowAutoTopicCreation: false,
    retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: async () => false },
  });
  const stopping = new AbortController();
  let crashed: (reason: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    crashed = resolve;
    o.signal.addEventListener('abort', () => resolve('stopped'), { once: true });
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => crashed(messageOf(payload.error)));
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...o.topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: (payload) => handleBatch(o, consumer, payload, stopping.signal),
    });
    return await ended;
  } catch (error) {
    return messageOf(error);
  } finally {
    stopping.abort();
    await consumer
      .disconnect()
      .catch((error: unknown) => o.log.debug({ reason: messageOf(error) }, 'closing a consumer'));
  }
}

async function handleBatch(
  o: ConsumeOptions,
  consumer: Consumer,
  payload: EachBatchPayload,
  stopping: AbortSignal,
): Promise<void> {
  const { batch, heartbeat, isRunning, isStale } = payload;
  const signal = AbortSignal.any([o.signal, stopping]);
  for (let attempt = 0; ; attempt++) {
    if (signal.aborted || !isRunning() || isStale()) return;
    try {
      await o.onBatch({
        topic: batch.topic,
        partition: batch.partition,
        records: batch.messages,
        highWatermark: BigInt(batch.highWatermark),
        heartbeat,
        signal,
      });
      break;
    } catch (error) {
      if (signal.aborted) return;
      if (attempt === 0)
        o.log.warn(
          { topic: batch.topic, partition: batch.partition, offset: batch.firstOffset(), reason: messageOf(error) },
          'a batch could not be handled and is tried again',
        );
      await sleep(Math.min(backoffMs(attempt), SESSION_TIMEOUT_MS / 4), signal);
      await heartbeat();
    }
  }
  if (isStale()) return;
  const next = (BigInt(batch.lastOffset()) + 1n).toString();
  await consumer.commitOffsets([{ topic: batch.topic, partition: batch.partition, offset: next }]);
  payload.resolveOffset(batch.lastOffset());
  await heartbeat();
}
