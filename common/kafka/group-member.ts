import type { PartitionAssigner } from 'kafkajs';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { KafkaCluster } from './client.ts';
import { AssignerProtocol } from './kafkajs.ts';
import { keepJoined } from './keep-joined.ts';
import { assignSticky } from './sticky-assigner.ts';

export interface GroupMemberOptions {
  readonly kafka: KafkaCluster;
  readonly groupId: string;
  readonly topic: string;
  /** How long the group waits for a member that says nothing. */
  readonly sessionTimeoutMs: number;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** What this member works on, told to the group so that it keeps it. */
  held(): readonly number[];
  /** Told after each joining; those that are missing belong to others now. */
  onAssigned(partitions: readonly number[]): void;
}

const ASSIGNER = 'zeelos-sticky-v1';
const PAUSED_POLL_MS = 250;

/**
 * Takes part in a consumer group until the signal is aborted, without reading anything: the group shares out the partitions of a topic,
 * and whoever holds one reads it by himself. Partitions stay with their member as far as that is fair. During a change members go on
 * with what they hold: who writes must fence, as TransactionalProducer does. Outages are waited out.
 */
export async function takePartInGroup(o: GroupMemberOptions): Promise<void> {
  await keepJoined(o, () => memberUntilCrash(o));
}

async function memberUntilCrash(o: GroupMemberOptions): Promise<string> {
  const consumer = o.kafka.consumer({
    groupId: o.groupId,
    partitionAssigners: [stickyAssigner(o)],
    sessionTimeout: o.sessionTimeoutMs,
    rebalanceTimeout: o.sessionTimeoutMs,
    heartbeatInterval: Math.min(1_000, o.sessionTimeoutMs / 4),
    metadataMaxAge: 30_000,
    maxWaitTimeInMs: PAUSED_POLL_MS,
    allowAutoTopicCreation: false,
    retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: async () => false },
  });
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  const onAbort = () => end('stopped');
  o.signal.addEventListener('abort', onAbort, { once: true });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    // Nothing is ever fetched: with all paused kafkajs only keeps the membership alive.
    consumer.pause([{ topic: o.topic }]);
    o.onAssigned(payload.memberAssignment[o.topic] ?? []);
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => end(messageOf(payload.error)));
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [o.topic], fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatch: async () => undefined });
    if (o.signal.aborted) return 'stopped';
    return await ended;
  } catch (error) {
    return messageOf(error);
  } finally {
    o.signal.removeEventListener('abort', onAbort);
    await consumer.disconnect().catch((error: unknown) => o.log.debug({ reason: messageOf(error) }, 'leaving a group'));
  }
}

/** Each member sends what it holds as the user data of its metadata; the leader shares out by it. */
function stickyAssigner(o: GroupMemberOptions): PartitionAssigner {
  const { MemberAssignment, MemberMetadata } = AssignerProtocol;
  return ({ cluster }) => ({
    name: ASSIGNER,
    version: 0,
    protocol: ({ topics }) => ({
      name: ASSIGNER,
      metadata: MemberMetadata.encode({ version: 0, topics, userData: Buffer.from(JSON.stringify(o.held())) }),
    }),
    assign: async ({ members }) => {
      const partitions = cluster.findTopicPartitionMetadata(o.topic).map(({ partitionId }) => partitionId);
      const before = new Map(
        members.map(({ memberId, memberMetadata }) => [memberId, heldIn(MemberMetadata.decode(memberMetadata))]),
      );
      const shares = assignSticky(
        partitions.sort((one, other) => one - other),
        before,
      );
      return [...shares].map(([memberId, own]) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({
          version: 0,
          assignment: own.length === 0 ? {} : { [o.topic]: own },
          userData: Buffer.alloc(0),
        }),
      }));
    },
  });
}

/** Another program under the same name might say anything. */
function heldIn(metadata: { readonly userData: Buffer } | null): readonly number[] {
  try {
    const held: unknown = JSON.parse(String(metadata?.userData));
    return Array.isArray(held) ? held.filter((one) => Number.isSafeInteger(one)) : [];
  } catch {
    return [];
  }
}
