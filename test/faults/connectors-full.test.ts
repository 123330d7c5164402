import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { sleep } from '../../common/lifecycle.ts';
import { InfluxClient } from '../../connectors/influxdb/client.ts';
import type { Stack } from '../../stack/stack.ts';
import { CloudUnderTest, eventually } from '../integration/connectors/cloud.ts';
import { Graph } from '../integration/connectors/graph.ts';
import { Bucket, START_MS, targetOf } from '../integration/connectors/influx-records.ts';
import { limitFiles, unlimitFiles } from '../rig/file-limit.ts';
import { useOwnStores } from '../rig/rig.ts';
import { WorkerProcess } from './connect-worker.ts';
import { ObservationLoad } from './observation-load.ts';
import { registration } from './registrations.ts';

const SETTLE_MS = 120_000;
const HAS_GRAPH = "SELECT name FROM (SELECT expand(classes) FROM metadata:schema) WHERE name = 'Endpoints'";

describe('connectors and a store whose disk is full', function () {
  this.timeout(300_000);
  let stack: Stack;
  let cloud: CloudUnderTest;
  let worker: WorkerProcess;

  before(async () => {
    // A start after a full disk leaves InfluxDB with a log that may lose what comes next: not for other tests.
    stack = await useOwnStores('kafka-cloud', 'registry');
    cloud = new CloudUnderTest(stack, `full${process.pid}`);
    await cloud.enrol();
    await cloud.makeTopics();
    worker = await WorkerProcess.start(cloud, `full${process.pid}`);
  });
  after(async () => {
    await worker?.end('SIGTERM');
    await cloud?.close();
  });

  /** Longer than the files that InfluxDB makes 4 MiB long from the start, so that the limit is in the way of the log only. */
  async function lengthenLog(): Promise<void> {
    const client = new InfluxClient(targetOf(stack));
    await client.connect(AbortSignal.timeout(SETTLE_MS));
    for (let line = 0; line < 500; line++) {
      const text = randomBytes(9_000).toString('base64');
      await client.write(
        'zeelosdb',
        Buffer.from(`filler v="${text}" ${START_MS}${String(line).padStart(6, '0')}`),
        AbortSignal.timeout(SETTLE_MS),
      );
    }
    client.close();
  }

  it('keeps what InfluxDB has no room for in Kafka, and stores it once InfluxDB was started anew', async () => {
    const name = `${cloud.gatewayId}-influx`;
    const topic = cloud.topic('observations');
    await worker.configure(name, {
      'connector.class': 'InfluxSinkConnector',
      topics: topic,
      'connect.influx.url': targetOf(stack).url,
      'connect.influx.token': (await targetOf(stack).credentials()).token,
      'connect.influx.db': 'zeelosdb',
      'connect.influx.retry.interval': '1000',
      'connect.influx.kcql': `INSERT INTO resources SELECT rep.body.content.value AS value, rep.code AS code, ticket FROM ${topic}
        WITHTIMESTAMP timestamp WITHTAG (ep, serverId, path)`,
      'batch.records': '200',
    });
    const bucket = new Bucket(stack, cloud.gatewayId);
    const load = new ObservationLoad(cloud);
    const pid = stack.pid('influxdb')!;
    try {
      await eventually(true, async () => (await bucket.count()) > 500, SETTLE_MS);
      await lengthenLog();
      limitFiles(pid, (path) => path.endsWith('.wal'), 8_192);
      await eventually(true, async () => /SINK_UNAVAILABLE/.test(await worker.waiting(name)), SETTLE_MS);
      const waitingFrom = load.good;
      await eventually(true, async () => load.good > waitingFrom + 1_000, SETTLE_MS);
      assert.deepEqual(await worker.states(name), ['RUNNING']);
    } finally {
      await load.stop();
      unlimitFiles(pid);
    }
    // Room alone does not mend it: it repeats its first error until it is started anew.
    await stack.kill('influxdb');
    await stack.start('influxdb');
    await stack.ready('influxdb');
    await eventually(load.good, () => bucket.count(), SETTLE_MS);
    await eventually('', () => worker.waiting(name), SETTLE_MS);
    const letters = async () => {
      const all = await cloud.deadLetters('observations');
      return new Set(
        all.map(({ headers }) => `${headers?.['zeelos.dlq.partition']}/${headers?.['zeelos.dlq.offset']}`),
      );
    };
    await eventually(load.poison, async () => (await letters()).size, SETTLE_MS);
  });

  it('keeps what OrientDB has no room for in Kafka, and stores it once OrientDB was started anew', async () => {
    const name = `${cloud.gatewayId}-graph`;
    const graph = await Graph.make(stack, `full${process.pid}`);
    await worker.configure(name, {
      'connector.class': 'OrientSinkConnector',
      topics: cloud.topic('registrations'),
      'connect.orient.url': `remote:127.0.0.1:${stack.ports.orientdbBinary}/${graph.database}`,
      'connect.orient.user': graph.target.user,
      'connect.orient.password': await graph.target.password(),
      'connect.orient.retry.interval': '1000',
      // Many small writes, so that some are answered shortly before the disk is full.
      'batch.records': '5',
    });
    let made = 0;
    const produce = async (count: number) => {
      await cloud.produce(
        'registrations',
        Array.from({ length: count }, () => registration(cloud.gatewayId, made++)),
      );
    };
    await cloud.produceBytes('registrations', Buffer.from('p'), Buffer.from('no frame'));
    await produce(50);
    const endpoints = async () => ((await graph.query(HAS_GRAPH)).length === 0 ? 0 : await graph.count('Endpoints'));
    await eventually(made, endpoints, SETTLE_MS);
    limitFiles(stack.pid('orientdb')!, (path) => path.includes(graph.database) && path.endsWith('.wal'), 65_536);
    const deadline = Date.now() + SETTLE_MS;
    while (!/start it anew/.test(await worker.waiting(name))) {
      assert.ok(Date.now() < deadline, 'OrientDB never said that it is full');
      await produce(5);
      await sleep(100);
    }
    await produce(200);
    assert.deepEqual(await worker.states(name), ['RUNNING']);
    await stack.kill('orientdb');
    await stack.start('orientdb');
    await stack.ready('orientdb');
    await eventually(made, () => graph.count('Endpoints'), SETTLE_MS);
    await eventually(2 * made, () => graph.count('hasObject'), SETTLE_MS);
    assert.equal(await graph.count('hasEndpoint'), made);
    await eventually(1, async () => (await cloud.deadLetters('registrations')).length, SETTLE_MS);
    await eventually('', () => worker.waiting(name), SETTLE_MS);
  });
});
