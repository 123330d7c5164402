import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encoderFor } from '../../../common/records.ts';
import type { AvroResponseObserve } from '../../../schemas/generated/records.ts';
import { TOPICS } from '../../../schemas/topics.ts';
import { eventually } from '../../rig/gateway.ts';
import { useStack } from '../../rig/rig.ts';
import { InputGateway, observation, T0 } from './input.ts';
import { TestWorker } from './worker.ts';

describe('streams, the other analyses on a real Kafka', function () {
  this.timeout(150_000);
  let gateway: InputGateway;
  let worker: TestWorker | undefined;
  beforeEach(async () => {
    gateway = await InputGateway.create();
  });
  afterEach(async () => {
    await worker?.stop();
    worker = undefined;
    gateway.close();
  });

  it('alarms: by value, and by a silence that only the clock shows', async () => {
    const rules = [
      { name: 'hot', kind: 'threshold', path: '/3303/*/5700', above: 80 },
      { name: 'mute', kind: 'silence', endpoint: 'a', seconds: 1 },
    ];
    const file = join(gateway.folder, 'rules.json');
    writeFileSync(file, JSON.stringify({ rules }));
    const now = Date.now();
    await gateway.write([
      { ep: 'a', value: 90, atMs: now },
      { ep: 'a', value: 70, atMs: now + 1 },
    ]);
    worker = new TestWorker(gateway, 'alarms', [`--rules-file=${file}`]);
    await worker.has('records_out_total', 3);
    const seen = (await gateway.read('alarms')).map(
      ({ value }) => `${value.rule} ${value.state} ${value.timestamp - now}`,
    );
    assert.deepEqual(seen, ['hot RAISED 0', 'hot CLEARED 1', 'mute RAISED 1001']);
    await gateway.write([{ ep: 'a', value: 71, atMs: Date.now() }]);
    await eventually('the silence is over', async () => {
      const alarms = await gateway.read('alarms');
      return alarms.some(({ value }) => value.rule === 'mute' && value.state === 'CLEARED');
    });
  });

  it('singles: a batch reading becomes one record for each of its values', async () => {
    const whole = observation({ ep: 'a', value: 1, atMs: T0 });
    const resource = (id: number) => ({
      ...{ id, path: `/3303/0/${id}`, kind: 'SINGLE_RESOURCE', type: 'FLOAT' },
      value: { double: id / 2 },
    });
    const resources = [resource(5700), resource(5601)];
    const content = {
      'io.zeelos.leshan.avro.resource.AvroInstanceResource': {
        id: 0,
        kind: 'INSTANCE',
        resources,
        multipleResources: null,
      },
    };
    const body = { 'io.zeelos.leshan.avro.response.AvroReadResponseBody': { content } };
    const batch = { ...whole, path: '/3303/0', rep: { ...whole.rep, body } } as unknown as AvroResponseObserve;
    const topic = gateway.topicOf('observations');
    const value = encoderFor(gateway.snapshot, `${topic}-value`, TOPICS.observations.value).encode(batch);
    await gateway.writeRaw([{ key: null, value, partition: 0, timestamp: String(T0) }]);
    worker = new TestWorker(gateway, 'singles');
    await worker.has('records_out_total', 2);
    const seen = (await gateway.read('singleObservations')).map((one) => [one.value.ep, one.value.path]);
    assert.deepEqual(seen, [
      ['a', '/3303/0/5700'],
      ['a', '/3303/0/5601'],
    ]);
  });

  it('counts: the last closed minute as metrics, with bounded labels', async () => {
    const minute = T0 - (T0 % 60_000);
    const readings = Array.from({ length: 30 }, (_, i) => ({ ep: `ep${i}`, value: 1, atMs: minute + i }));
    await gateway.write([
      ...readings,
      { ep: 'ep7', value: 2, atMs: minute + 50 },
      { ep: 'x', value: 0, atMs: minute + 90_000 },
    ]);
    worker = new TestWorker(gateway, 'counts');
    await worker.has('records_in_total', 32);
    await worker.has('minute_records_by_endpoint', 2, { endpoint: 'ep7' });
    await worker.has('minute_records_by_path', 2, { path: 'ep7./3303/0/5700' });
    await worker.has('minute_records_by_endpoint', 10, { endpoint: '(others)' });
    await worker.has('minute_records_by_endpoint', 31);
  });

  it('downsample: goes on by itself when Kafka was killed under it, and counts each value once', async () => {
    const part = (from: number) =>
      Array.from({ length: 3_000 }, (_, i) => ({ ep: `ep${i % 5}`, value: i % 7, atMs: T0 + (from + i) * 10 }));
    await gateway.write(part(0));
    const flags = ['--window-seconds=10', '--emit=final', '--grace-seconds=0', '--commit-ms=10', '--fetch-bytes=16384'];
    worker = new TestWorker(gateway, 'downsample', flags);
    await eventually('it has begun', () => worker!.hasCommitted(), 30_000);
    const stack = await useStack('kafka-edge');
    await stack.kill('kafka-edge');
    await stack.start('kafka-edge');
    await stack.ready('kafka-edge');
    await gateway.write(part(3_000));
    await gateway.write([{ ep: 'end', value: 0, atMs: T0 + 1_000_000 }]);
    await eventually(
      'all windows are written',
      async () => (await gateway.read('downsampled')).reduce((sum, { value }) => sum + value.count, 0) >= 6_000,
      60_000,
    );
    const results = await gateway.read('downsampled');
    assert.equal(
      results.reduce((sum, { value }) => sum + value.count, 0),
      6_000,
    );
    const keys = results.map(({ value }) => `${value.ep}@${value.windowStart}`);
    assert.equal(new Set(keys).size, keys.length);
  });
});
