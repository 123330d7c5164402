import { type Health, openHealth } from '../common/health.ts';
import { connectKafka } from '../common/kafka/client.ts';
import { Closers, type ServiceContext } from '../common/lifecycle.ts';
import { registrySource } from '../common/schema-registry.ts';
import { TOPICS } from '../schemas/topics.ts';
import { ConnectorMetrics } from './connector-metrics.ts';
import { DeadLetters } from './dead-letters.ts';
import { ValueDecoder } from './decode.ts';
import { InfluxdbSink } from './influxdb/sink.ts';
import type { GraphObjectModel } from './orientdb/model-vertices.ts';
import { OrientdbSink } from './orientdb/sink.ts';
import { Runner } from './runner.ts';
import { readSecret } from './secret-file.ts';
import {
  type ConnectorSettings,
  INFLUXDB_SETTINGS,
  type InfluxdbSettings,
  ORIENTDB_SETTINGS,
  type OrientdbSettings,
} from './settings.ts';
import type { Sink, SinkTopic } from './sink.ts';
import { consumeAsTopicsAppear } from './topic-rounds.ts';

/** The connectors that exist: the sub-command of each, its settings, the topics it takes. */
export const CONNECTORS = {
  influxdb: { settings: INFLUXDB_SETTINGS, topics: ['observations', 'replies'] },
  orientdb: { settings: ORIENTDB_SETTINGS, topics: ['registrations'] },
} as const satisfies Record<string, { readonly settings: object; readonly topics: readonly SinkTopic[] }>;

/** Observations and replies to InfluxDB, until the signal is aborted. Errors: TRANSPORT_BIND when the health port is taken. */
export async function influxdbMain(settings: InfluxdbSettings, context: ServiceContext): Promise<void> {
  const { influxUrl: url, influxOrg: org, influxBucket: bucket, influxTokenFile: tokenFile } = settings;
  const credentials = async () => ({ token: await readSecret(tokenFile) });
  await run('influxdb', settings, new InfluxdbSink({ url, org, bucket, credentials }), context);
}

/** Registrations to OrientDB, until the signal is aborted. Errors: TRANSPORT_BIND when the health port is taken. */
export async function orientdbMain(
  settings: OrientdbSettings,
  context: ServiceContext & { readonly models: readonly GraphObjectModel[] },
): Promise<void> {
  const target = {
    host: settings.orientHost,
    port: settings.orientPort,
    database: settings.orientDatabase,
    user: settings.orientUser,
    password: () => readSecret(settings.orientPasswordFile),
  };
  await run('orientdb', settings, new OrientdbSink(target, context.models), context);
}

type Settings = ConnectorSettings & { readonly groupId: string; readonly healthPort: number };

async function run(
  name: keyof typeof CONNECTORS,
  settings: Settings,
  sink: Sink,
  context: ServiceContext,
): Promise<void> {
  const { signal, log } = context;
  const closers = new Closers(log);
  try {
    const service = `connector-${name}`;
    const health = await openHealth({ service, address: settings.healthAddress, port: settings.healthPort });
    closers.add('health', () => health.close());
    const kafka = connectKafka({ brokers: settings.kafkaBrokers, clientId: `zeelos-${service}` }, log);
    const deadLetters = new DeadLetters(kafka, log);
    closers.add('dead letters', () => deadLetters.close());
    closers.add('store', () => sink.close());
    const metrics = new ConnectorMetrics(health.metrics, sink);
    const runner = new Runner({
      sink,
      decoder: new ValueDecoder(registrySource(settings.registryUrl)),
      deadLetters,
      metrics,
      log,
      batchRecords: settings.batchRecords,
      onWaiting: (reason) => (reason === undefined ? health.setReady('flow') : health.setNotReady('flow', reason)),
    });
    health.setNotReady('store', 'not connected yet');
    log.info(
      { healthPort: health.port, groupId: settings.groupId, gatewayIds: settings.gatewayIds },
      `${service} starts`,
    );
    await runner.connect(signal);
    health.setReady('store');
    await consumeAsTopicsAppear({
      kafka,
      groupId: settings.groupId,
      topics: settings.gatewayIds.flatMap((id) => CONNECTORS[name].topics.map((topic) => TOPICS[topic].nameFor(id))),
      topicCheckMs: settings.topicCheckSeconds * 1_000,
      batchBytes: settings.fetchBytes,
      onBatch: (batch) => runner.handle(batch),
      onJoined: () => metrics.joined(),
      onCommitted: () => metrics.committed(),
      onTopics: (present, missing) => showTopics(health, present, missing),
      signal,
      log,
    });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await closers.closeAll();
    log.info(`connector-${name} stopped`);
  }
}

/** Topics of a gateway that is not enrolled yet are no fault; a connector with no topic at all does nothing, and says so. */
function showTopics(health: Health, present: readonly string[], missing: readonly string[]): void {
  if (present.length > 0) health.setReady('topics');
  else health.setNotReady('topics', `none of these exists yet: ${missing.join(', ')}`);
}
