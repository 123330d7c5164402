import { messageOf } from '../common/errors.ts';
import type { KafkaCluster } from '../common/kafka/client.ts';
import { type ConsumeBytesOptions, consumeBytes } from '../common/kafka/consume-bytes.ts';
import { partitionCounts } from '../common/kafka/topics.ts';
import { sleep } from '../common/lifecycle.ts';

export interface TopicRoundsOptions extends ConsumeBytesOptions {
  readonly topicCheckMs: number;
  /** Which topics to take now, instead of those of `topics` that exist. Errors: retriable ones. */
  choose?(): Promise<readonly string[]>;
  /** Told the topics that are waited for, at each change. */
  onTopics(present: readonly string[], missing: readonly string[]): void;
}

/**
 * `consumeBytes` over those of the topics that exist; looked at again in intervals, so that a gateway may be enrolled later and a topic made
 * anew. kafkajs fails as a whole when one topic of a subscription does not exist, hence the rounds: each consumes a fixed set.
 */
export async function consumeAsTopicsAppear(o: TopicRoundsOptions): Promise<void> {
  let present: readonly string[] = [];
  while (!o.signal.aborted) {
    const round = new AbortController();
    const signal = AbortSignal.any([o.signal, round.signal]);
    const topics = present;
    // A fault of `consumeBytes` itself ends the watch too, and is thrown by the last line.
    const consuming =
      topics.length === 0 ? Promise.resolve() : consumeBytes({ ...o, topics, signal }).finally(() => round.abort());
    try {
      present = await nextTopics(o, topics, signal);
    } finally {
      round.abort();
      await consuming;
    }
  }
}

/** Resolves once other topics exist than those given, or on abort. */
async function nextTopics(
  o: TopicRoundsOptions,
  now: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  let first = now.length === 0;
  while (!signal.aborted) {
    if (!first) await sleep(o.topicCheckMs, signal);
    first = false;
    const present = await presentTopics(o.kafka, o);
    if (present === undefined || signal.aborted) continue;
    o.onTopics(
      present,
      o.topics.filter((topic) => !present.includes(topic)),
    );
    if (present.join() !== now.join()) return present;
  }
  return now;
}

/** Undefined while Kafka does not answer: that says nothing about the topics. */
async function presentTopics(kafka: KafkaCluster, o: TopicRoundsOptions): Promise<readonly string[] | undefined> {
  try {
    if (o.choose !== undefined) return await o.choose();
    const counts = await partitionCounts(kafka, o.topics);
    return o.topics.filter((topic) => counts.has(topic));
  } catch (error) {
    o.log.debug({ reason: messageOf(error) }, 'looking for topics');
    return undefined;
  }
}
