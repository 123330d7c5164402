import { PlatformError } from '../common/errors.ts';
import { TOPICS, type TopicRow } from '../schemas/topics.ts';

export type DirectionName = 'up' | 'down';
export type Side = 'edge' | 'cloud';

export interface CopiedTopic {
  readonly topic: string;
  /** What the topic table asks for on each side; a side may have more. */
  readonly partitions: Readonly<Record<Side, number>>;
  readonly cleanup: TopicRow['cleanup'];
}

export interface Direction {
  readonly name: DirectionName;
  readonly source: Side;
  readonly target: Side;
  readonly topics: readonly CopiedTopic[];
}

const SIDES = { up: ['edge', 'cloud'], down: ['cloud', 'edge'] } as const;

/**
 * What one gateway's replicator copies. Rows that stay at the edge are in neither direction.
 * Errors: REPLICATION_OVERLAP when a topic would go both ways: with equal names on both sides it would circle for ever.
 */
export function planDirections(gatewayId: string, rows: readonly TopicRow[] = Object.values(TOPICS)): Direction[] {
  const directions = (['up', 'down'] as const).map((name) => {
    const [source, target] = SIDES[name];
    const own = rows.filter((row) => row.direction === name);
    const topics = own.map((row) => ({
      topic: row.nameFor(gatewayId),
      partitions: row.partitions,
      cleanup: row.cleanup,
    }));
    return { name, source, target, topics };
  });
  refuseOverlap(
    directions,
    new Set(rows.filter((row) => row.direction === 'edge').map((row) => row.nameFor(gatewayId))),
  );
  return directions;
}

function refuseOverlap(directions: readonly Direction[], stayingAtEdge: ReadonlySet<string>): void {
  const seen = new Set(stayingAtEdge);
  for (const { topics } of directions) {
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

/** Where a direction keeps its offsets: on its source cluster. */
export function groupOf(gatewayId: string, direction: DirectionName): string {
  return `zeelos-replicator.${gatewayId}.${direction}`;
}
