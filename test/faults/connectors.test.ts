import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { sleep } from '../../common/lifecycle.ts';
import type { SinkTopic } from '../../connectors/sink.ts';
import type { Stack } from '../../stack/stack.ts';
import { CloudUnderTest, eventually } from '../integration/connectors/cloud.ts';
import { Bucket, targetOf } from '../integration/connectors/influx-records.ts';
import { useStack } from '../rig/rig.ts';
import { WorkerProcess } from './connect-worker.ts';
import { ObservationLoad } from './observation-load.ts';
import { registration } from './registrations.ts';

const SETTLE_MS = 120_000;

describe('connectors under load', function () {
  this.timeout(300_000);
  let cloud: CloudUnderTest;
  let stack: Stack;
  const workers: WorkerProcess[] = [];
  const groupId = `faults${process.pid}`;

  before(async () => {
    stack = await useStack('kafka-cloud', 'registry', 'influxdb');
    cloud = new CloudUnderTest(stack, `faults${process.pid}`);
    await cloud.enrol();
    await cloud.makeTopics();
  });
  after(async () => {
    await Promise.all(workers.map((worker) => worker.end('SIGTERM')));
    await cloud?.close();
  });

  /** Records that have a letter; one may have two when a worker was killed between letter and commit. */
  async function letters(name: SinkTopic): Promise<number> {
    const all = await cloud.deadLetters(name);
    return new Set(all.map(({ headers }) => `${headers?.['zeelos.dlq.partition']}/${headers?.['zeelos.dlq.offset']}`))
      .size;
  }

  it('stores or sets aside each record, and stores none twice, while the store and workers are killed', async () => {
    const name = `${cloud.gatewayId}-influx`;
    workers.push(await WorkerProcess.start(cloud, groupId));
    const topic = cloud.topic('observations');
    const made = await workers[0]!.ask('PUT', `/connectors/${name}/config`, {
      'connector.class': 'InfluxSinkConnector',
      'tasks.max': '2',
      topics: topic,
      'connect.influx.url': targetOf(stack).url,
      'connect.influx.token': (await targetOf(stack).credentials()).token,
      'connect.influx.db': 'zeelosdb',
      'connect.influx.retry.interval': '1000',
      'connect.influx.kcql': `INSERT INTO resources SELECT rep.body.content.value AS value, rep.code AS code, ticket FROM ${topic}
        WITHTIMESTAMP timestamp WITHTAG (ep, serverId, path)`,
      'batch.records': '500',
    });
    assert.equal(made.status, 201, made.text);
    await eventually(['RUNNING', 'RUNNING'], () => workers[0]!.states(name));
    const load = new ObservationLoad(cloud);
    try {
      await sleep(2_000);
      await stack.kill('influxdb');
      await sleep(3_000);
      await stack.start('influxdb');
      await stack.ready('influxdb');
      // A second worker: the group shares the tasks anew while records flow.
      workers.push(await WorkerProcess.start(cloud, groupId));
      const pid = stack.pid('influxdb')!;
      process.kill(pid, 'SIGSTOP');
      await sleep(3_000);
      process.kill(pid, 'SIGCONT');
      await sleep(1_000);
      await workers[0]!.end('SIGKILL');
      await sleep(8_000);
    } finally {
      await load.stop();
    }
    const bucket = new Bucket(stack, cloud.gatewayId);
    await eventually(load.good, () => bucket.count(), SETTLE_MS);
    await eventually(load.poison, () => letters('observations'), SETTLE_MS);
    assert.ok(load.good > 2_000, `only ${load.good} records were produced`);
    assert.deepEqual(await workers[1]!.states(name), ['RUNNING', 'RUNNING']);
    assert.equal(await cloud.recordCount('observations'), load.good + 2 * load.poison);
    const tickets = new Set((await bucket.rows()).map(({ ticket }) => ticket));
    assert.equal(tickets.size, load.good);
  });

  it('shows each endpoint once, poison set aside, while the graph is killed and hangs and a worker is killed', async () => {
    await useStack('orientdb');
    stack = await useStack('kafka-cloud', 'registry', 'influxdb', 'orientdb');
    const { database, user, passwordFile } = stack.credentials.orientdb;
    const password = readFileSync(passwordFile, 'utf8').trim();
    let worker = workers.at(-1)!;
    const name = `${cloud.gatewayId}-graph`;
    const made = await worker.ask('PUT', `/connectors/${name}/config`, {
      'connector.class': 'OrientSinkConnector',
      topics: cloud.topic('registrations'),
      'connect.orient.url': `remote:127.0.0.1:${stack.ports.orientdbBinary}/${database}`,
      'connect.orient.user': user,
      'connect.orient.password': password,
      'connect.orient.retry.interval': '1000',
      'batch.records': '100',
    });
    assert.equal(made.status, 201, made.text);
    let count = 0;
    let poison = 0;
    let isLoading = true;
    const produced = (async () => {
      while (isLoading) {
        await cloud.produce(
          'registrations',
          Array.from({ length: 20 }, () => registration(cloud.gatewayId, count++)),
        );
        await cloud.produceBytes('registrations', Buffer.from(`p${poison++}`), Buffer.from('no frame'));
        await sleep(50);
      }
    })();
    try {
      await sleep(1_000);
      await stack.kill('orientdb');
      await sleep(2_000);
      await stack.start('orientdb');
      await stack.ready('orientdb');
      const pid = stack.pid('orientdb')!;
      process.kill(pid, 'SIGSTOP');
      await sleep(3_000);
      process.kill(pid, 'SIGCONT');
      await sleep(500);
      await worker.end('SIGKILL');
      worker = await WorkerProcess.start(cloud, groupId);
      workers.push(worker);
    } finally {
      isLoading = false;
      await produced;
    }
    const ask = async (sql: string) => {
      const url = `http://127.0.0.1:${stack.ports.orientdbHttp}/query/${database}/sql/${encodeURIComponent(sql)}`;
      const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
      const answer = await fetch(url, { headers: { authorization } });
      return answer.ok ? ((await answer.json()) as { result: { n: number }[] }).result[0]?.n : undefined;
    };
    const where = `WHERE name LIKE 'd-${cloud.gatewayId}-%'`;
    await eventually(count, () => ask(`SELECT count(*) AS n FROM Endpoints ${where}`), SETTLE_MS);
    await eventually(
      2 * count,
      () => ask(`SELECT count(*) AS n FROM hasObject WHERE out.name LIKE 'd-${cloud.gatewayId}-%'`),
      SETTLE_MS,
    );
    await eventually(poison, () => letters('registrations'), SETTLE_MS);
    await eventually(['RUNNING'], () => worker.states(name), SETTLE_MS);
  });
});
