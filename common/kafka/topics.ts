import { backoffMs, sleep } from '../lifecycle.ts';
import type { KafkaCluster } from './client.ts';
import { brokerErrorType, kafkaError } from './errors.ts';

export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  /** Broker settings by their Kafka names; taken when the topic is made, not altered afterwards. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Creates what is missing and adds partitions where there are fewer; never deletes, never shrinks. Safe to run twice at once. */
export async function ensureTopics(kafka: KafkaCluster, specs: readonly TopicSpec[]): Promise<void> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const existing = new Set(await admin.listTopics());
    const missing = specs.filter((spec) => !existing.has(spec.topic));
    if (missing.length > 0) {
      await admin.createTopics({
        waitForLeaders: true,
        topics: missing.map(({ topic, partitions, settings }) => ({
          topic,
          numPartitions: partitions,
          replicationFactor: -1,
          configEntries: Object.entries(settings ?? {}).map(([name, value]) => ({ name, value })),
        })),
      });
    }
    const present = specs.filter((spec) => existing.has(spec.topic));
    if (present.length > 0) await growPartitions(admin, present);
  } catch (error) {
    throw kafkaError(error, 'preparing topics');
  } finally {
    await admin.disconnect();
  }
}

async function growPartitions(admin: ReturnType<KafkaCluster['admin']>, specs: readonly TopicSpec[]): Promise<void> {
  const { topics } = await admin.fetchTopicMetadata({ topics: specs.map((spec) => spec.topic) });
  const counts = new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
  const growing = specs.filter((spec) => (counts.get(spec.topic) ?? 0) < spec.partitions);
  if (growing.length === 0) return;
  await admin.createPartitions({
    topicPartitions: growing.map(({ topic, partitions }) => ({ topic, count: partitions })),
  });
}

/** First and next offset of each partition. */
export interface OffsetRange {
  readonly partition: number;
  readonly first: bigint;
  readonly next: bigint;
}

/** A partition that was made, or moved, a moment ago has an address before it has a leader there. */
const WITHOUT_LEADER = new Set(['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE']);
/** A second or two in all. */
const LEADER_ATTEMPTS = 5;

/** Errors: KAFKA_NO_TOPIC, KAFKA_UNAVAILABLE. */
export async function offsetRanges(kafka: KafkaCluster, topic: string): Promise<readonly OffsetRange[]> {
  for (let attempt = 0; ; attempt++) {
    try {
      // Asked anew with new metadata: kafkajs keeps those that it has.
      return await readOffsetRanges(kafka, topic);
    } catch (error) {
      if (!WITHOUT_LEADER.has(brokerErrorType(error) ?? '') || attempt === LEADER_ATTEMPTS) throw error;
      await sleep(backoffMs(attempt));
    }
  }
}

async function readOffsetRanges(kafka: KafkaCluster, topic: string): Promise<readonly OffsetRange[]> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const offsets = await admin.fetchTopicOffsets(topic);
    return offsets.map(({ partition, low, high }) => ({ partition, first: BigInt(low), next: BigInt(high) }));
  } catch (error) {
    throw kafkaError(error, `reading offsets of ${topic}`);
  } finally {
    await admin.disconnect();
  }
}

/** Names of all topics. Errors: KAFKA_UNAVAILABLE. */
export async function topicNames(kafka: KafkaCluster): Promise<readonly string[]> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await admin.listTopics();
  } catch (error) {
    throw kafkaError(error, 'listing topics');
  } finally {
    await admin.disconnect();
  }
}

/** The id that a cluster was formatted with: the same at whatever address it is reached. Errors: KAFKA_UNAVAILABLE. */
export async function clusterIdOf(kafka: KafkaCluster): Promise<string> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return (await admin.describeCluster()).clusterId;
  } catch (error) {
    throw kafkaError(error, 'asking for the cluster id');
  } finally {
    await admin.disconnect();
  }
}

/** Number of partitions by topic; topics that are not there are left out. Errors: KAFKA_UNAVAILABLE. */
export async function partitionCounts(
  kafka: KafkaCluster,
  topics: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const existing = new Set(await admin.listTopics());
    const present = topics.filter((topic) => existing.has(topic));
    if (present.length === 0) return new Map();
    const metadata = await admin.fetchTopicMetadata({ topics: present });
    return new Map(metadata.topics.map(({ name, partitions }) => [name, partitions.length]));
  } catch (error) {
    throw kafkaError(error, 'counting partitions');
  } finally {
    await admin.disconnect();
  }
}

/** Next offset that a group will read, by partition; partitions that it never committed are left out. Errors: KAFKA_UNAVAILABLE. */
export async function committedOffsets(
  kafka: KafkaCluster,
  groupId: string,
  topic: string,
): Promise<ReadonlyMap<number, bigint>> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
    const offsets = (found?.partitions ?? []).map(({ partition, offset }) => [partition, BigInt(offset)] as const);
    return new Map(offsets.filter(([, offset]) => offset >= 0n));
  } catch (error) {
    throw kafkaError(error, `reading committed offsets of ${topic}`);
  } finally {
    await admin.disconnect();
  }
}
