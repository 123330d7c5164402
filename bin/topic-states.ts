import { connectKafka, type KafkaCluster } from '../common/kafka/client.ts';
import { offsetRanges } from '../common/kafka/topics.ts';
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
  const rows = [...sources].map(async ([topic, source]) => {
    const state = { source, offsets: await offsetsHeld(clusters[source], topic), waiting: lags.get(topic) ?? null };
    return [topic, state] as const;
  });
  return Object.fromEntries(await Promise.all(rows));
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

async function offsetsHeld(kafka: KafkaCluster, topic: string): Promise<number | null> {
  try {
    const ranges = await offsetRanges(kafka, topic);
    return Number(ranges.reduce((sum, { first, next }) => sum + (next - first), 0n));
  } catch {
    return null;
  }
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
