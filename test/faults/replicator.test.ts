import assert from 'node:assert/strict';
import type { KafkaCluster } from '../../common/kafka/client.ts';
import type { ConsumedRecord } from '../../common/kafka/consumer.ts';
import { PartitionWriter } from '../../common/kafka/partition-writer.ts';
import { ensureTopics } from '../../common/kafka/topics.ts';
import { sleep } from '../../common/lifecycle.ts';
import {
  contents,
  copiedPart,
  eventually,
  isReady,
  metric,
  newGatewayId,
  quiet,
  type ReplicatorProcess,
  repeatsIn,
  spawnReplicator,
  type TwoClusters,
  useTwoClusters,
} from '../integration/replicator/two-clusters.ts';

const PARTITIONS = 2;
const RECORDS_PER_TICK = 20;
const TICK_MS = 20;

interface Load {
  stop(): Promise<number>;
}

function numbered(number: number): ConsumedRecord {
  const headerList = [{ key: Buffer.from('n'), value: Buffer.from(`${number}`) }];
  const key = Buffer.from(`k${number % 5}`);
  return {
    key,
    value: Buffer.from(String(number)),
    timestamp: `${Date.now()}`,
    headerList,
  } as unknown as ConsumedRecord;
}

/** About 1,000 records a second into each partition, each numbered from 0, until stopped; resolves with the count per partition. */
function produce(kafka: KafkaCluster, topic: string): Load {
  const onTopicMissing = async () => undefined;
  const writers = Array.from(
    { length: PARTITIONS },
    () => new PartitionWriter({ kafka, log: quiet, batchBytes: 900_000, onTopicMissing }),
  );
  const { signal } = new AbortController();
  let stopped = false;
  const done = (async () => {
    let next = 0;
    for (; !stopped; next += RECORDS_PER_TICK) {
      const records = Array.from({ length: RECORDS_PER_TICK }, (_, i) => numbered(next + i));
      await Promise.all(writers.map((writer, partition) => writer.write(topic, partition, records, signal)));
      await sleep(TICK_MS);
    }
    await Promise.all(writers.map((writer) => writer.close()));
    return next;
  })();
  return {
    stop: () => {
      stopped = true;
      return done;
    },
  };
}

describe('replicator: faults', function () {
  this.timeout(240_000);
  let at: TwoClusters;
  let replicator: ReplicatorProcess | undefined;
  let load: Load | undefined;

  before(async function () {
    this.timeout(300_000);
    at = await useTwoClusters();
  });

  afterEach(async () => {
    await load?.stop();
    load = undefined;
    await replicator?.kill();
    replicator = undefined;
  });

  async function start(gatewayId: string): Promise<ReplicatorProcess> {
    replicator = await spawnReplicator(gatewayId, at);
    return replicator;
  }

  /** Waits for the end of the copy and compares it with the source; returns the number of repeated records. */
  async function repeatsAfterCopy(topic: string, count: number): Promise<number> {
    const last = String(count - 1);
    const copy = await eventually(
      'copied to the end',
      async () => {
        const found = await contents(at.cloud, topic);
        const complete =
          found.length === PARTITIONS && found.every((list) => list.some((one) => one.value!.toString() === last));
        return complete && found;
      },
      120_000,
    );
    const source = await contents(at.edge, topic);
    let repeats = 0;
    for (const [partition, list] of copy.entries()) {
      const numbers = list.map((one) => Number(one.value!.toString()));
      repeats += repeatsIn(numbers, count);
      const firsts = list.filter((_, i) => numbers.indexOf(numbers[i]!) === i);
      assert.deepEqual(firsts.map(copiedPart), source[partition]!.map(copiedPart));
    }
    return repeats;
  }

  it('loses nothing and keeps the order when it is killed five times under load', async () => {
    const gatewayId = newGatewayId();
    const topic = `iot.${gatewayId}.observations`;
    for (const kafka of [at.edge, at.cloud]) await ensureTopics(kafka, [{ topic, partitions: PARTITIONS }]);
    load = produce(at.edge, topic);
    for (let kill = 0; kill < 5; kill++) {
      const { process: child, healthUrl, kill: killNow } = await start(gatewayId);
      await eventually('copying', async () => (await metric(healthUrl, 'zeelos_replicator_records_total')) > 0);
      await sleep(Math.random() * 1_500);
      assert.equal(child.exitCode, null);
      await killNow();
    }
    await start(gatewayId);
    const count = await load.stop();
    const repeats = await repeatsAfterCopy(topic, count);
    // Of each kill at most the batches that were under way come twice.
    assert.ok(repeats < PARTITIONS * count, `${repeats} repeats of ${PARTITIONS * count}`);
  });

  for (const fault of ['stop', 'kill'] as const) {
    it(`waits while the cloud broker is away for 10 s (${fault}) and then goes on without loss`, async () => {
      const gatewayId = newGatewayId();
      const topic = `iot.${gatewayId}.observations`;
      for (const kafka of [at.edge, at.cloud]) await ensureTopics(kafka, [{ topic, partitions: PARTITIONS }]);
      const { process: child, healthUrl } = await start(gatewayId);
      load = produce(at.edge, topic);
      await eventually('copying', async () => (await metric(healthUrl, 'zeelos_replicator_records_total')) > 0);
      await at.stack[fault]('kafka-cloud');
      await sleep(10_000);
      assert.ok((await metric(healthUrl, 'zeelos_replicator_target_waiting_seconds{direction="up"')) > 1);
      assert.ok((await metric(healthUrl, `zeelos_replicator_lag_records{topic="${topic}"`)) > 5_000);
      await at.stack.start('kafka-cloud');
      const count = await load.stop();
      const repeats = await repeatsAfterCopy(topic, count);
      assert.equal(child.exitCode, null);
      // The batch under way is repeated under its sequence numbers, so the broker knows it again.
      assert.equal(repeats, 0);
      assert.equal(await metric(healthUrl, `zeelos_replicator_lost_records_total{topic="${topic}"`), 0);
    });
  }

  it('starts while the cloud is away, waits without being ready, and copies once it is there', async () => {
    const gatewayId = newGatewayId();
    const topic = `iot.${gatewayId}.observations`;
    await ensureTopics(at.edge, [{ topic, partitions: PARTITIONS }]);
    await at.stack.stop('kafka-cloud');
    const { healthUrl } = await start(gatewayId);
    load = produce(at.edge, topic);
    const waiting = await eventually('the edge is reached', async () => {
      const response = await fetch(`${healthUrl}/readyz`);
      const body = (await response.json()) as { waiting: Record<string, string> };
      return response.status === 503 && !('edge' in body.waiting) && body.waiting;
    });
    assert.ok('cloud' in waiting);
    assert.equal((await fetch(`${healthUrl}/healthz`)).status, 200);
    const count = await load.stop();
    await at.stack.start('kafka-cloud');
    await eventually('ready', () => isReady(healthUrl), 60_000);
    assert.equal(await repeatsAfterCopy(topic, count), 0);
  });
});
