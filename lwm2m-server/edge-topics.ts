import { TOPICS } from '../schemas/topics.ts';
import { CLAIMS_TOPIC_SETTINGS, claimsTopic } from './fencing/server-claim.ts';

/** Cleaned often enough that a restart reads little more than what lives: small segments, a low share of dead records. */
const COMPACTED = {
  'cleanup.policy': 'compact',
  'segment.bytes': String(16 * 2 ** 20),
  'min.cleanable.dirty.ratio': '0.2',
};

/** The topics of a gateway as its server makes them. */
export function edgeTopics(gatewayId: string) {
  const rows = Object.values(TOPICS).map((row) => ({
    topic: row.nameFor(gatewayId),
    partitions: row.partitions.edge,
    settings: row.cleanup === 'compact' ? COMPACTED : {},
  }));
  return [
    { topic: claimsTopic(gatewayId), partitions: 1, settings: CLAIMS_TOPIC_SETTINGS },
    ...rows,
    { topic: `${TOPICS.requests.nameFor(gatewayId)}.dlq`, partitions: 1 },
  ];
}

/** What only one server may write, its claims first. Dead requests are left out: one that stands there twice does no harm. */
export function fencedTopics(gatewayId: string): readonly string[] {
  const { registrations, observations, replies, state } = TOPICS;
  const rows = [state, registrations, observations, replies];
  return [claimsTopic(gatewayId), ...rows.map((row) => row.nameFor(gatewayId))];
}
