import { openHealth } from '../common/health.ts';
import { Closers, type ServiceContext } from '../common/lifecycle.ts';
import type { SettingsOf } from '../common/settings.ts';
import { GatewayReplicator } from './copy/gateway-replicator.ts';
import { createLaneMetrics } from './copy/lane-metrics.ts';
import { showReadiness } from './readiness.ts';
import type { REPLICATOR_SETTINGS } from './settings.ts';
import { openTranslations } from './translation/open-translations.ts';

/**
 * Copies between one gateway's Kafka and the cloud's, both ways, from the edge: it only opens connections, never takes any.
 * Starts with either side away and waits.
 * Errors: CONFIG_INVALID, TRANSPORT_BIND, REPLICATION_OVERLAP, REPLICATION_POSITIONS, REPLICATOR_FENCED.
 */
export async function main(
  settings: SettingsOf<typeof REPLICATOR_SETTINGS>,
  { signal, log }: ServiceContext,
): Promise<void> {
  const closers = new Closers(log);
  try {
    const { gatewayId, healthAddress: address, healthPort: port } = settings;
    const health = await openHealth({ service: 'replicator', address, port });
    closers.add('health', () => health.close());
    const { delivery, onGap, wanCompression: compression, commitBytes, budgetBytes } = settings;
    const metrics = createLaneMetrics(health.metrics);
    const translations = await openTranslations(settings, { gatewayId, misses: metrics.schemaMisses, signal, log });
    if (translations !== undefined) closers.add('schema map', () => translations.close());
    const replicator = new GatewayReplicator({
      ...{ gatewayId, upTopics: settings.upTopics, log, metrics, translations },
      edge: { brokers: settings.edgeBrokers },
      cloud: { brokers: settings.cloudBrokers },
      settings: { delivery, onGap, compression, commitBytes, commitMs: 1_000, budgetBytes },
      bytesPerSecond: settings.bytesPerSecond,
      rateWindows: [],
    });
    const showing = showReadiness(() => [replicator], health, signal);
    closers.add('readiness', () => showing);
    log.info({ gatewayId, healthPort: health.port }, 'replicator started');
    await replicator.run(signal);
  } finally {
    await closers.closeAll();
    log.info('replicator stopped');
  }
}
