import type { KafkaCluster } from '../common/kafka/client.ts';
import { clusterIdOf, ensureTopics, partitionCounts, type TopicSpec } from '../common/kafka/topics.ts';
import { untilDone } from '../common/lifecycle.ts';
import type { Log } from '../common/log.ts';
import type { CopiedTopic, Side } from './directions.ts';

export type Clusters = Readonly<Record<Side, KafkaCluster>>;

/** Kafka ≥ 4.0 refuses records from more than an hour ahead. A gateway whose clock is wrong would block its own copy for ever. */
const ANY_TIMESTAMP = (2n ** 63n - 1n).toString();

function specFor(topic: CopiedTopic, partitions: number): TopicSpec {
  return {
    topic: topic.topic,
    partitions,
    settings: {
      'cleanup.policy': topic.cleanup,
      'message.timestamp.type': 'CreateTime',
      'message.timestamp.after.max.ms': ANY_TIMESTAMP,
    },
  };
}

/**
 * Waits for a side, however long it is away, makes its topics as the table asks and returns its cluster id.
 * Undefined when the signal was aborted before. Errors: KAFKA_REFUSED.
 */
export async function reachSide(o: {
  readonly side: Side;
  readonly kafka: KafkaCluster;
  readonly topics: readonly CopiedTopic[];
  readonly signal: AbortSignal;
  readonly log: Log;
}): Promise<string | undefined> {
  return await untilDone(`reaching Kafka, ${o.side}`, o, async () => {
    const id = await clusterIdOf(o.kafka);
    await ensureTopics(
      o.kafka,
      o.topics.map((topic) => specFor(topic, topic.partitions[o.side])),
    );
    o.log.info({ side: o.side, clusterId: id }, 'Kafka reached');
    return id;
  });
}

/** Knows how many partitions the target topics have, and makes and grows them before they are needed. */
export class TargetTopics {
  readonly #clusters: Clusters;
  readonly #source: Side;
  readonly #target: Side;
  readonly #topics: ReadonlyMap<string, CopiedTopic>;
  readonly #known = new Map<string, number>();

  constructor(clusters: Clusters, sides: { source: Side; target: Side; topics: readonly CopiedTopic[] }) {
    this.#clusters = clusters;
    this.#source = sides.source;
    this.#target = sides.target;
    this.#topics = new Map(sides.topics.map((topic) => [topic.topic, topic]));
  }

  /**
   * Makes sure that the target has this partition. True when it had to ask for it: what a producer knows is then out of date.
   * Errors: KAFKA_UNAVAILABLE, KAFKA_REFUSED.
   */
  async prepare(topic: string, partition: number): Promise<boolean> {
    if (partition < (this.#known.get(topic) ?? 0)) return false;
    const row = this.#topics.get(topic)!;
    const ofSource = (await partitionCounts(this.#clusters[this.#source], [topic])).get(topic) ?? 0;
    const wanted = Math.max(row.partitions[this.#target], ofSource, partition + 1);
    await ensureTopics(this.#clusters[this.#target], [specFor(row, wanted)]);
    this.#known.set(topic, wanted);
    return true;
  }

  /** What was known is no longer so: somebody removed the topic. */
  forget(topic: string): void {
    this.#known.delete(topic);
  }
}
