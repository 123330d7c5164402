import assert from 'node:assert/strict';
import { hasCode } from '../../../common/errors.ts';
import type { KafkaCluster } from '../../../common/kafka/client.ts';
import type { ConsumedRecord } from '../../../common/kafka/consumer.ts';
import { PartitionWriter } from '../../../common/kafka/partition-writer.ts';
import { ensureTopics, partitionCounts } from '../../../common/kafka/topics.ts';
import { main } from '../../../replicator/main.ts';
import {
  contents,
  copiedPart,
  eventually,
  isReady,
  metric,
  newGatewayId,
  quiet,
  type ReplicatorProcess,
  spawnReplicator,
  type TwoClusters,
  useTwoClusters,
} from './two-clusters.ts';

const ANY_TIMESTAMP = { 'message.timestamp.after.max.ms': '9223372036854775807' };
const bytes = (text: string) => Buffer.from(text);

function record(parts: Partial<ConsumedRecord>): ConsumedRecord {
  // Not an old time: the brokers' retention would remove the record within the test.
  const standard = { key: null, value: null, timestamp: String(Date.now()), headerList: [], headers: {} };
  return { ...standard, attributes: 0, offset: '0', ...parts } as ConsumedRecord;
}

async function write(kafka: KafkaCluster, topic: string, partition: number, records: ConsumedRecord[]): Promise<void> {
  const writer = new PartitionWriter({ kafka, log: quiet, batchBytes: 900_000, onTopicMissing: async () => undefined });
  const { taken } = await writer.write(topic, partition, records, new AbortController().signal);
  assert.equal(taken, records.length);
  await writer.close();
}

/** Every shape a record can have: absent and empty parts, headers that no object can hold, clocks that jump. */
const ODD_RECORDS: readonly ConsumedRecord[] = [
  record({ key: bytes('k'), value: bytes('v') }),
  record({ key: null, value: bytes('no key') }),
  record({ key: bytes('tombstone'), value: null }),
  record({ key: bytes(''), value: bytes('') }),
  record({ key: Buffer.from([0, 0xff, 0x80]), value: Buffer.from([0, 0, 0, 0, 7, 0xc3, 0x28]) }),
  record({ value: bytes('old'), timestamp: '1' }),
  record({ value: bytes('ten days ahead'), timestamp: String(Date.now() + 864e6) }),
  record({
    value: bytes('headers'),
    headerList: [
      { key: bytes('b'), value: bytes('1') },
      { key: bytes('2'), value: bytes('two') },
      { key: bytes('1'), value: null },
      { key: bytes('b'), value: bytes('') },
      { key: bytes('__proto__'), value: bytes('x') },
      { key: Buffer.from([0xff, 0xfe]), value: Buffer.from([0xff]) },
      { key: bytes(''), value: bytes('nameless') },
    ],
  }),
  record({ value: Buffer.alloc(700_000, 'big') }),
  record({ value: Buffer.alloc(700_000, 'chunk') }),
  record({ value: bytes('last') }),
];

