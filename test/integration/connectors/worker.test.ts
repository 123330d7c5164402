import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { AvroResponseObserve } from '../../../schemas/generated/records.ts';
import { useStack } from '../../rig/rig.ts';
import { CloudUnderTest, eventually } from './cloud.ts';
import { Bucket, observation, read, reply, START_MS, single, targetOf } from './influx-records.ts';
import { influxSinkConfig, type SeedAddresses } from './seed-configs.ts';
import { WorkerUnderTest } from './worker-under-test.ts';

/** Every setting of the original, with values of this machine. */
function addressesOf({ stack, gatewayId, registryUrl }: CloudUnderTest): SeedAddresses {
  const { influx } = stack.credentials;
  return {
    gatewayId,
    registryUrl,
    influxUrl: targetOf(stack).url,
    // The user that the setup of the store makes, with the password beside the token.
    influxUser: 'zeelos',
    influxPassword: readFileSync(join(dirname(influx.tokenFile), 'influxdb-password'), 'utf8').trim(),
    orientUrl: '',
    orientUser: '',
    orientPassword: '',
  };
}

describe('connect worker', function () {
  this.timeout(120_000);
  let cloud: CloudUnderTest;
  let bucket: Bucket;
  let worker: WorkerUnderTest;
  let folder: string;
  const groupId = `workers${process.pid}`;
  const settings = () => ({
    kafkaBrokers: cloud.brokers,
    registryUrl: cloud.registryUrl,
    groupId,
    secretFolders: [folder],
  });
  const produce = async (...values: readonly AvroResponseObserve[]) =>
    await cloud.produce(
      'observations',
      values.map((value) => ({ ep: value.ep, value })),
    );

  /** A sink of one gateway's observations, with the token by reference. */
  const ownSink = (change: Record<string, string> = {}) => ({
    'connector.class': 'InfluxSinkConnector',
    topics: cloud.topic('observations'),
    'connect.influx.url': targetOf(cloud.stack).url,
    'connect.influx.org': 'zeelos',
    'connect.influx.token': `$\{file:${join(folder, 'influx.properties')}:token}`,
    'connect.influx.db': 'zeelosdb',
    ...change,
  });

  before(async () => {
    const stack = await useStack('kafka-cloud', 'registry', 'influxdb');
    cloud = new CloudUnderTest(stack, `worker${process.pid}`);
    bucket = new Bucket(stack, cloud.gatewayId);
    folder = mkdtempSync(join(tmpdir(), 'zeelos-connect-'));
    const token = readFileSync(stack.credentials.influx.tokenFile, 'utf8').trim();
    writeFileSync(join(folder, 'influx.properties'), `# of the store\ntoken = ${token}\n`);
    await cloud.enrol();
    await cloud.makeTopics();
    worker = await WorkerUnderTest.start(settings());
  });
  after(async () => {
    await worker?.stop();
    await cloud.close();
    rmSync(folder, { recursive: true });
  });

  it("runs the original's InfluxDB connector as it is", async () => {
    const id = cloud.gatewayId;
    const config = influxSinkConfig(addressesOf(cloud));
    const made = await worker.ask('POST', '/connectors', { name: `${id}_influxdb_sink`, config });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.equal(made.location, `/connectors/${id}_influxdb_sink`);
    assert.deepEqual(made.body.tasks, [{ connector: `${id}_influxdb_sink`, task: 0 }]);
    assert.equal(made.body.type, 'sink');
    assert.equal(made.body.config['connect.influx.password'], '[hidden]');
    await produce(
      observation(id, 'float'),
      observation(id, 'float', { rep: read(single('/3303/0/5700', { double: 22 })) }),
      observation(id, 'long', { rep: read(single('/3/0/9', { long: 42 }, 'INTEGER')) }),
      observation(id, 'yes', { rep: read(single('/3/0/9', { boolean: true }, 'BOOLEAN')) }),
      observation(id, 'text', { rep: read(single('/3/0/0', { string: 'a "b" \\' }, 'STRING')) }),
      // Nothing that the statement selects: skipped, and the task lives.
      observation(id, 'nobody', { rep: { code: 'NOT_FOUND', kind: 'observe', body: null } }),
    );
    await cloud.produceBytes('observations', null, null);
    await cloud.produceBytes('observations', null, Buffer.from([0, 0, 0, 99, 99, 1]));
    await cloud.produce('replies', [{ ep: 'r', value: reply(id, 'r', 'one', 'CHANGED') }]);
    await eventually(9, async () => (await worker.metrics()).sum('zeelos_connector_records_in_total'));
    const rows = await bucket.rows();
    const of = (ep: string) => rows.filter((row) => row.ep === ep);
    // Two values of one series in one millisecond.
    assert.deepEqual(
      of('float').map(({ value }) => value),
      [21.5, 22],
    );
    assert.ok(of('float').every(({ _time }) => String(_time).startsWith('2026-09-21T14:13:20.000')));
    assert.equal(of('long')[0]?.value, 42);
    assert.equal(of('yes')[0]?.bvalue, true);
    assert.equal(of('text')[0]?.svalue, 'a "b" \\');
    const { ticket, kind, path, svalue } = of('r')[0]!;
    assert.deepEqual(
      { ticket, kind, path, svalue },
      { ticket: 'one', kind: 'execute', path: '/3/0/4', svalue: 'CHANGED' },
    );
    (await worker.metrics()).assertBalanced(9);
    assert.equal((await cloud.deadLetters('observations')).length, 1);
    assert.equal(await worker.states(`${id}_influxdb_sink`), 'RUNNING RUNNING');
    const topics = await worker.ask('GET', `/connectors/${id}_influxdb_sink/topics`);
    assert.deepEqual(
      topics.body[`${id}_influxdb_sink`].topics,
      [cloud.topic('replies'), cloud.topic('observations')].sort(),
    );
    assert.equal((await worker.ask('DELETE', `/connectors/${id}_influxdb_sink`)).status, 204);
    assert.equal((await worker.ask('GET', `/connectors/${id}_influxdb_sink/status`)).status, 404);
  });

  it('answers as Kafka Connect: 409, 404 and 400 in its shape, plugins, validation', async () => {
    const name = 'answers';
    assert.equal((await worker.ask('POST', '/connectors', { name, config: ownSink() })).status, 201);
    assert.deepEqual(await worker.ask('POST', '/connectors', { name, config: ownSink() }), {
      status: 409,
      location: null,
      body: { error_code: 409, message: 'Connector answers already exists' },
    });
    for (const [method, path] of [
      ['GET', '/connectors/none'],
      ['GET', '/connectors/none/config'],
      ['GET', '/connectors/none/status'],
      ['PUT', '/connectors/none/pause'],
      ['POST', '/connectors/none/restart'],
      ['POST', '/connectors/answers/tasks/7/restart'],
      ['DELETE', '/connectors/none'],
      ['GET', '/nothing'],
    ] as const) {
      const { status, body } = await worker.ask(method, path);
      assert.deepEqual([status, body.error_code], [404, 404], path);
    }
    const wrong = {
      ...ownSink(),
      'connect.influx.kcql': `INSERT INTO m SELECT nonsense FORM t`,
      'tasks.max': '0',
      odd: '1',
    };
    const refused = await worker.ask('POST', '/connectors', { name: 'wrong', config: wrong });
    assert.equal(refused.status, 400);
    assert.match(
      refused.body.message,
      /^Connector configuration is invalid and contains the following 3 error\(s\):\n/,
    );
    assert.match(refused.body.message, /line 1, column 31: expected AS, , or FROM, found "FORM"/);
    const unknown = `INSERT INTO m SELECT rep.nonsense FROM ${cloud.topic('observations')}`;
    const checked = await worker.ask('PUT', '/connector-plugins/InfluxSinkConnector/config/validate', {
      ...ownSink({ name: 'x', 'connect.influx.kcql': unknown, 'connect.influx.token': 'plain' }),
    });
    assert.equal(checked.status, 200);
    assert.equal(checked.body.error_count, 1);
    const entry = (key: string) =>
      checked.body.configs.find(({ value }: { value: { name: string } }) => value.name === key).value;
    assert.match(entry('connect.influx.kcql').errors[0], /column 22: .* "rep.nonsense"/);
    assert.equal(entry('connect.influx.token').value, '[hidden]');
    const plugins = await worker.ask('GET', '/connector-plugins');
    assert.deepEqual(
      plugins.body.map(({ class: name, type }: { class: string; type: string }) => [name, type]),
      [
        ['InfluxSinkConnector', 'sink'],
        ['OrientSinkConnector', 'sink'],
        ['InfluxSourceConnector', 'source'],
      ],
    );
    assert.equal((await worker.ask('POST', '/connectors', [])).status, 400);
    assert.deepEqual((await worker.ask('GET', '/connectors', undefined, { origin: 'http://evil.example' })).body, {
      error_code: 403,
      message: 'a page of another origin asks',
    });
    const listed = await worker.ask('GET', '/connectors?expand=status&expand=info');
    assert.equal(listed.body.answers.info.config['connect.influx.token'], ownSink()['connect.influx.token']);
    assert.equal(listed.body.answers.status.type, 'sink');
    assert.equal((await worker.ask('DELETE', '/connectors/answers')).status, 204);
  });

  it('shows a task that ended as FAILED with its trace, and runs it again once it is configured right', async () => {
    const wrong = ownSink({ 'connect.influx.token': 'wrong-token', 'connect.influx.error.policy': 'THROW' });
    assert.equal((await worker.ask('PUT', '/connectors/failing/config', wrong)).status, 201);
    await eventually('RUNNING FAILED', () => worker.states('failing'));
    const { body } = await worker.ask('GET', '/connectors/failing/status');
    assert.match(body.tasks[0].trace, /SINK_UNAVAILABLE: InfluxDB answered 401/);
    assert.equal(body.tasks[0].worker_id, worker.id);
    await worker.ask('POST', '/connectors/failing/tasks/0/restart');
    await eventually('RUNNING FAILED', () => worker.states('failing'));
    // What was sent back hidden is as it was, so it still fails.
    const same = (await worker.ask('GET', '/connectors/failing/config')).body;
    assert.equal(same['connect.influx.token'], '[hidden]');
    assert.equal((await worker.ask('PUT', '/connectors/failing/config', same)).status, 200);
    await eventually('RUNNING FAILED', () => worker.states('failing'));
    assert.equal((await worker.ask('PUT', '/connectors/failing/config', ownSink())).status, 200);
    await eventually('RUNNING RUNNING', () => worker.states('failing'));
    await worker.ask('DELETE', '/connectors/failing');
  });

  it('pauses, keeps that through a restart of the worker, and resumes where it stood', async () => {
    const count = () => bucket.count();
    await worker.ask('PUT', '/connectors/paused/config', ownSink());
    const id = cloud.gatewayId;
    await produce(observation(id, 'p1', { timestamp: START_MS + 1 }));
    await eventually(true, async () => (await bucket.rows()).some(({ ep }) => ep === 'p1'));
    assert.equal((await worker.ask('PUT', '/connectors/paused/pause')).status, 202);
    await eventually('PAUSED PAUSED', () => worker.states('paused'));
    await worker.stop();
    worker = await WorkerUnderTest.start(settings());
    await eventually('PAUSED PAUSED', () => worker.states('paused'));
    const before = await count();
    await produce(
      observation(id, 'p2', { timestamp: START_MS + 2 }),
      observation(id, 'p3', { timestamp: START_MS + 3 }),
    );
    assert.equal((await worker.ask('PUT', '/connectors/paused/resume')).status, 202);
    await eventually(before + 2, count);
    assert.equal((await worker.ask('PUT', '/connectors/paused/stop')).status, 204);
    await eventually('STOPPED ', () => worker.states('paused'));
    await worker.ask('DELETE', '/connectors/paused');
  });

  it('shares tasks with a second worker, and takes all of them when that one goes', async () => {
    const config = ownSink({ 'tasks.max': '2' });
    await worker.ask('PUT', '/connectors/shared/config', config);
    await eventually('RUNNING RUNNING,RUNNING', () => worker.states('shared'));
    const second = await WorkerUnderTest.start(settings());
    const owners = async (asked: WorkerUnderTest) => {
      const { body } = await asked.ask('GET', '/connectors/shared/status');
      return body.tasks
        .map(({ state, worker_id }: { state: string; worker_id: string }) => `${state} ${worker_id}`)
        .sort();
    };
    const both = [worker.id, second.id].sort().map((one) => `RUNNING ${one}`);
    await eventually(both, () => owners(worker));
    await eventually(both, () => owners(second));
    const before = await bucket.count();
    await produce(...Array.from({ length: 50 }, (_, index) => observation(cloud.gatewayId, `s${index}`)));
    await eventually(before + 50, () => bucket.count());
    await second.stop();
    await eventually([`RUNNING ${worker.id}`, `RUNNING ${worker.id}`], () => owners(worker));
    await produce(...Array.from({ length: 50 }, (_, index) => observation(cloud.gatewayId, `t${index}`)));
    await eventually(before + 100, () => bucket.count());
    await worker.ask('DELETE', '/connectors/shared');
  });
});
