import { Gauge, type Registry } from 'prom-client';
import { messageOf, PlatformError } from '../common/errors.ts';
import type { Health } from '../common/health.ts';
import type { Log } from '../common/log.ts';
import type { LaneMetrics } from './copy/lane-metrics.ts';
import type { ReplicatorSettings } from './gateway-config.ts';
import { readGateways, watchGateways } from './gateways-file.ts';
import { Hub } from './hub.ts';
import { FramePool } from './wire/frame-pool.ts';

export interface HubRun {
  readonly settings: ReplicatorSettings;
  readonly health: Health;
  readonly metrics: LaneMetrics;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly onOpen: (hub: Hub) => void;
}

/** What all gateways together keep of the memory of answers for the next ones. */
const MEMORY_BYTES = 64 * 2 ** 20;
/** How /readyz names the file. */
const PART = 'gateways file';

/** Runs the gateways of the file, and follows it, until the signal is aborted. Errors: CONFIG_INVALID when it is broken at the start. */
export async function runHub({ settings, health, metrics, signal, log, onOpen }: HubRun): Promise<void> {
  const file = settings.gateways!;
  if (settings.gatewayId !== undefined || settings.edgeBrokers !== undefined)
    throw new PlatformError('CONFIG_INVALID', '--gateways takes the place of --gateway-id and --edge-brokers');
  if (settings.upTopics.length > 0)
    throw new PlatformError('CONFIG_INVALID', '--up-topics of a hub stand in its --gateways file: upTopics');
  const first = readGateways(file, settings);
  const hub = new Hub({ metrics, log, memory: new FramePool({ limitBytes: MEMORY_BYTES }) });
  const isValid = showHub(hub, health.metrics);
  const read = () => {
    try {
      hub.apply(readGateways(file, settings));
      health.setReady(PART);
      isValid.set(1);
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      health.setNotReady(PART, error.message);
      isValid.set(0);
      log.error({ reason: messageOf(error) }, 'the gateways file is broken: what runs goes on as it was');
    }
  };
  try {
    hub.apply(first);
    onOpen(hub);
    log.info({ gateways: first.length, healthPort: health.port }, 'replicator hub started');
    await watchGateways(file, read, signal);
  } finally {
    await hub.close();
  }
}

/** @returns the gauge of the file */
function showHub(hub: Hub, registry: Registry): Gauge {
  new Gauge({
    name: 'zeelos_replicator_gateways',
    help: 'gateways of this hub, by whether they are copied',
    labelNames: ['phase'],
    registers: [registry],
    collect() {
      const counts = { starting: 0, running: 0, ended: 0 };
      for (const { phase } of hub.gateways) counts[phase]++;
      for (const [phase, count] of Object.entries(counts)) this.set({ phase }, count);
    },
  });
  const isValid = new Gauge({
    name: 'zeelos_replicator_gateways_file_valid',
    help: '0 while the gateways file is broken and what ran before goes on',
    registers: [registry],
  });
  isValid.set(1);
  return isValid;
}
