import assert from 'node:assert/strict';
import { basename, dirname } from 'node:path';
import type { PartitionAssigner } from 'kafkajs';
import { groupOf } from '../../../connectors/worker/connector-offsets.ts';
import { useStack } from '../../rig/rig.ts';
import { CloudUnderTest, eventually } from './cloud.ts';
import { Bucket, observation, targetOf } from './influx-records.ts';
import { WorkerUnderTest } from './worker-under-test.ts';

/** Of a member that shares no way of sharing with ours: Kafka lets nobody else in. */
const FOREIGN: PartitionAssigner = () => ({
  name: 'foreign',
  version: 1,
  assign: async ({ members }) =>
    members.map(({ memberId }) => ({ memberId, memberAssignment: Buffer.from([0, 1, 0, 0, 0, 0, 0, 0, 0, 0]) })),
  protocol: ({ topics }) => {
    const names = topics.map((topic) => {
      const bytes = Buffer.from(topic);
      const length = Buffer.alloc(2);
      length.writeInt16BE(bytes.length);
      return Buffer.concat([length, bytes]);
    });
    const metadata = Buffer.concat([Buffer.from([0, 1, 0, 0, 0, names.length]), ...names, Buffer.alloc(4)]);
    return { name: 'foreign', metadata };
  },
});

describe('connectors whose group Kafka does not let them in', function () {
  this.timeout(120_000);
  let cloud: CloudUnderTest;
  let worker: WorkerUnderTest;

  before(async () => {
    const stack = await useStack('kafka-cloud', 'registry', 'influxdb');
    cloud = new CloudUnderTest(stack, `group${process.pid}`);
    await cloud.enrol();
    await cloud.makeTopics();
    worker = await WorkerUnderTest.start({
      kafkaBrokers: cloud.brokers,
      registryUrl: cloud.registryUrl,
      groupId: `group${process.pid}`,
      secretFolders: [dirname(stack.credentials.influx.tokenFile)],
    });
  });
  after(async () => {
    await worker?.stop();
    await cloud?.close();
  });

  it('say why they wait, as long as it lasts, and go on behind it', async () => {
    const { stack } = cloud;
    const { tokenFile } = stack.credentials.influx;
    const name = `${cloud.gatewayId}-refused`;
    const foreign = cloud.kafka.consumer({ groupId: groupOf(name), partitionAssigners: [FOREIGN] });
    const joined = new Promise((resolve) => foreign.on(foreign.events.GROUP_JOIN, resolve));
    await foreign.connect();
    try {
      await foreign.subscribe({ topics: [cloud.topic('observations')] });
      await foreign.run({ eachMessage: async () => undefined });
      await joined;
      const made = await worker.ask('PUT', `/connectors/${name}/config`, {
        'connector.class': 'InfluxSinkConnector',
        topics: cloud.topic('observations'),
        'connect.influx.url': targetOf(stack).url,
        'connect.influx.db': stack.credentials.influx.bucket,
        'connect.influx.token': `$\{directory:${dirname(tokenFile)}:${basename(tokenFile)}}`,
      });
      assert.equal(made.status, 201, JSON.stringify(made.body));
      await cloud.produce('observations', [{ ep: 'e', value: observation(cloud.gatewayId, 'e') }]);
      const task = async () => (await worker.ask('GET', `/connectors/${name}/status`)).body.tasks?.[0] ?? {};
      const says = async () => `${(await task()).state} ${(await task()).waiting ?? ''}`;
      await eventually(true, async () => /^RUNNING joining its group again: .*incompatible/.test(await says()));
      const inState = async (state: string) =>
        (await worker.metrics()).sum('zeelos_connect_tasks', name, `state="${state}"`);
      assert.deepEqual([await inState('WAITING'), await inState('RUNNING')], [1, 0]);
      await foreign.disconnect();
      await eventually('RUNNING ', says);
      await eventually(1, () => new Bucket(stack, cloud.gatewayId).count());
    } finally {
      await foreign.disconnect();
    }
  });
});
