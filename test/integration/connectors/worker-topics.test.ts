import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ensureTopics } from '../../../common/kafka/topics.ts';
import { useStack } from '../../rig/rig.ts';
import { CloudUnderTest, eventually } from './cloud.ts';
import { Bucket, observation, START_MS, targetOf } from './influx-records.ts';
import { WorkerUnderTest } from './worker-under-test.ts';

describe('connectors whose topics are an expression', function () {
  this.timeout(120_000);
  let first: CloudUnderTest;
  let later: CloudUnderTest;
  let worker: WorkerUnderTest;
  const prefix = `re${process.pid}`;
  const groupId = `${prefix}-group`;

  before(async () => {
    const stack = await useStack('kafka-cloud', 'registry', 'influxdb');
    first = new CloudUnderTest(stack, `${prefix}a`);
    later = new CloudUnderTest(stack, `${prefix}b`);
    await first.enrol();
    await later.enrol();
    await first.makeTopics();
    worker = await WorkerUnderTest.start({ kafkaBrokers: first.brokers, registryUrl: first.registryUrl, groupId });
  });
  after(async () => {
    await worker?.stop();
    await first.close();
    await later.close();
  });

  const config = (change: Record<string, string>) => ({
    'connector.class': 'InfluxSinkConnector',
    'topic.check.ms': '200',
    'connect.influx.url': targetOf(first.stack).url,
    'connect.influx.token': readFileSync(first.stack.credentials.influx.tokenFile, 'utf8').trim(),
    'connect.influx.org': 'zeelos',
    'connect.influx.db': 'zeelosdb',
    ...change,
  });
  const produce = async (cloud: CloudUnderTest, from: number, count: number) =>
    await cloud.produce(
      'observations',
      Array.from({ length: count }, (_, at) => ({
        ep: `e${from + at}`,
        value: observation(cloud.gatewayId, `e${from + at}`, { timestamp: START_MS + from + at }),
      })),
    );
  const taken = async (name: string) =>
    (await worker.metrics()).sum('zeelos_connector_records_in_total', `connector="${name}"`);
  const topicsOf = async (name: string) => (await worker.ask('GET', `/connectors/${name}/topics`)).body[name].topics;

  it('take a topic that is made while they run, and read nothing again', async () => {
    const name = `${prefix}-rows`;
    // All that a gateway has matches, and the topic of letters; the mapping that is built in takes two of them.
    const made = await worker.ask('PUT', `/connectors/${name}/config`, config({ 'topics.regex': `iot\\.${prefix}.*` }));
    assert.equal(made.status, 201, JSON.stringify(made.body));
    await produce(first, 0, 50);
    await first.produceBytes('observations', null, Buffer.from('no frame'));
    const inFirst = new Bucket(first.stack, first.gatewayId);
    await eventually(50, () => inFirst.count());
    await eventually(1, async () => (await first.deadLetters('observations')).length);
    assert.equal(await taken(name), 51);
    await later.makeTopics();
    await produce(later, 0, 30);
    const inLater = new Bucket(later.stack, later.gatewayId);
    await eventually(30, () => inLater.count());
    await produce(first, 50, 5);
    await eventually(55, () => inFirst.count());
    assert.equal(await taken(name), 51 + 30 + 5);
    assert.deepEqual(await topicsOf(name), [first.topic('observations'), later.topic('observations')].sort());
    assert.equal(await worker.states(name), 'RUNNING RUNNING');
    const rebalances = (await worker.metrics()).sum('zeelos_connector_rebalances_total', `connector="${name}"`);
    assert.ok(rebalances >= 2, `${rebalances}`);
    await worker.ask('DELETE', `/connectors/${name}`);
  });

  it('map by KCQL: a statement of their own, or the one for the others', async () => {
    const name = `${prefix}-kcql`;
    const kcql = [
      `INSERT INTO ${prefix}_own SELECT ticket FROM ${first.topic('observations')} WITHTAG (ep, serverId)`,
      `INSERT INTO ${prefix}_others SELECT ticket FROM \`*\` WITHTAG (ep, serverId)`,
    ].join(';');
    const made = await worker.ask(
      'PUT',
      `/connectors/${name}/config`,
      config({ 'topics.regex': `iot\\.${prefix}[ab]\\.observations`, 'connect.influx.kcql': kcql }),
    );
    assert.equal(made.status, 201, JSON.stringify(made.body));
    await eventually(86, () => taken(name));
    const lines = async () =>
      (await worker.metrics()).sum('zeelos_connector_records_written_total', `connector="${name}"`);
    assert.equal(await lines(), 85);
    const points = async (cloud: CloudUnderTest, measurement: string) =>
      (await new Bucket(cloud.stack, cloud.gatewayId).rows(measurement as 'resources')).length;
    const both = [await points(first, `${prefix}_own`), await points(later, `${prefix}_others`)];
    assert.deepEqual(both, [55, 30]);
    await worker.ask('DELETE', `/connectors/${name}`);
  });

  it('wait for a topic that matches, and never take those of the worker', async () => {
    const name = `${prefix}-none`;
    const kcql = 'INSERT INTO m SELECT ticket FROM `*`';
    const made = await worker.ask(
      'PUT',
      `/connectors/${name}/config`,
      config({ 'topics.regex': `${groupId}-.*|.*${prefix}.*dlq|__.*`, 'connect.influx.kcql': kcql }),
    );
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const waiting = async () => (await worker.ask('GET', `/connectors/${name}/status`)).body.tasks[0]?.waiting;
    await eventually(true, async () => /^no topic that can be taken matches/.test((await waiting()) ?? ''));
    await ensureTopics(first.kafka, [{ topic: `${groupId}-other`, partitions: 1 }]);
    await eventually(undefined, waiting);
    assert.deepEqual(await topicsOf(name), []);
    await worker.ask('DELETE', `/connectors/${name}`);
  });
});
