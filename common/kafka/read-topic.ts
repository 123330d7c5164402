import { randomUUID } from 'node:crypto';
import type { EachBatchPayload } from 'kafkajs';
import { messageOf, PlatformError } from '../errors.ts';
import { backoffMs, sleep } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import type { KafkaCluster } from './client.ts';
import type { ConsumedRecord } from './consumer.ts';
import { brokerErrorType, kafkaError } from './errors.ts';
import { type OffsetRange, offsetRanges } from './topics.ts';

export interface ReadTopicOptions {
  readonly kafka: KafkaCluster;
  readonly topic: string;
  /** Only so many of the newest records of each partition; all when absent. */
  readonly lastRecords?: number;
  onRecord(record: ConsumedRecord, partition: number): Promise<void> | void;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/**
 * Reads what a topic holds now, up to the end it has when called, and returns the number of records seen. Commits nothing.
 * Errors: KAFKA_UNAVAILABLE, also when the signal is aborted before the end; what `onRecord` throws.
 */
export async function readTopic(o: ReadTopicOptions): Promise<number> {
  const ranges = (await offsetRanges(o.kafka, o.topic)).filter(({ first, next }) => next > first);
  if (ranges.length === 0) return 0;
  const seen = { count: 0 };
  for (let attempt = 0; ; attempt++) {
    try {
      await readRanges(o, new Map(ranges.map((range) => [range.partition, range])), seen);
      return seen.count;
    } catch (error) {
      if (seen.count > 0 || !isStillStarting(error) || attempt === STARTING_ATTEMPTS) throw error;
      await sleep(backoffMs(attempt), o.signal);
    }
  }
}

/** A broker that was started a moment ago refuses to let anybody join a group; kafkajs gives up at once then, before any record. */
const STARTING = new Set(['GROUP_LOAD_IN_PROGRESS', 'GROUP_COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR_FOR_GROUP']);
const STARTING_ATTEMPTS = 10;

function isStillStarting(error: unknown): boolean {
  return STARTING.has(brokerErrorType(error) ?? '');
}

async function readRanges(o: ReadTopicOptions, left: Map<number, OffsetRange>, seen: { count: number }): Promise<void> {
  // A group of its own that never commits: once its only member leaves, Kafka drops it at its next clean-up.
  const consumer = o.kafka.consumer({
    groupId: `zeelos-read-${randomUUID()}`,
    maxWaitTimeInMs: 100,
    allowAutoTopicCreation: false,
    retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: async () => false },
  });
  const { promise: finished, resolve, reject } = Promise.withResolvers<void>();
  const givenUp = new PlatformError('KAFKA_UNAVAILABLE', `reading ${o.topic} was given up`);
  if (o.signal.aborted) throw givenUp;
  const onAbort = () => reject(givenUp);
  o.signal.addEventListener('abort', onAbort, { once: true });
  // A seek is only taken once the group is joined.
  consumer.on(consumer.events.GROUP_JOIN, () => seekToStarts(o, consumer, left));
  consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
  // Also told of batches that hold nothing but markers of transactions, which are never handed over.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, lastOffset } }) => {
    const range = left.get(partition);
    if (range !== undefined && BigInt(lastOffset) + 1n >= range.next) left.delete(partition);
    if (left.size === 0) resolve();
  });
  const handOver = async ({ batch }: EachBatchPayload): Promise<void> => {
    const range = left.get(batch.partition);
    if (range === undefined) return;
    for (const record of batch.messages) {
      if (BigInt(record.offset) >= range.next) break;
      seen.count++;
      await o.onRecord(record as ConsumedRecord, batch.partition);
    }
  };
  const run = async (): Promise<void> => {
    await consumer.connect();
    await consumer.subscribe({ topic: o.topic, fromBeginning: true });
    // What the caller throws is passed on: kafkajs would hand the same records over again.
    const eachBatch = (payload: EachBatchPayload) =>
      handOver(payload).catch((error: unknown) => {
        left.clear();
        reject(error);
      });
    await consumer.run({ autoCommit: false, eachBatch });
    await finished;
  };
  try {
    await Promise.race([run(), finished]);
  } catch (error) {
    throw error instanceof Error && 'retriable' in error ? kafkaError(error, `reading ${o.topic}`) : error;
  } finally {
    o.signal.removeEventListener('abort', onAbort);
    await consumer
      .disconnect()
      .catch((error: unknown) => o.log.debug({ reason: messageOf(error) }, 'closing a reader'));
  }
}

function seekToStarts(
  o: ReadTopicOptions,
  consumer: { seek(at: { topic: string; partition: number; offset: string }): void },
  left: ReadonlyMap<number, OffsetRange>,
): void {
  if (o.lastRecords === undefined) return;
  for (const { partition, first, next } of left.values()) {
    const start = next - BigInt(o.lastRecords);
    if (start > first) consumer.seek({ topic: o.topic, partition, offset: start.toString() });
  }
}