describe('replicator: the copy', function () {
  this.timeout(120_000);
  let at: TwoClusters;
  let replicator: ReplicatorProcess | undefined;

  before(async function () {
    this.timeout(300_000);
    at = await useTwoClusters();
  });

  afterEach(async () => {
    await replicator?.stop();
    replicator = undefined;
  });

  async function start(gatewayId: string): Promise<ReplicatorProcess> {
    const started = await spawnReplicator(gatewayId, at);
    replicator = started;
    await eventually('ready', () => isReady(started.healthUrl));
    return started;
  }

  it('keeps key, value, headers and timestamp byte for byte, partition by partition, both ways', async () => {
    const gatewayId = newGatewayId();
    const [up, down] = [`iot.${gatewayId}.observations`, `iot.${gatewayId}.management.req`];
    await ensureTopics(at.edge, [{ topic: up, partitions: 3, settings: ANY_TIMESTAMP }]);
    await ensureTopics(at.cloud, [{ topic: down, partitions: 2, settings: ANY_TIMESTAMP }]);
    const many = Array.from({ length: 5_000 }, (_, i) => record({ key: bytes(`k${i % 7}`), value: bytes(`v${i}`) }));
    for (const partition of [0, 1, 2]) await write(at.edge, up, partition, [...ODD_RECORDS, ...many.slice(partition)]);
    for (const partition of [0, 1]) await write(at.cloud, down, partition, [...ODD_RECORDS]);
    await start(gatewayId);
    for (const [topic, source, target, total] of [
      [up, at.edge, at.cloud, 3 * ODD_RECORDS.length + 14_997],
      [down, at.cloud, at.edge, 2 * ODD_RECORDS.length],
    ] as const) {
      const copy = await eventually(`${topic} is copied`, async () => {
        const found = await contents(target, topic);
        return found.flat().length >= total && found;
      });
      const original = await contents(source, topic);
      assert.equal(original.flat().length, total);
      assert.deepEqual(
        copy.map((list) => list.map(copiedPart)),
        original.map((list) => list.map(copiedPart)),
      );
    }
    assert.equal((await partitionCounts(at.cloud, [up])).get(up), 3);
  });

  it('makes the topics of the table on both sides, and never the state topic in the cloud', async () => {
    const gatewayId = newGatewayId();
    await start(gatewayId);
    const names = ['registrations', 'observations', 'management.rep', 'management.req'];
    const topics = names.map((name) => `iot.${gatewayId}.${name}`);
    const state = `lwm2m.${gatewayId}.state`;
    const inCloud = await partitionCounts(at.cloud, [...topics, state]);
    const atEdge = await partitionCounts(at.edge, [...topics, state]);
    assert.deepEqual(
      topics.map((topic) => inCloud.get(topic)),
      [2, 2, 2, 1],
    );
    assert.deepEqual(
      topics.map((topic) => atEdge.get(topic)),
      [1, 1, 1, 1],
    );
    assert.equal(inCloud.has(state), false);
  });

  it('carries a command in less than 50 ms while idle', async () => {
    const gatewayId = newGatewayId();
    await start(gatewayId);
    const topic = `iot.${gatewayId}.management.req`;
    const arrived = new Map<string, (atMs: number) => void>();
    const reader = at.edge.consumer({ groupId: `latency-${gatewayId}`, maxWaitTimeInMs: 100 });
    const writer = at.cloud.producer({ idempotent: true });
    try {
      await Promise.all([reader.connect(), writer.connect()]);
      await reader.subscribe({ topic, fromBeginning: true });
      const joined = new Promise((resolve) => reader.on(reader.events.GROUP_JOIN, resolve));
      await reader.run({
        eachMessage: async ({ message }) => arrived.get(message.value!.toString())?.(performance.now()),
      });
      await joined;
      const latencies: number[] = [];
      for (let i = 0; i < 40; i++) {
        const arrival = new Promise<number>((resolve) => arrived.set(String(i), resolve));
        const sentAt = performance.now();
        await writer.send({ topic, acks: -1, messages: [{ key: null, value: String(i) }] });
        latencies.push((await arrival) - sentAt);
      }
      const median = latencies.sort((a, b) => a - b)[20]!;
      assert.ok(median < 50, `median ${median} ms`);
    } finally {
      await Promise.all([reader.disconnect(), writer.disconnect()]);
    }
  });

  it('picks up a partition that is added to a source topic later', async () => {
    const gatewayId = newGatewayId();
    const topic = `iot.${gatewayId}.management.rep`;
    await start(gatewayId);
    await ensureTopics(at.edge, [{ topic, partitions: 3 }]);
    await write(at.edge, topic, 2, [record({ value: bytes('new') })]);
    const copy = await eventually('copied', async () => (await contents(at.cloud, topic))[2], 60_000);
    assert.deepEqual(
      copy.map((one) => one.value!.toString()),
      ['new'],
    );
  });

  it('stops a partition at a record that the target refuses, says so, lets the others go on, and resumes', async () => {
    const gatewayId = newGatewayId();
    const [bad, good] = [`iot.${gatewayId}.observations`, `iot.${gatewayId}.registrations`];
    await ensureTopics(at.cloud, [{ topic: bad, partitions: 2, settings: { 'max.message.bytes': '20000' } }]);
    const { healthUrl } = await start(gatewayId);
    const [small, large] = [record({ value: bytes('small') }), record({ value: Buffer.alloc(50_000, 'x') })];
    await write(at.edge, bad, 0, [small, large, small]);
    const stopped = `zeelos_replicator_stopped_partitions{topic="${bad}"`;
    await eventually('stopped', async () => (await metric(healthUrl, stopped)) === 1);
    assert.equal(await isReady(healthUrl), false);
    const body = (await (await fetch(`${healthUrl}/readyz`)).json()) as { waiting: Record<string, string> };
    assert.deepEqual(Object.keys(body.waiting), [`${bad}/0`]);
    await write(at.edge, good, 0, [small]);
    await eventually('the other topic', async () => (await contents(at.cloud, good)).flat().length === 1);
    assert.equal((await contents(at.cloud, bad)).flat().length, 1);

    const admin = at.cloud.admin();
    await admin.connect();
    const configEntries = [{ name: 'max.message.bytes', value: '1000000' }];
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: bad, configEntries }] });
    await admin.disconnect();
    await eventually('ready again', () => isReady(healthUrl));
    const sizes = (await contents(at.cloud, bad))[0]!.map((one) => one.value!.length);
    assert.deepEqual(sizes, [5, 50_000, 5]);
    assert.equal(await metric(healthUrl, stopped), 0);
  });

  it('counts what the source deleted before it was copied', async () => {
    const gatewayId = newGatewayId();
    const topic = `iot.${gatewayId}.observations`;
    const first = await start(gatewayId);
    const numbered = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => record({ value: bytes(String(from + i)) }));
    await write(at.edge, topic, 0, numbered(0, 10));
    await eventually('the first ten', async () => (await contents(at.cloud, topic)).flat().length === 10);
    await first.stop();
    await write(at.edge, topic, 0, numbered(10, 30));
    const admin = at.edge.admin();
    await admin.connect();
    await admin.fetchTopicOffsets(topic); // kafkajs deletes only in topics that it has metadata of
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '15' }] });
    await admin.disconnect();
    const { healthUrl } = await start(gatewayId);
    const copy = await eventually('the rest', async () => {
      const [found] = await contents(at.cloud, topic);
      return found!.length >= 25 && found!;
    });
    const expected = [...numbered(0, 10), ...numbered(15, 30)].map((one) => one.value!.toString());
    assert.deepEqual(
      copy.map((one) => one.value!.toString()),
      expected,
    );
    assert.equal(await metric(healthUrl, `zeelos_replicator_lost_records_total{topic="${topic}"`), 5);
  });

  it('refuses to copy a cluster onto itself', async () => {
    const settings = {
      gatewayId: newGatewayId(),
      edgeBrokers: at.edgeBrokers,
      cloudBrokers: at.edgeBrokers,
      batchBytes: 900_000,
      healthAddress: '127.0.0.1',
      healthPort: 0,
    };
    await assert.rejects(main(settings, { signal: new AbortController().signal, log: quiet }), (error) =>
      hasCode(error, 'REPLICATION_OVERLAP'),
    );
  });
});
