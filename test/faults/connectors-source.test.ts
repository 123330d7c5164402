import assert from 'node:assert/strict';
import type { ConsumedRecord } from '../../common/kafka/consumer.ts';
import { readTopic } from '../../common/kafka/read-topic.ts';
import { sleep } from '../../common/lifecycle.ts';
import { RecordReader } from '../../common/records.ts';
import { registrySource } from '../../common/schema-registry.ts';
import { InfluxdbSink } from '../../connectors/influxdb/sink.ts';
import type { Stack } from '../../stack/stack.ts';
import { CloudUnderTest, eventually, quiet } from '../integration/connectors/cloud.ts';
import { observation, START_MS, targetOf } from '../integration/connectors/influx-records.ts';
import { useStack } from '../rig/rig.ts';
import { WorkerProcess } from './connect-worker.ts';

const ROWS = 6_000;
const SETTLE_MS = 120_000;

describe('InfluxDB as a source, killed', function () {
  this.timeout(400_000);
  let stack: Stack;
  let cloud: CloudUnderTest;
  let worker: WorkerProcess | undefined;

  before(async () => {
    stack = await useStack('kafka-cloud', 'registry', 'influxdb');
    cloud = new CloudUnderTest(stack, `source${process.pid}`);
    await cloud.enrol();
  });
  after(async () => {
    await worker?.end('SIGTERM');
    await cloud?.close();
  });

  async function fillBucket(): Promise<void> {
    const signal = AbortSignal.timeout(SETTLE_MS);
    const sink = new InfluxdbSink(targetOf(stack));
    await sink.connect(signal);
    const records = Array.from({ length: ROWS }, (_, number) => ({
      from: 'observations' as const,
      value: observation(cloud.gatewayId, 'e', { timestamp: START_MS + 1_000 * number }),
      ...{ topic: 't', partition: 0, offset: String(number), timestampMs: 0 },
    }));
    await sink.write(records, signal);
    await sink.close();
  }

  /** Times of the rows that a reader of committed records sees. */
  async function committedTimes(topic: string): Promise<readonly string[]> {
    const reader = new RecordReader(registrySource(cloud.registryUrl));
    const times: string[] = [];
    const onRecord = async ({ value }: ConsumedRecord) => {
      const row = (await reader.decode(value!)) as { _time: object };
      times.push(String(Object.values(row._time)[0]));
    };
    const signal = AbortSignal.timeout(SETTLE_MS);
    await readTopic({ kafka: cloud.kafka, topic, onRecord, signal, log: quiet }).catch(() => undefined);
    return times;
  }

  it('brings each row once, while the worker and the store are killed on the way', async () => {
    await fillBucket();
    const groupId = `source${process.pid}`;
    const topic = `rows.${cloud.gatewayId}`;
    worker = await WorkerProcess.start(cloud, groupId);
    await worker.configure(topic, {
      'connector.class': 'InfluxSourceConnector',
      topic,
      'connect.influx.url': targetOf(stack).url,
      'connect.influx.token': (await targetOf(stack).credentials()).token,
      'connect.influx.start': new Date(START_MS).toISOString(),
      // Many rounds, so that kills meet them in all their steps.
      'connect.influx.window.ms': '20000',
      'connect.influx.delay.ms': '0',
      'connect.influx.query': `from(bucket: "zeelosdb") |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
        |> filter(fn: (r) => r._measurement == "resources" and r.serverId == "${cloud.gatewayId}" and r._field == "value")`,
    });
    const seen: number[] = [];
    for (let kill = 0; kill < 4; kill++) {
      const before = seen.at(-1) ?? 0;
      await eventually(true, async () => (await committedTimes(topic)).length > before, SETTLE_MS);
      seen.push((await committedTimes(topic)).length);
      await sleep(Math.random() * 200);
      if (kill === 1) {
        await stack.kill('influxdb');
        await stack.start('influxdb');
        await stack.ready('influxdb');
      } else {
        await worker.end('SIGKILL');
        worker = await WorkerProcess.start(cloud, groupId);
      }
    }
    assert.ok(seen[1]! < ROWS, `the first kills came too late: ${seen.join()} of ${ROWS} rows were there`);
    await eventually(ROWS, async () => (await committedTimes(topic)).length, SETTLE_MS);
    assert.equal(new Set(await committedTimes(topic)).size, ROWS);
    await eventually(['RUNNING'], () => worker!.states(topic));
  });
});
