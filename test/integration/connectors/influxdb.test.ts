import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { hasCode } from '../../../common/errors.ts';
import { consume } from '../../../common/kafka/consumer.ts';
import { sleep, untilAborted } from '../../../common/lifecycle.ts';
import { KcqlLines } from '../../../connectors/influxdb/kcql-lines.ts';
import { InfluxdbSink } from '../../../connectors/influxdb/sink.ts';
import { parseKcql } from '../../../connectors/kcql/parse.ts';
import type { SinkRecord } from '../../../connectors/sink.ts';
import { groupOf } from '../../../connectors/worker/connector-offsets.ts';
import { selfContainedSchema } from '../../../schemas/avro-types.ts';
import type { AvroResponseObserve } from '../../../schemas/generated/records.ts';
import { TOPICS } from '../../../schemas/topics.ts';
import { sinkContract } from '../../contract/sink.ts';
import { useStack } from '../../rig/rig.ts';
import { CloudUnderTest, eventually, quiet } from './cloud.ts';
import { Bucket, observation, read, reply, START_MS, single, targetOf, tokenOf } from './influx-records.ts';
import { WorkerUnderTest } from './worker-under-test.ts';

sinkContract('influxdb', async () => {
  const stack = await useStack('influxdb');
  const serverId = `contract${process.pid}`;
  const bucket = new Bucket(stack, serverId);
  let made = 0;
  return {
    newSink: () => new InfluxdbSink(targetOf(stack)),
    records: (count) =>
      Array.from({ length: count }, (): SinkRecord => {
        const value = observation(serverId, `ep${made % 100}`, { timestamp: START_MS + made++ });
        return { from: 'observations', value, topic: 't', partition: 0, offset: String(made), timestampMs: 0 };
      }),
    rows: () => bucket.count(),
    bigBatch: 10_000,
    stopStore: () => stack.stop('influxdb'),
    startStore: () => stack.start('influxdb').then(() => stack.ready('influxdb')),
    storePid: () => stack.pid('influxdb')!,
  };
});

sinkContract('influxdb by KCQL', async () => {
  const stack = await useStack('influxdb');
  const serverId = `kcql${process.pid}`;
  const bucket = new Bucket(stack, serverId);
  const schema = { id: 1, schema: selfContainedSchema(TOPICS.observations.value) };
  const statements = parseKcql(
    'INSERT INTO resources SELECT rep.code AS code, rep.body.content.value AS value FROM t WITHTIMESTAMP timestamp WITHTAG (ep, serverId, path)',
  );
  let made = 0;
  return {
    newSink: () => new InfluxdbSink(targetOf(stack), new KcqlLines(statements, [])),
    records: (count) =>
      Array.from({ length: count }, (): SinkRecord => {
        // All of one endpoint and of few milliseconds: only their places in the topic keep them apart.
        const value = observation(serverId, 'ep', { timestamp: START_MS + (made++ % 3) });
        return { from: 'any', value, schema, topic: 't', partition: made % 2, offset: String(made), timestampMs: 0 };
      }),
    rows: () => bucket.count(),
    bigBatch: 10_000,
    stopStore: () => stack.stop('influxdb'),
    startStore: () => stack.start('influxdb').then(() => stack.ready('influxdb')),
    storePid: () => stack.pid('influxdb')!,
  };
});

