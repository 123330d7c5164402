import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCode } from '../../../common/errors.ts';
import { KafkaBatchSender } from '../../../common/kafka/batch-sender.ts';
import { CommittingProducer } from '../../../common/kafka/committing-producer.ts';
import type { ConsumedRecord } from '../../../common/kafka/consumer.ts';
import { readTopic } from '../../../common/kafka/read-topic.ts';
import { ensureTopics } from '../../../common/kafka/topics.ts';
import { freePorts } from '../../../stack/stack.ts';
import { useStack } from '../../rig/rig.ts';
import { CloudUnderTest, eventually, quiet } from './cloud.ts';
import { observation } from './influx-records.ts';
import { WorkerUnderTest } from './worker-under-test.ts';

const TOKEN = 'a-token-that-nobody-should-see';
const COMPACTED = { 'cleanup.policy': 'compact' };

describe('connect worker in trouble', function () {
  this.timeout(120_000);
  let cloud: CloudUnderTest;
  let worker: WorkerUnderTest | undefined;
  let folder: string;
  /** Nobody listens there. */
  let closedUrl: string;

  before(async () => {
    const stack = await useStack('kafka-cloud', 'registry');
    cloud = new CloudUnderTest(stack, `trouble${process.pid}`);
    await cloud.enrol();
    await cloud.makeTopics();
    await cloud.produce('observations', [{ ep: 'e', value: observation(cloud.gatewayId, 'e') }]);
    closedUrl = `http://127.0.0.1:${(await freePorts()).influxdb}`;
    folder = mkdtempSync(join(tmpdir(), 'zeelos-trouble-'));
    writeFileSync(join(folder, 'token'), TOKEN);
  });
  afterEach(async () => {
    await worker?.stop();
    worker = undefined;
  });
  after(async () => {
    await cloud?.close();
    rmSync(folder, { recursive: true });
  });

  const settings = (groupId: string) => ({
    kafkaBrokers: cloud.brokers,
    registryUrl: cloud.registryUrl,
    secretFolders: [folder],
    groupId: `${groupId}${process.pid}`,
  });
  /** A sink of a store that is away. */
  const config = (change: Record<string, string> = {}) => ({
    'connector.class': 'InfluxSinkConnector',
    topics: cloud.topic('observations'),
    'connect.influx.url': closedUrl,
    'connect.influx.token': `$\{directory:${folder}:token}`,
    'connect.influx.db': 'zeelosdb',
    ...change,
  });
  const waitingOf = async (name: string) =>
    (await worker!.ask('GET', `/connectors/${name}/status`)).body.tasks?.[0]?.waiting as string | undefined;
  const states = async (...labels: readonly string[]) =>
    (await worker!.metrics()).sum('zeelos_connect_tasks', ...labels);

  /** Keys of a compacted topic that have a value. */
  async function keysIn(topic: string): Promise<readonly string[]> {
    const keys = new Set<string>();
    const onRecord = ({ key, value }: ConsumedRecord) =>
      void (value === null ? keys.delete(String(key)) : keys.add(String(key)));
    await readTopic({ kafka: cloud.kafka, topic, onRecord, signal: AbortSignal.timeout(30_000), log: quiet });
    return [...keys].sort();
  }

  it('leaves out of its topics what is no configuration and no status, and runs the rest', async () => {
    const given = settings('hostile');
    const topics = ['configs', 'status'].map((name) => `${given.groupId}-${name}`);
    await ensureTopics(
      cloud.kafka,
      topics.map((topic) => ({ topic, partitions: 1, settings: COMPACTED })),
    );
    const [configs, status] = topics as [string, string];
    const producer = new CommittingProducer(new KafkaBatchSender(cloud.kafka, quiet), quiet);
    const put = async (topic: string, key: string, value: string) =>
      await producer.commit({ topic, key: Buffer.from(key), value: Buffer.from(value) });
    const many = JSON.stringify({ properties: { 'connector.class': 'nobody.knows.It', 'tasks.max': '1000000000' } });
    const strange: [topic: string, key: string, value: string][] = [
      [configs, '', '{}'],
      [configs, 'connector-text', 'no JSON'],
      [configs, 'connector-null', 'null'],
      [configs, 'connector-none', '{"properties":null}'],
      [configs, 'connector-list', '{"properties":["a"]}'],
      [configs, 'connector-deep', '{"properties":{"topics":{"a":1}},"version":99}'],
      [configs, 'connector-with blank', '{"properties":{}}'],
      [configs, 'connector-', '{"properties":{}}'],
      [configs, 'connector-__proto__', '{"properties":{"__proto__":"x"}}'],
      [configs, 'connector-huge', JSON.stringify({ properties: { topics: 'x'.repeat(890_000) } })],
      [configs, 'connector-many', many],
      [configs, 'target-state-many', '{"state":"DANCING"}'],
      [configs, 'restart-many', '{"tasks":"all"}'],
      [configs, 'session-key', '{"key":"of another kind"}'],
      [configs, 'claim-x', '5'],
      [status, 'status-task-many-0', '"text"'],
      [status, 'status-task-many-1', 'null'],
      [status, 'status-task-many-2', '{"state":"RUNNING","worker_id":{"a":1}}'],
      [status, 'status-connector-many', '[]'],
      [status, 'status-topic-:connector-', '{}'],
      [status, 'other', 'no JSON'],
    ];
    for (const [topic, key, value] of strange) await put(topic, key, value);
    worker = await WorkerUnderTest.start(given);
    const { body: names } = await worker.ask('GET', '/connectors');
    assert.deepEqual(names, ['__proto__', 'huge', 'many']);
    assert.equal((await worker.ask('PUT', '/connectors/good/config', config())).status, 201);
    await eventually('RUNNING RUNNING', () => worker!.states('good'));
    await eventually('FAILED', async () => (await worker!.states('huge')).split(' ')[1]);
    const { body } = await worker.ask('GET', '/connectors/many/status');
    assert.equal(body.tasks.length, 64);
    assert.equal(body.type, 'unknown');
    await eventually(64, () => states('connector="many"', 'state="FAILED"'));
    // While it runs too.
    for (const [topic, key, value] of strange) await put(topic, key, value);
    assert.equal((await worker.ask('PUT', '/connectors/good/config', config({ 'tasks.max': '2' }))).status, 200);
    await eventually('RUNNING RUNNING,RUNNING', () => worker!.states('good'));
    await producer.close();
  });

  it('pauses and deletes a connector that waits for its store, at once and without a trace in the topics', async () => {
    const given = settings('waiting');
    worker = await WorkerUnderTest.start(given);
    const change = { 'connect.influx.retry.interval': '3600000', 'topic.check.ms': '200' };
    for (const name of ['paused', 'deleted']) await worker.ask('PUT', `/connectors/${name}/config`, config(change));
    for (const name of ['paused', 'deleted'])
      await eventually(true, async () => (await waitingOf(name))?.includes('SINK_UNAVAILABLE'));
    assert.equal(await states('state="WAITING"'), 2);
    assert.equal(await states('state="RUNNING"'), 0);
    await worker.ask('PUT', '/connectors/paused/pause');
    await eventually('PAUSED PAUSED', () => worker!.states('paused'), 10_000);
    assert.equal(await states('connector="paused"', 'state="PAUSED"'), 1);
    await worker.ask('PUT', '/connectors/paused/resume');
    await eventually(true, async () => (await waitingOf('paused'))?.includes('SINK_UNAVAILABLE'));
    assert.equal((await worker.ask('DELETE', '/connectors/deleted')).status, 204);
    await eventually(0, () => states('connector="deleted"'));
    assert.equal((await worker.metrics()).sum('zeelos_connector_retries_total', 'connector="deleted"'), 0);
    assert.equal((await worker.ask('GET', '/connectors/deleted/status')).status, 404);
    assert.equal((await worker.ask('DELETE', '/connectors/paused')).status, 204);
    await eventually([], () => keysIn(`${given.groupId}-status`));
    assert.deepEqual(await keysIn(`${given.groupId}-configs`), []);
  });

  it('keeps secrets out of traces and of what a task waits for', async () => {
    worker = await WorkerUnderTest.start(settings('secret'));
    const leaking = config({ 'connect.influx.url': `${closedUrl}/${TOKEN}` });
    const throwing = { ...leaking, 'connect.influx.error.policy': 'THROW' };
    const plain = { ...throwing, 'connect.influx.token': TOKEN };
    for (const [name, one] of Object.entries({ leaking, throwing, plain }))
      assert.equal((await worker.ask('PUT', `/connectors/${name}/config`, one)).status, 201);
    await eventually('RUNNING FAILED', () => worker!.states('throwing'));
    await eventually('RUNNING FAILED', () => worker!.states('plain'));
    await eventually(true, async () => (await waitingOf('leaking'))?.includes('SINK_UNAVAILABLE'));
    for (const name of ['leaking', 'throwing', 'plain']) {
      const text: string = JSON.stringify(await worker.ask('GET', `/connectors/${name}/status`));
      assert.ok(text.includes(`${closedUrl}/[hidden]`), text);
      assert.ok(!text.includes(TOKEN), text);
    }
  });

  it('is refused a port that another worker has', async () => {
    worker = await WorkerUnderTest.start(settings('port'));
    const restPort = Number(worker.id.split(':')[1]);
    const second = WorkerUnderTest.start({ ...settings('port'), restPort });
    await assert.rejects(second, (error) => hasCode(error, 'TRANSPORT_BIND'));
  });
});
