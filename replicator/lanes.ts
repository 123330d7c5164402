import { PlatformError } from '../common/errors.ts';
import { TOPICS, type TopicRow } from '../schemas/topics.ts';

export type Side = 'edge' | 'cloud';

/**
 * A lane copies some topics one way, under a transactional id and over connections of its own: what is urgent never waits for
 * the bulk. The number is its partition in the topic of the positions.
 */
export const LANES = {
  'up-urgent': { source: 'edge', target: 'cloud', number: 0 },
  'up-bulk': { source: 'edge', target: 'cloud', number: 1 },
  down: { source: 'cloud', target: 'edge', number: 0 },
} as const satisfies Record<string, { source: Side; target: Side; number: number }>;

export type LaneName = keyof typeof LANES;

export interface CopiedTopic {
  readonly topic: string;
  /** What the topic table asks for on each side; a side may have more. */
  readonly partitions: Readonly<Record<Side, number>>;
  readonly cleanup: TopicRow['cleanup'];
}

export interface LanePlan {
  readonly name: LaneName;
  readonly source: Side;
  readonly target: Side;
  readonly topics: readonly CopiedTopic[];
}

/** The one table row whose records come by the thousand. */
const BULK = TOPICS.observations;

/**
 * What one gateway's replicator copies. Rows that stay at the edge are in no lane.
 *
 * @param upTopics further topics that go up, in the bulk lane
 * Errors: REPLICATION_OVERLAP when a topic would go both ways: with equal names on both sides it would circle for ever.
 * CONFIG_INVALID for a further topic that belongs to another gateway.
 */
export function planLanes(
  gatewayId: string,
  upTopics: readonly string[] = [],
  rows: readonly TopicRow[] = Object.values(TOPICS),
): LanePlan[] {
  const plan = (name: LaneName, topics: readonly CopiedTopic[]): LanePlan => ({ name, ...LANES[name], topics });
  const copied = (row: TopicRow): CopiedTopic => ({
    topic: row.nameFor(gatewayId),
    partitions: row.partitions,
    cleanup: row.cleanup,
  });
  const up = rows.filter(({ direction }) => direction === 'up');
  const known = new Set(up.map((row) => row.nameFor(gatewayId)));
  const further = [...new Set(upTopics)]
    .filter((topic) => !known.has(topic))
    .map((topic) => furtherTopic(gatewayId, topic));
  const lanes = [
    plan('up-urgent', [...up.filter((row) => !isBulk(row)).map(copied), ...ownTopics(gatewayId)]),
    plan('up-bulk', [...up.filter(isBulk).map(copied), ...further]),
    plan('down', rows.filter(({ direction }) => direction === 'down').map(copied)),
  ];
  const staying = rows.filter(({ direction }) => direction === 'edge').map((row) => row.nameFor(gatewayId));
  // What the analytics at the edge give goes up by setting.
  refuseOverlap(lanes, new Set(staying.filter((topic) => !topic.startsWith(`analytics.${gatewayId}.`))));
  return lanes;
}

function isBulk(row: TopicRow): boolean {
  return row.nameFor('x') === BULK.nameFor('x');
}

/** Where gaps are reported: written by whoever finds one, on the side that misses the records. */
export function eventsTopicOf(gatewayId: string): string {
  return `iot.${gatewayId}.replication.events`;
}

/** A beat of the replicator at the edge, with its lag: what the cloud sees of it when nothing else comes. */
export function heartbeatTopicOf(gatewayId: string): string {
  return `iot.${gatewayId}.replication.heartbeat`;
}

/** How far each lane is, on its target; never copied. */
export function positionsTopicOf(gatewayId: string): string {
  return `iot.${gatewayId}.replication.positions`;
}

function ownTopics(gatewayId: string): CopiedTopic[] {
  return [eventsTopicOf(gatewayId), heartbeatTopicOf(gatewayId)].map((topic) => ({
    topic,
    partitions: { edge: 1, cloud: 1 },
    cleanup: 'delete',
  }));
}

function furtherTopic(gatewayId: string, topic: string): CopiedTopic {
  if (!topic.startsWith(`iot.${gatewayId}.`) && !topic.startsWith(`analytics.${gatewayId}.`))
    throw new PlatformError(
      'CONFIG_INVALID',
      `${topic} is no topic of gateway ${gatewayId}: it begins with neither iot.${gatewayId}. nor analytics.${gatewayId}.`,
    );
  if (topic === positionsTopicOf(gatewayId))
    throw new PlatformError('REPLICATION_OVERLAP', `${topic} belongs to the replicator of each side`, {
      details: { topic },
    });
  return { topic, partitions: { edge: 1, cloud: 1 }, cleanup: 'delete' };
}

function refuseOverlap(lanes: readonly LanePlan[], stayingAtEdge: ReadonlySet<string>): void {
  const seen = new Set(stayingAtEdge);
  for (const { topics } of lanes) {
    for (const { topic } of topics) {
      if (seen.has(topic)) {
        throw new PlatformError('REPLICATION_OVERLAP', `${topic} has more than one direction`, { details: { topic } });
      }
      seen.add(topic);
    }
  }
}

/** Errors: REPLICATION_OVERLAP when both addresses lead to one cluster: each record would be copied behind itself, without end. */
export function refuseSameCluster(ids: Readonly<Record<Side, string>>): void {
  if (ids.edge !== ids.cloud) return;
  throw new PlatformError('REPLICATION_OVERLAP', 'the edge and the cloud brokers belong to one and the same cluster', {
    details: { clusterId: ids.edge },
  });
}

/** The transactional id of a lane: a second replicator of this gateway shuts the first out by it. */
export function transactionalIdOf(gatewayId: string, lane: LaneName): string {
  return `zeelos-replicator.${gatewayId}.${lane}`;
}