describe('buckets and users of InfluxDB', () => {
  it('makes the bucket with its retention, and changes the retention of one that is there', async () => {
    const stack = await useStack('influxdb');
    const { org, tokenFile } = stack.credentials.influx;
    // The user that the setup of the store makes, with the password beside the token.
    const passwordFile = join(dirname(tokenFile), 'influxdb-password');
    const bucket = `made${process.pid}`;
    const signal = AbortSignal.timeout(20_000);
    const credentials = async () => ({ username: 'zeelos', password: readFileSync(passwordFile, 'utf8').trim() });
    for (const retentionSeconds of [7_200, 14_400]) {
      const target = { url: targetOf(stack).url, bucket, credentials, createBucket: true, retentionSeconds };
      const sink = new InfluxdbSink(target);
      await sink.connect(signal);
      const value = observation('made', 'ep', { timestamp: Date.now() });
      const place = { topic: 't', partition: 0, offset: '1', timestampMs: 0 };
      assert.deepEqual(await sink.write([{ from: 'observations', value, ...place }], signal), {});
      await sink.close();
      const answer = await fetch(
        `${targetOf(stack).url}/api/v2/buckets?${new URLSearchParams({ org, name: bucket })}`,
        {
          headers: { authorization: `Token ${(await tokenOf(stack)).token}` },
        },
      );
      const { buckets } = (await answer.json()) as { buckets: { retentionRules: { everySeconds: number }[] }[] };
      assert.equal(buckets[0]?.retentionRules[0]?.everySeconds, retentionSeconds);
    }
  });

  it('stores the good lines of a record whose other line is refused', async () => {
    const stack = await useStack('influxdb');
    const bucket = new Bucket(stack, `lines${process.pid}`);
    const linesOf = ({ offset }: SinkRecord) => ({
      notFinite: 0,
      lines: [
        `resources,serverId=lines${process.pid},path=a code="x" ${START_MS}00000${offset}`,
        `resources,serverId=lines${process.pid},path=b code=no-value ${START_MS}00000${offset}`,
        `resources,serverId=lines${process.pid},path=c code="x" ${START_MS}00000${offset}`,
      ],
    });
    const sink = new InfluxdbSink(targetOf(stack), { linesOf });
    const signal = AbortSignal.timeout(20_000);
    await sink.connect(signal);
    const record = { from: 'any' as const, value: {}, schema: { id: 1, schema: {} }, topic: 't', partition: 0 };
    await assert.rejects(sink.write([{ ...record, offset: '1', timestampMs: 0 }], signal), (error) =>
      hasCode(error, 'SINK_REFUSED'),
    );
    assert.equal(await bucket.count(), 2);
    await sink.close();
  });
});

