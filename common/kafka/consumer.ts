import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import { messageOf } from '../errors.ts';
import { backoffMs, sleep } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import type { KafkaCluster } from './client.ts';
import type { WireHeader } from './kafkajs.ts';
import { keepJoined } from './keep-joined.ts';

/** `headerList` holds the headers as they stand on the wire; `headers` is the same by name. */
export type ConsumedRecord = KafkaMessage & { readonly headerList: readonly WireHeader[] };

export interface ConsumedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly ConsumedRecord[];
  /** Next offset of the partition when the batch was fetched: lag = highWatermark − offset − 1. */
  readonly highWatermark: bigint;
  /** Of a consumer that commits itself: the next record to read after a restart. Rejects when the group has changed hands since. */
  commit(offset: bigint): Promise<void>;
  /** Keeps the group membership alive; call it at least every few seconds while a batch takes long. */
  heartbeat(): Promise<void>;
  /** Aborted on shutdown and when the partition may have moved to another member: give up and throw. */
  readonly signal: AbortSignal;
}

/** What an `onBatch` returns that cannot go on with its partition: records before the offset are done, the others come again later. */
export interface StopBefore {
  readonly stopBefore: bigint;
  readonly retryAfterMs: number;
}

export interface ConsumeOptions {
  readonly kafka: KafkaCluster;
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Its effect must be durable when it resolves: the offset is committed right after. When it throws the batch comes again, after a pause. */
  // biome-ignore lint/suspicious/noConfusingVoidType: most handlers never stop a partition and return nothing
  onBatch(batch: ConsumedBatch): Promise<StopBefore | undefined | void>;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Largest fetch of one partition; bounds what one batch holds in memory. */
  readonly batchBytes?: number;
  /** A fetch waits for so many bytes, but no longer than so many milliseconds: small batches become few larger ones. */
  readonly gather?: { readonly bytes: number; readonly ms: number };
  /** The next batch comes when `onBatch` resolves, and nothing is committed but by the batch's `commit`. */
  readonly commitsItself?: boolean;
  /** How long the group waits for a member that says nothing, so also how long a successor waits after a kill. */
  readonly sessionTimeoutMs?: number;
  /** The consumer has joined its group and has its partitions. */
  onJoined?(): void;
  /** Markers of transactions were passed, for which there is no batch: the next record stands at `next` or behind it. */
  onMarkers?(topic: string, partition: number, next: bigint): void;
  /** The effect is durable but its offset is not committed: the batch may come again. */
  onCommitFailed?(error: unknown): void;
}

const DEFAULT_BATCH_BYTES = 1024 * 1024;
const DEFAULT_SESSION_TIMEOUT_MS = 10_000;

/** How soon partitions are noticed that somebody added to a topic. */
const METADATA_AGE_MS = 30_000;

/**
 * Consumes as a member of a group until the signal is aborted, from the committed offset or from the beginning. At least once:
 * batches of one partition come in order, and a batch whose handling was not committed comes again. Outages are waited out.
 */
export async function consume(o: ConsumeOptions): Promise<void> {
  await keepJoined(o, () => consumeUntilCrash(o));
}

/** Resolves with the reason once the consumer cannot go on by itself, or on abort. */
async function consumeUntilCrash(o: ConsumeOptions): Promise<string> {
  const sessionTimeout = o.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS;
  const consumer = o.kafka.consumer({
    groupId: o.groupId,
    sessionTimeout,
    rebalanceTimeout: sessionTimeout,
    heartbeatInterval: Math.min(2_000, sessionTimeout / 4),
    metadataMaxAge: METADATA_AGE_MS,
    maxBytesPerPartition: o.batchBytes ?? DEFAULT_BATCH_BYTES,
    maxBytes: 4 * (o.batchBytes ?? DEFAULT_BATCH_BYTES),
    ...(o.gather === undefined
      ? { maxWaitTimeInMs: 500 }
      : { minBytes: o.gather.bytes, maxWaitTimeInMs: Math.min(o.gather.ms, sessionTimeout / 4) }),
    allowAutoTopicCreation: false,
    retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: async () => false },
  });
  const stopping = new AbortController();
  let crashed: (reason: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    crashed = resolve;
  });
  const onAbort = () => {
    stopping.abort();
    crashed('stopped');
  };
  o.signal.addEventListener('abort', onAbort, { once: true });
  if (o.onJoined !== undefined) consumer.on(consumer.events.GROUP_JOIN, o.onJoined);
  consumer.on(consumer.events.CRASH, ({ payload }) => crashed(messageOf(payload.error)));
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, lastOffset } }) => {
    if (batchSize === 0) o.onMarkers?.(topic, partition, BigInt(lastOffset) + 1n);
  });
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
    o.signal.removeEventListener('abort', onAbort);
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
  signal: AbortSignal,
): Promise<void> {
  const { batch, isStale } = payload;
  const outcome = await handleUntilDone(o, consumer, payload, signal);
  if (outcome === 'given up' || isStale()) return;
  if (o.commitsItself === true) {
    payload.resolveOffset(batch.lastOffset());
    await payload.heartbeat();
    return;
  }
  const last = outcome === undefined ? BigInt(batch.lastOffset()) : outcome.stopBefore - 1n;
  const { topic, partition } = batch;
  try {
    await consumer.commitOffsets([{ topic, partition, offset: (last + 1n).toString() }]);
  } catch (error) {
    o.onCommitFailed?.(error);
    throw error;
  }
  payload.resolveOffset(last.toString());
  if (outcome !== undefined) {
    const resume = payload.pause();
    void sleep(outcome.retryAfterMs, signal).then(resume);
  }
  await payload.heartbeat();
}

/** Repeats `onBatch` until it succeeds, with heartbeats between; gives up when this member may have lost the partition. */
async function handleUntilDone(
  o: ConsumeOptions,
  consumer: Consumer,
  { batch, heartbeat, isRunning, isStale }: EachBatchPayload,
  signal: AbortSignal,
): Promise<StopBefore | undefined | 'given up'> {
  const { topic, partition } = batch;
  const commit = async (offset: bigint) =>
    await consumer.commitOffsets([{ topic, partition, offset: offset.toString() }]);
  const longestPauseMs = (o.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS) / 4;
  for (let attempt = 0; !signal.aborted && isRunning() && !isStale(); attempt++) {
    try {
      const records = batch.messages as ConsumedRecord[];
      const highWatermark = BigInt(batch.highWatermark);
      return (await o.onBatch({ topic, partition, records, highWatermark, commit, heartbeat, signal })) ?? undefined;
    } catch (error) {
      if (signal.aborted) break;
      const at = { topic, partition, offset: batch.firstOffset(), reason: messageOf(error) };
      if (attempt === 0) o.log.warn(at, 'a batch could not be handled and is tried again');
      await sleep(Math.min(backoffMs(attempt), longestPauseMs), signal);
      await heartbeat();
    }
  }
  return 'given up';
}
