import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { KafkaCluster } from './client.ts';
import { AssignerProtocol } from './kafkajs.ts';
import { keepJoined } from './keep-joined.ts';

export interface MemberSlotsOptions {
  readonly kafka: KafkaCluster;
  readonly groupId: string;
  /** A topic with one partition for each slot; nothing is written to it. */
  readonly topic: string;
  /** The slots that this member has from now on, at each change. */
  onSlots(slots: ReadonlySet<number>): void;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** How long the others wait for a member that says nothing. */
  readonly sessionTimeoutMs?: number;
}

const DEFAULT_SESSION_TIMEOUT_MS = 10_000;

/**
 * Shares numbered slots among the members of a consumer group: Kafka's group protocol says who has which, and notices who is gone. A
 * member that cannot reach Kafka keeps what it had, so a slot may have two owners for a while. Returns when the signal is aborted.
 */
export async function shareSlots(o: MemberSlotsOptions): Promise<void> {
  await keepJoined(o, () => shareUntilCrash(o));
}

async function shareUntilCrash(o: MemberSlotsOptions): Promise<string> {
  const sessionTimeout = o.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS;
  const consumer = o.kafka.consumer({
    groupId: o.groupId,
    sessionTimeout,
    rebalanceTimeout: sessionTimeout,
    heartbeatInterval: Math.min(2_000, sessionTimeout / 4),
    maxWaitTimeInMs: Math.min(2_000, sessionTimeout / 4),
    partitionAssigners: [inOrder],
    allowAutoTopicCreation: false,
    retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: async () => false },
  });
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  const onAbort = () => resolve('stopped');
  o.signal.addEventListener('abort', onAbort, { once: true });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => o.onSlots(new Set(payload.memberAssignment[o.topic] ?? [])));
  consumer.on(consumer.events.CRASH, ({ payload }) => resolve(messageOf(payload.error)));
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [o.topic] });
    await consumer.run({ autoCommit: false, eachBatch: async () => undefined });
    return await ended;
  } catch (error) {
    return messageOf(error);
  } finally {
    o.signal.removeEventListener('abort', onAbort);
    await consumer.disconnect().catch((error: unknown) => o.log.debug({ reason: messageOf(error) }, 'leaving a group'));
  }
}

interface Assigner {
  readonly cluster: { findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[] };
}

/** Kafka's round robin, over the partitions in the order of their numbers: neighbours go to different members. */
function inOrder({ cluster }: Assigner) {
  const name = 'RoundRobinAssigner';
  const version = 0;
  return {
    name,
    version,
    async assign({ members, topics }: { members: readonly { memberId: string }[]; topics: readonly string[] }) {
      const sorted = members.map(({ memberId }) => memberId).sort();
      const shares = new Map(sorted.map((memberId) => [memberId, {} as Record<string, number[]>]));
      for (const topic of topics) {
        const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
        for (const [at, partition] of partitions.sort((one, other) => one - other).entries()) {
          const share = shares.get(sorted[at % sorted.length]!)!;
          share[topic] = [...(share[topic] ?? []), partition];
        }
      }
      return [...shares].map(([memberId, assignment]) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({ version, assignment, userData: Buffer.alloc(0) }),
      }));
    },
    protocol: ({ topics }: { topics: string[] }) => ({
      name,
      metadata: AssignerProtocol.MemberMetadata.encode({ version, topics, userData: Buffer.alloc(0) }),
    }),
  };
}
