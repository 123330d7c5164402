import { randomUUID } from 'node:crypto';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { KafkaCluster } from './client.ts';
import type { ConsumedRecord } from './consumer.ts';
import { kafkaError } from './errors.ts';
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
 * Errors: KAFKA_UNAVAILABLE.
 */
export async function readTopic(o: ReadTopicOptions): Promise<number> {
  const left = new Map<number, OffsetRange>();
  for (const range of await offsetRanges(o.kafka, o.topic))
    if (range.next > range.first) left.set(range.partition, range);
  if (left.size === 0) return 0;
  return await readRanges(o, left);
}

async function readRanges(o: ReadTopicOptions, left: Map<number, OffsetRange>): Promise<number> {
  // A group of its own that never commits: Kafka drops it as soon as its only member leaves.
  const consumer = o.kafka.consumer({
    groupId: `zeelos-read-${randomUUID()}`,
    maxWaitTimeInMs: 100,
    allowAutoTopicCreation: false,
    retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: async () => false },
  });
  let count = 0;
  try {
    await consumer.connect();
    await consumer.subscribe({ topic: o.topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      o.signal.addEventListener('abort', () => reject(kafkaError(new Error('stopped'), `reading ${o.topic}`)), {
        once: true,
      });
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer
        .run({
          autoCommit: false,
          eachBatch: async ({ batch }) => {
            const range = left.get(batch.partition);
            if (range === undefined) return;
            for (const record of batch.messages) {
              if (BigInt(record.offset) >= range.next) break;
              await o.onRecord(record as ConsumedRecord, batch.partition);
              count++;
            }
            if (BigInt(batch.lastOffset()) + 1n >= range.next) left.delete(batch.partition);
            if (left.size === 0) resolve();
          },
        })
        .then(() => seekToStarts(o, consumer, left), reject);
    });
    return count;
  } catch (error) {
    throw kafkaError(error, `reading ${o.topic}`);
  } finally {
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
