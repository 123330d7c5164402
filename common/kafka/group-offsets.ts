import { messageOf } from '../errors.ts';
import type { KafkaCluster } from './client.ts';
import { brokerErrorType, kafkaError } from './errors.ts';
import { openInnerCluster } from './kafkajs-fetch.ts';

export interface GroupOffset {
  readonly topic: string;
  readonly partition: number;
  /** The next record that the group will read. */
  readonly next: bigint;
}

/** All offsets that a group has committed. Errors: KAFKA_UNAVAILABLE. */
export async function groupOffsets(kafka: KafkaCluster, groupId: string): Promise<readonly GroupOffset[]> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const found = await admin.fetchOffsets({ groupId });
    return found
      .flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => ({ topic, partition, next: BigInt(offset) })),
      )
      .filter(({ next }) => next >= 0n);
  } catch (error) {
    throw kafkaError(error, `reading the offsets of ${groupId}`);
  } finally {
    await admin.disconnect();
  }
}

/** What the coordinator answers while the group has members. */
const IN_USE = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS', 'NON_EMPTY_GROUP']);

interface Coordinator {
  offsetCommit(o: {
    groupId: string;
    groupGenerationId: number;
    memberId: string;
    retentionTime: number;
    topics: readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[];
  }): Promise<unknown>;
}

/** Of a commit by nobody of the group, which the coordinator takes while it has no members. */
const NO_GENERATION = -1;
const AS_THE_BROKER_HAS_IT = -1;

/** Commits for a group that nobody is in; false while somebody is. Errors: KAFKA_UNAVAILABLE, KAFKA_REFUSED. */
export async function commitGroupOffsets(
  kafka: KafkaCluster,
  groupId: string,
  offsets: readonly GroupOffset[],
): Promise<boolean> {
  const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([topic, partitions]) => ({
    topic,
    partitions: partitions.map(({ partition, next }) => ({ partition, offset: String(next) })),
  }));
  const cluster = openInnerCluster(kafka);
  try {
    await cluster.connect();
    const coordinator = (await cluster.findGroupCoordinator({ groupId })) as Coordinator;
    const asNobody = { groupGenerationId: NO_GENERATION, memberId: '', retentionTime: AS_THE_BROKER_HAS_IT };
    await coordinator.offsetCommit({ groupId, ...asNobody, topics });
    return true;
  } catch (error) {
    if (IN_USE.has(brokerErrorType(error) ?? '')) return false;
    throw kafkaError(error, `committing for ${groupId}`);
  } finally {
    await cluster.disconnect();
  }
}

/** Forgets all that a group committed; false while somebody is in it. Errors: KAFKA_UNAVAILABLE. */
export async function deleteGroup(kafka: KafkaCluster, groupId: string): Promise<boolean> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    await admin.deleteGroups([groupId]);
    return true;
  } catch (error) {
    const refusals = (error as { groups?: readonly { error?: { type?: string } }[] }).groups ?? [];
    const types = [brokerErrorType(error), ...refusals.map((one) => one.error?.type)];
    if (types.includes('GROUP_ID_NOT_FOUND')) return true;
    if (types.some((type) => IN_USE.has(type ?? ''))) return false;
    throw kafkaError(error, `deleting the group ${groupId}: ${messageOf(error)}`);
  } finally {
    await admin.disconnect();
  }
}
