import { connectKafka, type KafkaCluster } from '../common/kafka/client.ts';
import { offsetRanges, partitionCounts } from '../common/kafka/topics.ts';
import type { Log } from '../common/log.ts';
import { planLanes, type Side } from '../replicator/lanes.ts';
import type { SystemAddresses } from './running-system.ts';

export interface TopicState {
  /** Where its records are written; the copy is on the other side. */
  readonly source: Side;
  /**
   * From the oldest record there to the newest. Markers of transactions count too, so it is no number of records, and differs from
   * that of the copy. Null: the cluster does not answer, or has no such topic yet.
   */
  readonly offsets: number | null;
  /** Of these, not yet copied. Null: the replicator does not run, or does not know yet. */
  readonly waiting: number | null;
}

/** What is copied for the gateway: the topics of the table, the replicator's own and those it is told to copy besides. */
export async function topicStates(
  addresses: Pick<SystemAddresses, 'gatewayId' | 'edgeBrokers' | 'cloudBrokers' | 'health'>,
  { log, timeoutMs }: { readonly log: Log; readonly timeoutMs: number },
): Promise<Readonly<Record<string, TopicState>>> {
  const { gatewayId, health } = addresses;
  const clusters = {
    edge: connectKafka({ brokers: addresses.edgeBrokers.split(','), clientId: 'zeelos-status' }, log),
    cloud: connectKafka({ brokers: addresses.cloudBrokers.split(','), clientId: 'zeelos-status' }, log),
  };
  const lags = await lagByTopic(`http://127.0.0.1:${health.replicator}/metrics`, gatewayId, timeoutMs);
  const sources = sourcesOf(gatewayId, [...lags.keys()]);
  const on = (side: Side) => [...sources].flatMap(([topic, source]) => (source === side ? [topic] : []));
  const [edge, cloud] = await Promise.all([
    offsetsHeld(clusters.edge, on('edge')),
    offsetsHeld(clusters.cloud, on('cloud')),
  ]);
  const held = { edge, cloud };
  const rows = [...sources].map(([topic, source]) => {
    return [topic, { source, offsets: held[source].get(topic) ?? null, waiting: lags.get(topic) ?? null }] as const;
  });
  return Object.fromEntries(rows);
}

/** Topics with the side that each is copied from. Those that the table does not know go up. */
function sourcesOf(gatewayId: string, copied: readonly string[]): ReadonlyMap<string, Side> {
  const planned = new Set(planLanes(gatewayId).flatMap(({ topics }) => topics.map(({ topic }) => topic)));
  const lanes = planLanes(
    gatewayId,
    copied.filter((topic) => !planned.has(topic)),
  );
  return new Map(lanes.flatMap(({ source, topics }) => topics.map(({ topic }) => [topic, source] as const)));
}

/** By topic; those that are not there are left out unasked, since kafkajs would ask for them again and again. */
async function offsetsHeld(kafka: KafkaCluster, topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const held = new Map<string, number>();
  try {
    const present = [...(await partitionCounts(kafka, topics)).keys()];
    const ranges = await Promise.all(present.map((topic) => offsetRanges(kafka, topic)));
    for (const [at, topic] of present.entries())
      held.set(topic, Number(ranges[at]!.reduce((sum, { first, next }) => sum + (next - first), 0n)));
  } catch {
    held.clear();
  }
  return held;
}

const LAG = /^zeelos_replicator_lag_records\{([^}]*)\} (\d+)/gm;

/** Empty when the replicator does not run. Ids of gateways and topic names have no characters that are escaped in a label. */
async function lagByTopic(url: string, gatewayId: string, timeoutMs: number): Promise<ReadonlyMap<string, number>> {
  const lags = new Map<string, number>();
  const page = await metricsPage(url, timeoutMs);
  for (const [, labels = '', records] of page.matchAll(LAG)) {
    const [, gateway] = /gateway="([^"]*)"/.exec(labels) ?? [];
    const [, topic] = /topic="([^"]*)"/.exec(labels) ?? [];
    if (gateway === gatewayId && topic !== undefined) lags.set(topic, Number(records));
  }
  return lags;
}

async function metricsPage(url: string, timeoutMs: number): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    return response.ok ? await response.text() : '';
  } catch {
    return '';
  }
}
