import { openHealth } from '../common/health.ts';
import { Access } from '../common/http/access.ts';
import { Closers, type ServiceContext } from '../common/lifecycle.ts';
import { createLaneMetrics } from './copy/lane-metrics.ts';
import { type FlowsSource, flowsRoutes } from './flows/routes.ts';
import { Gateway } from './gateway.ts';
import { gatewayOf, type ReplicatorSettings } from './gateway-config.ts';
import { runHub } from './hub-main.ts';
import { showReadiness } from './readiness.ts';

/**
 * Copies between the Kafka of one gateway, or of many, and the cloud's, both ways: it only opens connections, never takes any but
 * on its health port. Starts with either side away and waits.
 * Errors: CONFIG_INVALID, TRANSPORT_BIND; with a single gateway also REPLICATION_OVERLAP, REPLICATION_POSITIONS, REPLICATOR_FENCED.
 */
export async function main(settings: ReplicatorSettings, { signal, log }: ServiceContext): Promise<void> {
  const { healthAddress: address, healthPort: port, healthTokenFile: tokenFile } = settings;
  const access = new Access({ address, tokenFile, flag: '--health' });
  const ending = new AbortController();
  const closers = new Closers(log);
  let flows: FlowsSource = { gateways: [] };
  const isHub = settings.gateways !== undefined;
  const config = isHub ? undefined : gatewayOf(settings);
  try {
    const routes = flowsRoutes(() => flows, access, log);
    const health = await openHealth({ service: 'replicator', address, port, routes });
    closers.add('health', () => health.close());
    const metrics = createLaneMetrics(health.metrics);
    const shown = AbortSignal.any([signal, ending.signal]);
    // Only now, and in the same turn as the port: nobody may be told that it is ready while there is nothing to ask.
    const show = (source: FlowsSource) => {
      flows = source;
      const showing = showReadiness(() => flows.gateways, health, { signal: shown, isHub });
      closers.add('readiness', () => showing);
    };
    if (config === undefined) {
      await runHub({ settings, health, metrics, signal, log, onOpen: show });
    } else {
      const gateway = new Gateway(config, { metrics, log });
      show({ gateways: [gateway] });
      log.info({ gatewayId: gateway.gatewayId, healthPort: health.port }, 'replicator started');
      await gateway.run(signal);
    }
  } finally {
    ending.abort();
    await closers.closeAll();
    log.info('replicator stopped');
  }
}
