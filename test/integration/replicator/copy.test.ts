import assert from 'node:assert/strict';
import { connectKafka } from '../../../common/kafka/client.ts';
import { createLog } from '../../../common/log.ts';
import { copyPerTest } from '../../rig/copy-per-test.ts';
import { eventually } from '../../rig/eventually.ts';
import { recordsIn } from '../../rig/same-records.ts';
import type { Side } from '../../rig/two-clusters.ts';

describe('replicator: the copy', function () {
  this.timeout(180_000);
  const on = copyPerTest();

  async function partitionsOf(side: Side, topic: string): Promise<number> {
    const spans = await on.at.records.ranges({ brokers: on.at.brokers[side], topic });
    return spans.length;
  }

  it('keeps key, value, headers and timestamp byte for byte, partition by partition, both ways', async () => {
    const { copy, at } = on;
    const [up, down] = [copy.topic('observations'), copy.topic('requests')];
    await copy.create(up, { partitions: 3 });
    await copy.create(down, { side: 'cloud' });
    await at.records.produce({ brokers: at.brokers.edge, topic: up, partitions: 3, count: 6_000, maxBytes: 900_000 });
    await at.records.produce({ brokers: at.brokers.cloud, topic: down, partitions: 2, count: 2_000, seed: 2 });
    await copy.startReady();
    const found = await copy.settle({ topic: up }, { topic: down, target: 'edge' });
    assert.deepEqual(
      found.map(({ records }) => records),
      [6_000, 2_000],
    );
    assert.deepEqual([await partitionsOf('cloud', up), await partitionsOf('edge', down)], [3, 2]);
  });

  it('makes the topics of the table on both sides, and never the state topic in the cloud', async () => {
    const { copy } = on;
    await copy.startReady();
    const topics = (['registrations', 'observations', 'replies', 'requests'] as const).map((name) => copy.topic(name));
    const counts = async (side: Side) => Promise.all(topics.map((topic) => partitionsOf(side, topic)));
    assert.deepEqual(await counts('cloud'), [2, 2, 2, 1]);
    assert.deepEqual(await counts('edge'), [1, 1, 1, 1]);
    await assert.rejects(partitionsOf('cloud', copy.topic('state')), /UnknownTopicOrPartition/);
  });

  it('carries a command in less than 50 ms while idle', async () => {
    const { copy, at } = on;
    await copy.startReady();
    const topic = copy.topic('requests');
    const log = createLog('test', 'silent');
    const client = (side: Side) => connectKafka({ brokers: [at.brokers[side]], clientId: 'test' }, log);
    const arrived = new Map<string, (atMs: number) => void>();
    const reader = client('edge').consumer({ groupId: `latency-${copy.gatewayId}`, maxWaitTimeInMs: 100 });
    const writer = client('cloud').producer({ idempotent: true });
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

  it('picks up a partition that is added to a source topic later, and settings that change', async () => {
    const { copy, at } = on;
    const topic = copy.topic('replies');
    await copy.startReady();
    const [edge, cloud] = [
      { brokers: at.brokers.edge, topic },
      { brokers: at.brokers.cloud, topic },
    ];
    await at.records.grow(edge, 3);
    await at.records.set(edge, { 'max.message.bytes': '500000' });
    await at.records.produce({ ...edge, partitions: 3, count: 90, times: 'even' });
    await copy.untilCopied({ topic });
    const followed = async () => (await at.records.settings(cloud))['max.message.bytes'] === '500000';
    await eventually('the settings follow', followed, 90_000);
    await copy.settle({ topic });
  });

  it('splits batches that are too large for the target and loses nothing', async () => {
    const { copy, at } = on;
    const topic = copy.topic('observations');
    const place = { brokers: at.brokers.edge, topic };
    await copy.create(topic);
    const big = { batchBytes: 400_000, lingerMs: 500, transactionRecords: 4_000, maxBytes: 10_000 };
    await at.records.produce({ ...place, ...big, partitions: 2, count: 4_000, compression: 'gzip' });
    // The copy gets its limit from the source, whose present one is smaller than what it took before.
    await at.records.set(place, { 'max.message.bytes': '120000' });
    const replicator = await copy.startReady({ 'wan-compression': 'none' });
    await copy.untilCopied({ topic });
    assert.ok((await replicator.metric('zeelos_replicator_batches_total', { lane: 'up-bulk', mode: 'record' })) > 0);
    await copy.settle({ topic });
  });

  it('stops a partition at a record that the target refuses, says so, lets the others go on, and resumes', async () => {
    const { copy, at } = on;
    const [bad, good] = [copy.topic('observations'), copy.topic('registrations')];
    const source = { brokers: at.brokers.edge, topic: bad };
    await copy.create(bad, { partitions: 1 });
    await at.records.produce({ ...source, count: 200, maxBytes: 200 });
    await at.records.produce({ ...source, count: 1, minBytes: 80_000, maxBytes: 90_000, seed: 2 });
    await at.records.produce({ ...source, count: 200, maxBytes: 200, seed: 3 });
    await at.records.set(source, { 'max.message.bytes': '20000' });
    const replicator = await copy.start({ 'wan-compression': 'none' });
    const events = async () => (await copy.events(bad)).map(({ kind }) => kind);
    await eventually('the stop is reported', async () => (await events()).includes('STOPPED'), 60_000);
    await eventually('it is not ready', async () => !(await replicator.isReady()));
    assert.equal(recordsIn(await copy.dump('cloud', bad)), 200);
    await at.records.produce({ brokers: at.brokers.edge, topic: good, count: 10 });
    await copy.untilCopied({ topic: good });
    await at.records.set(source, { 'max.message.bytes': '1000000' });
    await at.records.set({ brokers: at.brokers.cloud, topic: bad }, { 'max.message.bytes': '1000000' });
    await copy.untilCopied({ topic: bad });
    await eventually('the end of the stop is reported', async () => (await events()).at(-1) === 'RESUMED', 60_000);
    await eventually('ready again', () => replicator.isReady(), 60_000);
    await copy.settle({ topic: bad });
  });

  it('refuses to copy a cluster onto itself', async () => {
    const { copy, at } = on;
    const replicator = await copy.start({ 'cloud-brokers': at.brokers.edge });
    const how = await replicator.ended;
    assert.ok(typeof how === 'number' && how !== 0, `it ended with ${how}`);
    assert.match(replicator.said, /REPLICATION_OVERLAP/);
  });
});
