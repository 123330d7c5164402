import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { hasCode } from '../../../common/errors.ts';
import type { ConsumedRecord } from '../../../common/kafka/consumer.ts';
import { readTopic } from '../../../common/kafka/read-topic.ts';
import { RecordReader } from '../../../common/records.ts';
import { registerSchema, registrySource } from '../../../common/schema-registry.ts';
import { InfluxdbSink } from '../../../connectors/influxdb/sink.ts';
import { freePorts } from '../../../stack/stack.ts';
import { useStack } from '../../rig/rig.ts';
import { CloudUnderTest, eventually, quiet } from './cloud.ts';
import { observation, START_MS, targetOf } from './influx-records.ts';
import { assetSinkConfig } from './seed-configs.ts';
import { WorkerUnderTest } from './worker-under-test.ts';

const TOKEN = 'a-token-that-nobody-guesses';

function properties(config: Readonly<Record<string, string>>): string {
  return Object.entries(config)
    .map(([name, value]) => `${name}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('');
}

describe('connectors given as files', function () {
  this.timeout(120_000);
  let cloud: CloudUnderTest;
  let folder: string;
  const settings = (change: object = {}) => ({
    kafkaBrokers: cloud.brokers,
    registryUrl: cloud.registryUrl,
    groupId: `files${process.pid}`,
    connectorsFolder: folder,
    ...change,
  });

  before(async () => {
    const stack = await useStack('kafka-cloud', 'registry', 'influxdb', 'orientdb');
    cloud = new CloudUnderTest(stack, `files${process.pid}`);
    folder = mkdtempSync(join(tmpdir(), 'zeelos-connectors-'));
    await cloud.enrol();
    await cloud.makeTopics();
  });
  after(async () => {
    await cloud.close();
    rmSync(folder, { recursive: true });
  });

  async function graphRows(sql: string): Promise<readonly Record<string, unknown>[]> {
    const { database, user, passwordFile } = cloud.stack.credentials.orientdb;
    const authorization = `Basic ${Buffer.from(`${user}:${readFileSync(passwordFile, 'utf8').trim()}`).toString('base64')}`;
    const url = `http://127.0.0.1:${cloud.stack.ports.orientdbHttp}/query/${database}/sql/${encodeURIComponent(sql)}`;
    const answer = await fetch(url, { headers: { authorization } });
    return answer.ok ? ((await answer.json()) as { result: Record<string, unknown>[] }).result : [];
  }

  it("runs the original's asset connector from a properties file, behind a token, and stops it with its name", async () => {
    const { stack, gatewayId, registryUrl } = cloud;
    const { database, user, passwordFile } = stack.credentials.orientdb;
    const name = `${gatewayId}_leshan_asset_sink`;
    const config = assetSinkConfig({
      ...{ gatewayId, registryUrl, influxUrl: '', influxUser: '', influxPassword: '' },
      orientUrl: `remote:127.0.0.1:${stack.ports.orientdbBinary}/${database}`,
      orientUser: user,
      orientPassword: readFileSync(passwordFile, 'utf8').trim(),
    });
    writeFileSync(
      join(folder, 'asset.properties'),
      `# as a standalone worker takes it\n${properties({ name, ...config })}`,
    );
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, TOKEN, { mode: 0o600 });
    const worker = await WorkerUnderTest.start(settings({ restTokenFile: tokenFile }), TOKEN);
    try {
      assert.equal((await worker.ask('GET', '/connectors', undefined, { authorization: 'Bearer no' })).status, 401);
      await eventually('RUNNING RUNNING', () => worker.states(name));
      const body = {
        'io.zeelos.leshan.avro.registration.AvroRegistrationNew': {
          ...{
            ep: `ep-${gatewayId}`,
            serverId: gatewayId,
            regDate: START_MS,
            address: '127.0.0.1',
            port: 1,
            regAddr: 'a',
          },
          ...{ regPort: 5683, lt: 30, ver: '1.0', bnd: 'U', regId: 'r', links: [{ url: '/3/0', at: {} }], root: '/' },
          ...{ lastUp: START_MS, sms: null, attributes: null },
        },
      };
      await cloud.produce('registrations', [{ ep: `ep-${gatewayId}`, value: { kind: 'NEW', body } }]);
      await eventually([true], async () =>
        (await graphRows(`SELECT online FROM Endpoints WHERE name = 'ep-${gatewayId}'`)).map(({ online }) => online),
      );
    } finally {
      await worker.stop();
      rmSync(join(folder, 'asset.properties'));
    }
  });

  it('refuses files that are wrong, all faults together', async () => {
    writeFileSync(
      join(folder, 'wrong.json'),
      JSON.stringify({ name: 'x', config: { 'connector.class': 'InfluxSink' } }),
    );
    await assert.rejects(WorkerUnderTest.start(settings()), (error) => hasCode(error, 'CONFIG_INVALID'));
    rmSync(join(folder, 'wrong.json'));
  });

  it('leaves out a file that names a field which its topic lacks, until the newest schema has it', async () => {
    const { stack, registryUrl } = cloud;
    const topic = `grows.${cloud.gatewayId}`;
    const schema = (...names: readonly string[]) => ({
      ...{ type: 'record', name: 'Grows' },
      fields: names.map((name) => ({ name, type: ['null', 'double'], default: null })),
    });
    await registerSchema(registryUrl, `${topic}-value`, schema('now'));
    const { tokenFile } = stack.credentials.influx;
    const sink = (field: string) => ({
      ...{ 'connector.class': 'InfluxSinkConnector', topics: topic, 'connect.influx.url': targetOf(stack).url },
      ...{ 'connect.influx.db': 'zeelosdb', 'connect.influx.kcql': `INSERT INTO m SELECT ${field} FROM ${topic}` },
      'connect.influx.token': `$\{directory:${dirname(tokenFile)}:${basename(tokenFile)}}`,
    });
    const write = (name: string, config: object) =>
      writeFileSync(join(folder, `${name}.json`), JSON.stringify({ name, config }));
    write('a-wrong', sink('later'));
    write('b-right', sink('now'));
    const group = { secretFolders: [dirname(tokenFile)], groupId: `grows${process.pid}` };
    let worker = await WorkerUnderTest.start(settings(group));
    try {
      const names = async () => (await worker.ask('GET', '/connectors')).body;
      await eventually(['b-right'], names);
      await eventually(true, async () => /a-wrong: .*connect\.influx\.kcql.*later/.test(await worker.readiness()));
      await registerSchema(registryUrl, `${topic}-value`, schema('now', 'later'));
      await eventually(['a-wrong', 'b-right'], names);
      await eventually('{"status":"ready"}', () => worker.readiness());
      await worker.stop();
      // What runs already is not refused at a restart, and a registry that is away refuses nothing.
      write('c-unknown', sink('never'));
      const closed = `http://127.0.0.1:${(await freePorts()).registry}`;
      worker = await WorkerUnderTest.start(settings({ ...group, registryUrl: closed }));
      await eventually(['a-wrong', 'b-right', 'c-unknown'], names);
      await worker.stop();
      worker = await WorkerUnderTest.start(settings(group));
      await eventually('{"status":"ready"}', () => worker.readiness());
      for (const name of await names()) await worker.ask('DELETE', `/connectors/${name}`);
    } finally {
      await worker.stop();
      for (const name of ['a-wrong', 'b-right', 'c-unknown']) rmSync(join(folder, `${name}.json`), { force: true });
    }
  });

  it('brings rows of InfluxDB to Kafka, each once, also when the worker is restarted on the way', async () => {
    const { stack, gatewayId } = cloud;
    const signal = AbortSignal.timeout(100_000);
    const sink = new InfluxdbSink(targetOf(stack));
    await sink.connect(signal);
    const write = async (from: number, count: number) => {
      const records = Array.from({ length: count }, (_, index) => ({
        from: 'observations' as const,
        value: observation(gatewayId, `e${(from + index) % 3}`, { timestamp: START_MS + 1_000 * (from + index) }),
        ...{ topic: 't', partition: 0, offset: String(from + index), timestampMs: 0 },
      }));
      await sink.write(records, signal);
    };
    await write(0, 3_000);
    const topic = `rows.${gatewayId}`;
    const config = {
      'connector.class': 'InfluxSourceConnector',
      topic,
      'connect.influx.url': targetOf(stack).url,
      'connect.influx.token': (await targetOf(stack).credentials()).token,
      'connect.influx.start': new Date(START_MS).toISOString(),
      'connect.influx.key': 'ep',
      'connect.influx.window.ms': '600000',
      'connect.influx.delay.ms': '0',
      'connect.influx.query': `from(bucket: "zeelosdb") |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
        |> filter(fn: (r) => r._measurement == "resources" and r.serverId == "${gatewayId}" and r._field == "value")`,
    };
    let worker = await WorkerUnderTest.start(settings({ groupId: `source${process.pid}` }));
    try {
      const made = await worker.ask('POST', '/connectors', { name: topic, config });
      assert.equal(made.status, 201, JSON.stringify(made.body));
      assert.equal(made.body.type, 'source');
      // It catches up from long ago, window by window.
      await eventually(true, async () => (await worker.metrics()).sum('zeelos_connector_source_records_total') > 0);
      await worker.stop();
      worker = await WorkerUnderTest.start(settings({ groupId: `source${process.pid}` }));
      const reader = new RecordReader(registrySource(cloud.registryUrl));
      const rows = async () => {
        const found: { key: string; time: unknown; value: unknown }[] = [];
        const onRecord = async ({ key, value }: ConsumedRecord) => {
          const row = (await reader.decode(value!)) as Record<string, Record<string, unknown>>;
          found.push({ key: String(key), time: Object.values(row._time!)[0], value: Object.values(row._value!)[0] });
        };
        await readTopic({ kafka: cloud.kafka, topic, onRecord, signal, log: quiet });
        return found;
      };
      await eventually(3_000, async () => (await rows()).length, 60_000);
      const all = await rows();
      assert.equal(new Set(all.map(({ time }) => String(time))).size, 3_000);
      assert.ok(all.every(({ value }) => value === 21.5));
      assert.deepEqual([...new Set(all.map(({ key }) => key))].sort(), ['e0', 'e1', 'e2']);
      await worker.ask('DELETE', `/connectors/${topic}`);
    } finally {
      await worker.stop();
      await sink.close();
    }
  });
});
