import { Registry } from 'prom-client';
import { connectKafka } from '../../../common/kafka/client.ts';
import type { Log } from '../../../common/log.ts';
import { snapshotSource } from '../../../common/schema-registry.ts';
import { parseSettings } from '../../../common/settings.ts';
import { TOPICS } from '../../../schemas/topics.ts';
import { ANALYSES } from '../../../streams/analyses/analyses.ts';
import { ObservationReader } from '../../../streams/observation-reader.ts';
import { STREAM_SETTINGS, type StreamSettings } from '../../../streams/settings.ts';
import { StreamMetrics } from '../../../streams/stream-metrics.ts';
import { work } from '../../../streams/worker.ts';
import { eventually } from '../../rig/gateway.ts';
import { type InputGateway, log as silent, sumOf } from './input.ts';

/** A worker in this process. */
export class TestWorker {
  readonly metrics = new Registry();
  readonly waiting = new Map<string, string>();
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;

  constructor(gateway: InputGateway, analysis: string, flags: readonly string[] = [], log: Log = silent) {
    const settings = settingsOf(gateway, flags);
    const reader = new ObservationReader(snapshotSource(gateway.snapshot));
    const { output, prepare } = ANALYSES[analysis]!;
    const { snapshot, servers } = gateway;
    this.#ended = work({
      ...{ log, reader, signal: this.#stopping.signal },
      kafka: connectKafka({ brokers: servers.kafkaBrokers, clientId: 'test-worker' }, log),
      groupId: `zeelos-stream-${analysis}.${gateway.gatewayId}`,
      input: gateway.topicOf('observations'),
      output: output === undefined ? undefined : TOPICS[output].nameFor(gateway.gatewayId),
      metrics: new StreamMetrics(this.metrics),
      commitMs: settings.commitMs,
      fetchBytes: settings.fetchBytes,
      sessionTimeoutMs: settings.sessionSeconds * 1_000,
      createTask: prepare({ settings, snapshot, reader, log, metrics: this.metrics }),
      onWaiting: (part, reason) => {
        if (reason === undefined) this.waiting.delete(part);
        else this.waiting.set(part, reason);
      },
    });
  }

  async has(metric: string, count: number, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    await eventually(`${metric} is ${count}`, async () => (await this.sum(metric, labels)) === count, 60_000);
  }

  async sum(metric: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return await sumOf(this.metrics, `zeelos_stream_${metric}`, labels);
  }

  async hasCommitted(): Promise<boolean> {
    return (await this.sum('commits_total')) > 0;
  }

  /** Everything that was read is committed. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }
}

export function settingsOf(gateway: InputGateway, flags: readonly string[]): StreamSettings {
  const { gatewayId, servers, snapshotFile } = gateway;
  const common = [
    `--gateway-id=${gatewayId}`,
    `--kafka-brokers=${servers.kafkaBrokers.join()}`,
    `--registry-url=${servers.registryUrl}`,
    `--snapshot-file=${snapshotFile}`,
    '--session-seconds=6',
    '--health-port=0',
  ];
  return parseSettings(STREAM_SETTINGS, { args: [...common, ...flags], env: {} }).settings;
}