describe('observations and replies on their way to InfluxDB', () => {
  let cloud: CloudUnderTest;
  let bucket: Bucket;
  let worker: WorkerUnderTest;
  let name: string;
  let produced = 0;

  const start = async () =>
    await WorkerUnderTest.start({
      kafkaBrokers: cloud.brokers,
      registryUrl: cloud.registryUrl,
      groupId: `test-${cloud.gatewayId}`,
      secretFolders: [dirname(cloud.stack.credentials.influx.tokenFile)],
    });

  const produceObservations = async (values: readonly AvroResponseObserve[]) => {
    produced += values.length;
    await cloud.produce(
      'observations',
      values.map((value) => ({ ep: value.ep, value })),
    );
  };

  before(async () => {
    const stack = await useStack('kafka-cloud', 'registry', 'influxdb');
    cloud = new CloudUnderTest(stack, `influx${process.pid}`);
    bucket = new Bucket(stack, cloud.gatewayId);
    name = `${cloud.gatewayId}-rows`;
    worker = await start();
    const { org, bucket: db, tokenFile } = stack.credentials.influx;
    const made = await worker.ask('PUT', `/connectors/${name}/config`, {
      'connector.class': 'InfluxSinkConnector',
      topics: [cloud.topic('observations'), cloud.topic('replies')].join(),
      'batch.records': '500',
      'topic.check.ms': '500',
      'connect.influx.url': targetOf(stack).url,
      'connect.influx.org': org,
      'connect.influx.db': db,
      'connect.influx.token': `$\{directory:${dirname(tokenFile)}:${basename(tokenFile)}}`,
      'connect.influx.retry.interval': '1000',
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
  });
  after(async () => {
    await worker.stop();
    await cloud.close();
  });

  it('waits for the topics of a gateway that is enrolled later', async () => {
    const topics = [cloud.topic('observations'), cloud.topic('replies')].join(', ');
    const waiting = async () => (await worker.ask('GET', `/connectors/${name}/status`)).body.tasks?.[0]?.waiting;
    await eventually(`none of these topics exists yet: ${topics}`, waiting);
    await cloud.enrol();
    await cloud.makeTopics();
    await eventually(undefined, waiting);
    await produceObservations([observation(cloud.gatewayId, 'first', { seq: { long: 7 * 65_536 + 9 } })]);
    await eventually(1, () => bucket.count());
    const [row] = await bucket.rows();
    assert.equal(row?._time, '2026-09-21T14:13:20.000000007Z');
    const { ep, kind, path, serverId, value, code, ticket, observationId } = row!;
    assert.deepEqual(
      { ep, kind, path, serverId, value, code, ticket, observationId },
      {
        ep: 'first',
        kind: 'observe',
        path: '/3303/0/5700',
        serverId: cloud.gatewayId,
        value: 21.5,
        code: 'CONTENT',
        ticket: 'unset',
        observationId: '00ff',
      },
    );
  });

  it('keeps two notifications of one millisecond, and replies with values of each kind', async () => {
    const id = cloud.gatewayId;
    await produceObservations([
      observation(id, 'twice', { seq: { long: 1 * 65_536 } }),
      observation(id, 'twice', { seq: { long: 2 * 65_536 } }),
      observation(id, 'big', { rep: read(single('/3/0/9', { long: 2n ** 60n }, 'INTEGER')) }),
      observation(id, 'yes', { rep: read(single('/3/0/9', { boolean: true }, 'BOOLEAN')) }),
      observation(id, 'te,x t="', { rep: read(single('/3/0/0', { string: 'a "b" \\ \n,=é😀' }, 'STRING')) }),
    ]);
    await cloud.produce('replies', [
      { ep: 'r', value: reply(id, 'r', 'one', 'CHANGED') },
      { ep: 'r', value: reply(id, 'r', 'two', 'CHANGED') },
    ]);
    produced += 2;
    await eventually(8, () => bucket.count());
    const rows = await bucket.rows();
    const of = (ep: string) => rows.filter((row) => row.ep === ep);
    assert.equal(of('twice').length, 2);
    assert.equal(of('big')[0]?.value, 2 ** 60);
    assert.equal(of('yes')[0]?.bvalue, true);
    // The CSV of a query answer has \r\n for line ends, also within a value.
    assert.equal(String(of('te,x t="')[0]?.svalue).replace('\r\n', '\n'), 'a "b" \\ \n,=é😀');
    assert.deepEqual(
      of('r')
        .map((row) => row.ticket)
        .sort(),
      ['one', 'two'],
    );
  });

  it('tells of each reply once: who asked and how long it took, the same when the record comes again', async () => {
    const id = cloud.gatewayId;
    const told = { requestedBy: { string: 'a "b" \\' }, latencyMs: { double: 12.5 } };
    const asked = { ep: 'q', value: reply(id, 'q', 'three', 'CHANGED', told) };
    await cloud.produce('replies', [asked, asked]);
    produced += 2;
    const rows = async () => (await bucket.rows('commands')).filter(({ ep }) => ep === 'q');
    await eventually(produced, async () => (await worker.metrics()).sum('zeelos_connector_records_written_total'));
    const { code, kind, path, requestedBy, latencyMs, says, ticket } = (await rows())[0]!;
    assert.deepEqual(
      { code, kind, path, requestedBy, latencyMs, says, ticket },
      {
        ...{ code: 'CHANGED', kind: 'execute', path: '/3/0/4', requestedBy: 'a "b" \\', latencyMs: 12.5 },
        ...{ says: 'CHANGED', ticket: 'three' },
      },
    );
    assert.equal((await rows()).length, 1);
    assert.equal((await bucket.rows('commands')).length, 3);
  });

  it('sets poison aside among good records, counts everything, and goes on', async () => {
    const id = cloud.gatewayId;
    const before = await bucket.count();
    await produceObservations([observation(id, 'good1')]);
    await cloud.produceBytes('observations', Buffer.from('k'), Buffer.from('no frame'));
    await cloud.produceBytes('observations', null, Buffer.from([0, 0, 0, 99, 99, 1, 2, 3]));
    await cloud.produceBytes('observations', Buffer.from('tombstone'), null);
    produced += 3;
    await produceObservations([
      observation(id, 'nan', { rep: read(single('/3303/0/5700', { double: Number.NaN })) }),
      // InfluxDB takes neither a tag that ends with a backslash nor a time beyond 64-bit nanoseconds.
      observation(id, 'backslash\\'),
      observation(id, 'ancient', { timestamp: -9_300_000_000_000 }),
      observation(id, 'nobody', { rep: { code: 'NOT_FOUND', kind: 'observe', body: null } }),
      observation(id, 'good2'),
    ]);
    await eventually(before + 3, () => bucket.count());
    await eventually(4, async () => (await cloud.deadLetters('observations')).length);
    const letters = await cloud.deadLetters('observations');
    const codes = letters.map(({ headers }) => String(headers?.['zeelos.dlq.code'])).sort();
    assert.deepEqual(codes, ['AVRO_FRAME', 'AVRO_UNKNOWN_SCHEMA', 'SINK_REFUSED', 'SINK_REFUSED']);
    const frame = letters.find(({ value }) => value?.equals(Buffer.from('no frame')));
    assert.deepEqual(frame?.key, Buffer.from('k'));
    assert.equal(String(frame?.headers?.['zeelos.dlq.topic']), cloud.topic('observations'));
    assert.match(String(frame?.headers?.['zeelos.dlq.offset']), /^\d+$/);
    await eventually(produced, async () => (await worker.metrics()).sum('zeelos_connector_records_in_total'));
    const metrics = await worker.metrics();
    metrics.assertBalanced(produced);
    assert.equal(metrics.sum('zeelos_connector_records_skipped_total', 'reason="tombstone"'), 1);
    assert.equal(metrics.sum('zeelos_connector_records_skipped_total', 'reason="not_finite"'), 1);
    assert.equal(metrics.sum('zeelos_connector_records_dead_lettered_total'), 4);
  });

  it('stores everything exactly once when the store was down longer than the session of its consumer', async function () {
    this.timeout(90_000);
    const id = cloud.gatewayId;
    const before = await bucket.count();
    await cloud.stack.stop('influxdb');
    await produceObservations(
      Array.from({ length: 3_000 }, (_, index) =>
        observation(id, `down${index % 50}`, { timestamp: START_MS + index }),
      ),
    );
    await sleep(12_000);
    assert.ok((await worker.metrics()).sum('zeelos_connector_retries_total', 'SINK_UNAVAILABLE') > 0);
    await cloud.stack.start('influxdb');
    await cloud.stack.ready('influxdb');
    await eventually(before + 3_000, () => bucket.count());
    await eventually(produced, async () => (await worker.metrics()).sum('zeelos_connector_records_in_total'));
    (await worker.metrics()).assertBalanced(produced);
  });

  it('lets another member join its group while it waits for the store', async function () {
    this.timeout(90_000);
    const id = cloud.gatewayId;
    const before = await bucket.count();
    const retriesBefore = (await worker.metrics()).sum('zeelos_connector_retries_total');
    await cloud.stack.stop('influxdb');
    await produceObservations(
      Array.from({ length: 100 }, (_, index) => observation(id, `join${index}`, { timestamp: START_MS + index })),
    );
    const waits = async () => (await worker.metrics()).sum('zeelos_connector_retries_total') > retriesBefore;
    await eventually(true, waits);
    const leaving = new AbortController();
    const startedAt = performance.now();
    let member: Promise<void> | undefined;
    const joined = new Promise<number>((resolve) => {
      member = consume({
        kafka: cloud.kafka,
        groupId: groupOf(name),
        topics: [cloud.topic('observations')],
        onBatch: async (batch) => untilAborted(batch.signal).then(() => batch.signal.throwIfAborted()),
        onJoined: () => resolve(performance.now() - startedAt),
        signal: leaving.signal,
        log: quiet,
      });
    });
    const joinMs = await joined;
    leaving.abort();
    await member;
    // A member that did not give its batch up would be waited for until the rebalance times out, after 10 s.
    assert.ok(joinMs < 8_000, `joined after ${joinMs} ms`);
    await cloud.stack.start('influxdb');
    await cloud.stack.ready('influxdb');
    await eventually(before + 100, () => bucket.count());
    await eventually(produced, async () => (await worker.metrics()).sum('zeelos_connector_records_in_total'));
    (await worker.metrics()).assertBalanced(produced);
  });

  it('waits for a registry that is away instead of setting records aside', async function () {
    this.timeout(90_000);
    await worker.stop();
    await cloud.stack.stop('registry');
    const before = await bucket.count();
    const letters = (await cloud.deadLetters('observations')).length;
    await produceObservations([observation(cloud.gatewayId, 'noregistry')]);
    worker = await start();
    await sleep(4_000);
    assert.equal(await bucket.count(), before);
    await cloud.stack.start('registry');
    await cloud.stack.ready('registry');
    await eventually(before + 1, () => bucket.count());
    assert.equal((await cloud.deadLetters('observations')).length, letters);
    (await worker.metrics()).assertBalanced(1);
  });
});
