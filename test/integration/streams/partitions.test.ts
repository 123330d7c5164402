import assert from 'node:assert/strict';
import { ensureTopics, partitionCounts } from '../../../common/kafka/topics.ts';
import { eventually } from '../../rig/gateway.ts';
import { InputGateway, T0 } from './input.ts';
import { TestWorker } from './worker.ts';

describe('streams, partitions of the topics', function () {
  this.timeout(240_000);
  let gateway: InputGateway;
  const workers: TestWorker[] = [];
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop()));
    gateway.close();
  });

  const partitionOf = (ep: string) => Number(ep.slice(2));
  const readings = (eps: readonly string[], value: number) => eps.map((ep) => ({ ep, value, atMs: T0 + value }));
  const start = (analysis: string): TestWorker => {
    const worker = new TestWorker(gateway, analysis);
    workers.push(worker);
    return worker;
  };

  it('takes up partitions that are added to the input while it runs, and shares them with another worker', async () => {
    gateway = await InputGateway.create();
    const [one, two] = [start('maxper30sec'), start('maxper30sec')];
    await gateway.write(readings(['ep0'], 1), partitionOf);
    await eventually(
      'the first is read',
      async () => (await one.sum('records_in_total')) + (await two.sum('records_in_total')) === 1,
      60_000,
    );
    const input = gateway.topicOf('observations');
    await ensureTopics(gateway.kafka, [{ topic: input, partitions: 4 }]);
    await gateway.write(readings(['ep0', 'ep1', 'ep2', 'ep3'], 2), partitionOf);
    await eventually('all are read', async () => (await gateway.read('maxPer30Seconds')).length === 5, 120_000);
    // Fairly: two each.
    await one.has('tasks_running', 2);
    await two.has('tasks_running', 2);
    const results = (await gateway.read('maxPer30Seconds')).map(({ value }) => `${value.ep} ${value.timestamp - T0}`);
    assert.deepEqual(results.sort(), ['ep0 1', 'ep0 2', 'ep1 2', 'ep2 2', 'ep3 2']);
  });

  it('waits for an input that is not there yet', async () => {
    gateway = await InputGateway.create(0);
    const worker = start('maxper30sec');
    await eventually(
      'it says what it waits for',
      () => worker.waiting.get('input')?.includes('does not exist') === true,
    );
    await ensureTopics(gateway.kafka, [{ topic: gateway.topicOf('observations'), partitions: 2 }]);
    const now = Date.now();
    await gateway.write([{ ep: 'ep1', value: 1, atMs: now }], partitionOf);
    await worker.has('records_out_total', 1);
    assert.equal(worker.waiting.size, 0);
  });

  it('adds partitions to results that have fewer than the input, and leaves those that have more', async () => {
    gateway = await InputGateway.create(3);
    const [fewer, more] = [gateway.topicOf('maxPer30Seconds'), gateway.topicOf('singleObservations')];
    await ensureTopics(gateway.kafka, [
      { topic: fewer, partitions: 1 },
      { topic: more, partitions: 5 },
    ]);
    await gateway.write(readings(['ep0', 'ep1', 'ep2'], 1), partitionOf);
    for (const analysis of ['maxper30sec', 'singles']) await start(analysis).has('records_out_total', 3);
    assert.deepEqual(
      await partitionCounts(gateway.kafka, [fewer, more]),
      new Map([
        [fewer, 3],
        [more, 5],
      ]),
    );
  });

  it('counts shows the last minute of all its partitions together', async () => {
    gateway = await InputGateway.create(2);
    const minute = T0 - (T0 % 60_000);
    const at = (ep: string, atMs: number) => ({ ep, value: 1, atMs });
    await gateway.write([...[1, 2, 3].map((ms) => at('ep0', minute + ms)), at('ep1', minute)], partitionOf);
    await gateway.write([at('ep0', minute + 90_000), at('ep1', minute + 90_000)], partitionOf);
    const worker = start('counts');
    await worker.has('records_in_total', 6);
    await worker.has('minute_records_by_endpoint', 3, { endpoint: 'ep0' });
    await worker.has('minute_records_by_endpoint', 1, { endpoint: 'ep1' });
    await worker.has('minute_records_by_endpoint', 4);
  });
});
