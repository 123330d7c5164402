import { openHealth } from '../common/health.ts';
import { connectKafka } from '../common/kafka/client.ts';
import { Closers } from '../common/lifecycle.ts';
import type { Log } from '../common/log.ts';
import type { SettingsOf } from '../common/settings.ts';
import { type Clusters, reachSide } from './cluster-sides.ts';
import { createCopyMetrics } from './copy-metrics.ts';
import { type Direction, planDirections, refuseSameCluster, type Side } from './directions.ts';
import { Flow } from './flow.ts';
import type { REPLICATOR_SETTINGS } from './settings.ts';

/**
 * Copies between one gateway's Kafka and the cloud's, both ways, from the edge: it only opens connections, never takes any.
 * Starts with either side away and waits. Errors: TRANSPORT_BIND, REPLICATION_OVERLAP, KAFKA_REFUSED.
 */
export async function main(
  settings: SettingsOf<typeof REPLICATOR_SETTINGS>,
  context: { readonly signal: AbortSignal; readonly log: Log },
): Promise<void> {
  const { gatewayId } = settings;
  const { log } = context;
  const directions = planDirections(gatewayId);
  const closers = new Closers(log);
  // Ends what is still waiting when one part fails for good.
  const ending = new AbortController();
  const signal = AbortSignal.any([context.signal, ending.signal]);
  try {
    const health = await openHealth({
      service: 'replicator',
      address: settings.healthAddress,
      port: settings.healthPort,
    });
    closers.add('health', () => health.close());
    for (const { name } of directions) health.setNotReady(name, 'not copying yet');
    const connect = (brokers: readonly string[], side: Side) =>
      connectKafka({ brokers, clientId: `zeelos-replicator-${gatewayId}-${side}` }, log);
    const clusters: Clusters = {
      edge: connect(settings.edgeBrokers, 'edge'),
      cloud: connect(settings.cloudBrokers, 'cloud'),
    };
    log.info({ gatewayId, healthPort: health.port }, 'replicator started');
    if (!(await reachBoth(clusters, directions, signal, log, health))) return;
    const metrics = createCopyMetrics(health.metrics);
    const { batchBytes } = settings;
    const flows = directions.map(
      (direction) => new Flow({ gatewayId, direction, clusters, batchBytes, metrics, health, signal, log }),
    );
    await Promise.all(flows.map((flow) => flow.run()));
  } finally {
    ending.abort();
    await closers.closeAll();
    log.info('replicator stopped');
  }
}

/** False when it was stopped before both answered. */
async function reachBoth(
  clusters: Clusters,
  directions: readonly Direction[],
  signal: AbortSignal,
  log: Log,
  health: { setNotReady(part: string, reason: string): void; setReady(part: string): void },
): Promise<boolean> {
  const topics = directions.flatMap((direction) => direction.topics);
  const reach = async (side: Side): Promise<string | undefined> => {
    health.setNotReady(side, 'not reached yet');
    const id = await reachSide({ side, kafka: clusters[side], topics, signal, log });
    if (id !== undefined) health.setReady(side);
    return id;
  };
  const [edge, cloud] = await Promise.all([reach('edge'), reach('cloud')]);
  if (edge === undefined || cloud === undefined) return false;
  refuseSameCluster({ edge, cloud });
  return true;
}
