import { PlatformError } from '../common/errors.ts';
import { type Health, openHealth } from '../common/health.ts';
import { connectKafka } from '../common/kafka/client.ts';
import { Closers, type ServiceContext, untilDone } from '../common/lifecycle.ts';
import { enrol, firstOf, registrySource, snapshotSource } from '../common/schema-registry.ts';
import { TOPICS } from '../schemas/topics.ts';
import { ANALYSES, type Analysis } from './analyses/analyses.ts';
import { ObservationReader } from './observation-reader.ts';
import type { StreamSettings } from './settings.ts';
import { StreamMetrics } from './stream-metrics.ts';
import { work } from './worker.ts';

/** What each value of `--input` reads. */
const INPUTS = { observations: TOPICS.observations, singles: TOPICS.singleObservations } as const;

/**
 * One analysis over the observations of one gateway, until the signal is aborted.
 * Errors: USAGE for a name that is none, CONFIG_INVALID, REGISTRY_REFUSED, TRANSPORT_BIND when the health port is taken.
 */
export async function main(name: string | undefined, settings: StreamSettings, context: ServiceContext): Promise<void> {
  const analysis = analysisOf(name);
  analysis.check?.(settings);
  const { signal, log } = context;
  const closers = new Closers(log);
  const service = `stream-${name}`;
  try {
    const health = await openHealth({ service, address: settings.healthAddress, port: settings.healthPort });
    closers.add('health', () => health.close());
    const groupId = settings.groupId ?? `zeelos-stream-${name}.${settings.gatewayId}`;
    log.info({ healthPort: health.port, groupId, input: settings.input }, `${service} starts`);
    health.setNotReady('schemas', 'the gateway is not enrolled yet');
    const snapshot = await untilDone('enrolling', context, () => enrol(settings));
    if (snapshot === undefined) return;
    health.setReady('schemas');
    const reader = new ObservationReader(firstOf(snapshotSource(snapshot), registrySource(settings.registryUrl)));
    const { output } = analysis;
    await work({
      ...{ signal, log, groupId, reader },
      kafka: connectKafka({ brokers: settings.kafkaBrokers, clientId: `zeelos-${service}` }, log),
      input: INPUTS[settings.input].nameFor(settings.gatewayId),
      output: output === undefined ? undefined : TOPICS[output].nameFor(settings.gatewayId),
      metrics: new StreamMetrics(health.metrics),
      commitMs: settings.commitMs,
      fetchBytes: settings.fetchBytes,
      sessionTimeoutMs: settings.sessionSeconds * 1_000,
      createTask: analysis.prepare({ settings, snapshot, reader, log, metrics: health.metrics }),
      onWaiting: (part, reason) => show(health, part, reason),
    });
  } finally {
    await closers.closeAll();
    log.info(`${service} stopped`);
  }
}

function analysisOf(name: string | undefined): Analysis {
  if (name !== undefined && Object.hasOwn(ANALYSES, name)) return ANALYSES[name]!;
  const known = Object.keys(ANALYSES).join(', ');
  throw new PlatformError('USAGE', `stream takes the name of an analysis: ${known}`);
}

function show(health: Health, part: string, reason: string | undefined): void {
  if (reason === undefined) health.setReady(part);
  else health.setNotReady(part, reason);
}
