import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { committedOffsets } from '../../../common/kafka/topics.ts';
import { useStack } from '../../rig/rig.ts';
import { ApiJudge } from '../lwm2m-server/api-judge.ts';
import { CloudUnderTest, eventually } from './cloud.ts';
import { Bucket, observation, START_MS, targetOf } from './influx-records.ts';
import { WorkerUnderTest } from './worker-under-test.ts';

interface Offsets {
  readonly offsets: readonly { readonly partition: object; readonly offset: { readonly kafka_offset: number } }[];
}
interface Failure {
  readonly error_code: number;
  readonly message: string;
}

describe("connect worker's REST interface", function () {
  this.timeout(120_000);
  let cloud: CloudUnderTest;
  let bucket: Bucket;
  let worker: WorkerUnderTest;
  let second: WorkerUnderTest;
  let judge: ApiJudge;
  let config: Record<string, string>;
  const settings = () => ({
    kafkaBrokers: cloud.brokers,
    registryUrl: cloud.registryUrl,
    groupId: `rest${process.pid}`,
  });
  const sink = () => `sink-${cloud.gatewayId}`;
  const source = () => `source-${cloud.gatewayId}`;

  before(async () => {
    const stack = await useStack('kafka-cloud', 'registry', 'influxdb');
    cloud = new CloudUnderTest(stack, `rest${process.pid}`);
    bucket = new Bucket(stack, cloud.gatewayId);
    await cloud.enrol();
    await cloud.makeTopics();
    worker = await WorkerUnderTest.start(settings());
    second = await WorkerUnderTest.start(settings());
    judge = await ApiJudge.of(`http://${worker.id}`, { prefix: '', failureType: 'application/json' });
    const target = targetOf(stack);
    config = {
      'connector.class': 'InfluxSinkConnector',
      topics: cloud.topic('observations'),
      'connect.influx.url': target.url,
      'connect.influx.token': readFileSync(stack.credentials.influx.tokenFile, 'utf8').trim(),
      'connect.influx.org': 'zeelos',
      'connect.influx.db': 'zeelosdb',
    };
  });
  after(async () => {
    await second?.stop();
    await worker?.stop();
    await cloud.close();
  });

  const call = async <T = never>(method: string, template: string, name: string, body?: unknown) =>
    await judge.call<T>(method, template, { name }, body === undefined ? {} : { body });

  it('makes, shows, changes and lists connectors', async () => {
    const made = await judge.call('POST', '/connectors', {}, { body: { name: sink(), config } });
    assert.equal(made.status, 201);
    assert.equal((await judge.call('POST', '/connectors', {}, { body: { name: sink(), config } })).status, 409);
    for (const query of [{}, { expand: 'info' }, { expand: 'status' }] as Record<string, string>[])
      assert.equal((await judge.call('GET', '/connectors', {}, { query })).status, 200);
    assert.equal((await call('GET', '/connectors/{name}', sink())).status, 200);
    assert.equal((await call('PUT', '/connectors/{name}/config', sink(), config)).status, 200);
    assert.equal((await call('PATCH', '/connectors/{name}/config', sink(), { 'tasks.max': 2 })).status, 200);
    const { body } = await call<Record<string, string>>('GET', '/connectors/{name}/config', sink());
    assert.equal(body['tasks.max'], '2');
    assert.equal((await call('GET', '/connectors/{name}/topics', sink())).status, 200);
    assert.equal((await call('PUT', '/connectors/{name}/topics/reset', sink())).status, 200);
    const sourceConfig = {
      'connector.class': 'InfluxSourceConnector',
      topic: `rows.${cloud.gatewayId}`,
      'connect.influx.url': config['connect.influx.url'],
      'connect.influx.token': config['connect.influx.token'],
      'connect.influx.start': new Date(Date.now() - 60_000).toISOString(),
      'connect.influx.delay.ms': '0',
      'poll.interval.ms': '500',
      'connect.influx.query':
        'from(bucket: "zeelosdb") |> range(start: v.timeRangeStart, stop: v.timeRangeStop) |> filter(fn: (r) => r._measurement == "none")',
    };
    assert.equal((await call('PUT', '/connectors/{name}/config', source(), sourceConfig)).status, 201);
  });

  it('shows states, and restarts, pauses and resumes', async () => {
    await eventually('RUNNING RUNNING,RUNNING', () => worker.states(sink()));
    assert.equal((await call('GET', '/connectors/{name}/status', sink())).status, 200);
    assert.equal((await call('GET', '/connectors/{name}/tasks', sink())).status, 200);
    const task = { name: sink(), task: '1' };
    assert.equal((await judge.call('GET', '/connectors/{name}/tasks/{task}/status', task)).status, 200);
    assert.equal((await judge.call('POST', '/connectors/{name}/tasks/{task}/restart', task)).status, 204);
    assert.equal((await call('POST', '/connectors/{name}/restart', sink())).status, 204);
    const query = { includeTasks: 'true', onlyFailed: 'true' };
    assert.equal((await judge.call('POST', '/connectors/{name}/restart', { name: sink() }, { query })).status, 202);
    assert.equal((await call('PUT', '/connectors/{name}/pause', sink())).status, 202);
    await eventually('PAUSED PAUSED,PAUSED', () => worker.states(sink()));
    assert.equal((await call('PUT', '/connectors/{name}/resume', sink())).status, 202);
    await eventually('RUNNING RUNNING,RUNNING', () => worker.states(sink()));
  });

  it("shows a sink's offsets; changes them only while it is stopped, and on the real group", async () => {
    const topic = cloud.topic('observations');
    const values = Array.from({ length: 10 }, (_, at) => ({
      ep: 'one',
      value: observation(cloud.gatewayId, 'one', { timestamp: START_MS + at }),
    }));
    await cloud.produce('observations', values);
    await eventually(10, () => bucket.count());
    const offsets = async () => (await call<Offsets>('GET', '/connectors/{name}/offsets', sink())).body.offsets;
    const sum = async () => (await offsets()).reduce((all, { offset }) => all + offset.kafka_offset, 0);
    await eventually(10, sum);
    const used = (await offsets()).find(({ offset }) => offset.kafka_offset === 10)!;
    const change = { offsets: [{ partition: used.partition, offset: { kafka_offset: 4 } }] };
    for (const [method, body] of [
      ['PATCH', change],
      ['DELETE', undefined],
    ] as const) {
      const refused = await call<Failure>(method, '/connectors/{name}/offsets', sink(), body);
      assert.equal(refused.status, 400);
      assert.match(
        refused.body.message,
        /^Connectors must be in the STOPPED state before their offsets can be modified/,
      );
    }
    assert.equal((await call('PUT', '/connectors/{name}/stop', sink())).status, 204);
    const wrong = [
      undefined,
      {},
      { offsets: [] },
      { offsets: [{ partition: { kafka_topic: topic }, offset: null }] },
      { offsets: [{ partition: { kafka_topic: topic, kafka_partition: 'x' }, offset: null }] },
      { offsets: [{ partition: { kafka_topic: topic, kafka_partition: 99 }, offset: null }] },
      { offsets: [{ partition: { kafka_topic: 'nobody.made.it', kafka_partition: 0 }, offset: null }] },
      { offsets: [{ partition: used.partition, offset: { kafka_offset: 11 } }] },
      { offsets: [{ partition: used.partition, offset: { stop: 1 } }] },
    ];
    for (const body of wrong)
      assert.equal((await call('PATCH', '/connectors/{name}/offsets', sink(), body)).status, 400, JSON.stringify(body));
    // Asked at once, while its tasks may still be ending.
    assert.equal((await call('PATCH', '/connectors/{name}/offsets', sink(), change)).status, 200);
    assert.equal(await sum(), 4);
    const { kafka_partition } = used.partition as { kafka_partition: number };
    const group = await committedOffsets(cloud.kafka, `connect-${sink()}`, topic);
    assert.equal(group.get(kafka_partition), 4n);
    const taken = async () =>
      (await worker.metrics()).sum('zeelos_connector_records_in_total', sink()) +
      (await second.metrics()).sum('zeelos_connector_records_in_total', sink());
    const before = await taken();
    await call('PUT', '/connectors/{name}/resume', sink());
    await eventually(before + 6, taken);
    await eventually(10, sum);
    await call('PUT', '/connectors/{name}/stop', sink());
    const reset = { offsets: [{ partition: used.partition, offset: null }] };
    assert.equal((await call('PATCH', '/connectors/{name}/offsets', sink(), reset)).status, 200);
    assert.equal(await sum(), 0);
    assert.equal((await call('DELETE', '/connectors/{name}/offsets', sink())).status, 200);
    assert.deepEqual(await offsets(), []);
    await call('PUT', '/connectors/{name}/resume', sink());
    await eventually(before + 16, taken);
    await eventually(10, () => bucket.count());
  });

  it("shows a source's round, and puts it elsewhere", async () => {
    const stopOf = async () => {
      const { body } = await call<{ offsets: { offset: { stop: string } }[] }>(
        'GET',
        '/connectors/{name}/offsets',
        source(),
      );
      return body.offsets[0]?.offset.stop;
    };
    await eventually(true, async () => (await stopOf()) !== undefined);
    await call('PUT', '/connectors/{name}/stop', source());
    await eventually('STOPPED ', () => worker.states(source()));
    const at = (stop: unknown, task: unknown = 0) => ({ offsets: [{ partition: { task }, offset: { stop } }] });
    for (const wrong of [at('yesterday'), at(5), at('2026-01-01T00:00:00Z', 1)])
      assert.equal((await call('PATCH', '/connectors/{name}/offsets', source(), wrong)).status, 400);
    assert.equal((await call('PATCH', '/connectors/{name}/offsets', source(), at('2026-01-01T00:00:00Z'))).status, 200);
    assert.equal(await stopOf(), '2026-01-01T00:00:00.000Z');
    assert.equal((await call('DELETE', '/connectors/{name}/offsets', source())).status, 200);
    assert.equal(await stopOf(), undefined);
  });

  it('tells of itself, its classes and their settings, checks configurations, and sets its log level', async () => {
    const plugin = { name: 'InfluxSinkConnector' };
    assert.equal((await judge.call('GET', '/')).status, 200);
    assert.equal((await judge.call('GET', '/health')).status, 200);
    assert.equal((await judge.call('GET', '/connector-plugins')).status, 200);
    assert.equal((await judge.call('GET', '/connector-plugins/{name}/config', plugin)).status, 200);
    const both = { ...config, name: 'x', 'topics.regex': '(a|' };
    const checked = await judge.call<{ error_count: number }>(
      'PUT',
      '/connector-plugins/{name}/config/validate',
      plugin,
      {
        body: both,
      },
    );
    assert.equal(checked.body.error_count, 2);
    const root = { logger: 'root' };
    const level = async () => (await judge.call<{ level: string }>('GET', '/admin/loggers/{logger}', root)).body.level;
    const before = await level();
    assert.equal((await judge.call('PUT', '/admin/loggers/{logger}', root, { body: { level: 'fatal' } })).status, 200);
    assert.equal(await level(), 'FATAL');
    assert.equal((await judge.call('GET', '/admin/loggers')).status, 200);
    assert.equal((await judge.call('PUT', '/admin/loggers/{logger}', root, { body: { level: 'LOUD' } })).status, 404);
    assert.equal((await judge.call('GET', '/admin/loggers/{logger}', { logger: 'io.zeelos' })).status, 404);
    await judge.call('PUT', '/admin/loggers/{logger}', root, { body: { level: before } });
    assert.equal(await level(), before);
  });

  it('lets one of two creations at the same moment succeed, whichever workers are asked', async () => {
    for (let round = 0; round < 5; round++) {
      const name = `race-${round}-${cloud.gatewayId}`;
      const body = (rows: string) => ({ name, config: { ...config, 'batch.records': rows } });
      const answers = await Promise.all([
        worker.ask('POST', '/connectors', { ...body('101'), initial_state: 'STOPPED' }),
        second.ask('POST', '/connectors', { ...body('102'), initial_state: 'STOPPED' }),
        worker.ask('POST', '/connectors', { ...body('103'), initial_state: 'STOPPED' }),
      ]);
      assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409]);
      const kept = answers.find(({ status }) => status === 201)!.body.config['batch.records'];
      const rowsOf = async (one: WorkerUnderTest) =>
        (await one.ask('GET', `/connectors/${name}/config`)).body['batch.records'];
      await eventually([kept, kept], async () => [await rowsOf(worker), await rowsOf(second)]);
      await worker.ask('DELETE', `/connectors/${name}`);
    }
  });

  it('refuses what is too large, no JSON, or of another type, in the shape of every failure', async () => {
    const long = { name: 'long', config: { ...config, 'connect.influx.kcql': 'x'.repeat(2 ** 20) } };
    assert.equal((await judge.call('POST', '/connectors', {}, { body: long })).status, 413);
    assert.equal((await judge.call('POST', '/connectors', {}, { body: '{' })).status, 400);
    assert.equal((await judge.call('POST', '/connectors', {}, { body: 'x', type: 'text/csv' })).status, 415);
    assert.equal((await call('GET', '/connectors/{name}/offsets', 'nobody')).status, 404);
  });

  it('had every operation of its document answered as the document says', async () => {
    for (const name of [sink(), source()]) assert.equal((await call('DELETE', '/connectors/{name}', name)).status, 204);
    assert.deepEqual(
      judge.operations.filter((one) => !judge.succeeded.has(one)),
      [],
    );
    assert.ok(judge.operations.length >= 25, `${judge.operations.length} operations`);
  });
});
