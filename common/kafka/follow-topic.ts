import { randomUUID } from 'node:crypto';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { KafkaCluster } from './client.ts';
import type { ConsumedRecord } from './consumer.ts';
import { kafkaError } from './errors.ts';
import { offsetRanges } from './topics.ts';

export interface FollowTopicOptions {
  readonly kafka: KafkaCluster;
  readonly topic: string;
  readonly from: 'beginning' | 'end';
  onRecord(record: ConsumedRecord, partition: number): Promise<void> | void;
  /** From here on no new record is missed. */
  onReady?(): void;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** Reads a topic from its beginning or from its present end until the signal is aborted. Commits nothing. Errors: KAFKA_UNAVAILABLE, KAFKA_REFUSED. */
export async function followTopic(o: FollowTopicOptions): Promise<void> {
  const ranges = await offsetRanges(o.kafka, o.topic);
  const consumer = o.kafka.consumer({
    groupId: `zeelos-follow-${randomUUID()}`,
    maxWaitTimeInMs: 250,
    allowAutoTopicCreation: false,
    // On a new cluster the first group waits while the topic of its offsets is made; a crash before the seek below would end it.
    retry: { retries: 20, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: async () => true },
  });
  // Told at each joining of the group, also after kafkajs started over: only then can it be told where to read on.
  const nextOffsets = new Map(ranges.map(({ partition, first, next }) => [partition, o.from === 'end' ? next : first]));
  let ready = false;
  consumer.on(consumer.events.GROUP_JOIN, () => {
    for (const [partition, next] of nextOffsets) consumer.seek({ topic: o.topic, partition, offset: next.toString() });
    if (!ready) o.onReady?.();
    ready = true;
  });
  const stopped = new Promise<void>((resolve) => o.signal.addEventListener('abort', () => resolve(), { once: true }));
  try {
    await consumer.connect();
    await consumer.subscribe({ topic: o.topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ message, partition }) => {
        await o.onRecord(message as ConsumedRecord, partition);
        nextOffsets.set(partition, BigInt(message.offset) + 1n);
      },
    });
    if (!o.signal.aborted) await stopped;
  } catch (error) {
    throw kafkaError(error, `following ${o.topic}`);
  } finally {
    await consumer
      .disconnect()
      .catch((error: unknown) => o.log.debug({ reason: messageOf(error) }, 'closing a follower'));
  }
}
