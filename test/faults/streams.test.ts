import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { TransactionalProducer } from '../../common/kafka/transactional-producer.ts';
import { sleep } from '../../common/lifecycle.ts';
import {
  assertWhole,
  closingReadings,
  disorderedReadings,
  end,
  Progress,
  startDownsample,
} from '../integration/streams/downsample-process.ts';
import { InputGateway, log, type Reading, T0 } from '../integration/streams/input.ts';
import { TestWorker } from '../integration/streams/worker.ts';
import { eventually } from '../rig/gateway.ts';
import { useStack } from '../rig/rig.ts';

const ENDPOINTS = 20;
const PARTITIONS = 4;
const ROUNDS = 5;
const SETTLE_MS = 120_000;
const partitionOf = (ep: string) => Number(ep.slice(2)) % PARTITIONS;

/** Readings and poison, without a pause between them, until stopped. */
class Load {
  readonly #gateway: InputGateway;
  #running: Promise<void> | undefined;
  #stopping = false;
  count = 0;
  poison = 0;

  constructor(gateway: InputGateway) {
    this.#gateway = gateway;
  }

  start(): void {
    this.#stopping = false;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async burst(count: number): Promise<void> {
    const readings = disorderedReadings(count, ENDPOINTS, this.count);
    this.count += count;
    await this.#gateway.write(readings, partitionOf);
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      await this.burst(300);
      const partition = this.poison % PARTITIONS;
      const timestamp = String(T0);
      const values = [Buffer.from('no frame'), null, Buffer.from([0, 0x7f, 0xff, 0xff, this.poison % 256, 1])];
      await this.#gateway.writeRaw(values.map((value) => ({ key: null, value, partition, timestamp })));
      this.poison += values.length;
      await sleep(50);
    }
  }
}

describe('streams under faults', function () {
  this.timeout(400_000);
  let gateway: InputGateway;
  const children: ChildProcess[] = [];
  const workers: TestWorker[] = [];
  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => end(child, 'SIGKILL')));
    await Promise.all(workers.splice(0).map((worker) => worker.stop()));
    gateway.close();
  });

  const start = (analysis: string, flags: readonly string[] = []): TestWorker => {
    const worker = new TestWorker(gateway, analysis, flags);
    workers.push(worker);
    return worker;
  };
  const stop = async (worker: TestWorker): Promise<void> => {
    workers.splice(workers.indexOf(worker), 1);
    await worker.stop();
  };

  it('writes each window once, as a run without kills would, while its two workers and Kafka are killed', async () => {
    gateway = await InputGateway.create(PARTITIONS);
    const progress = new Progress(gateway);
    const load = new Load(gateway);
    const stack = await useStack('kafka-edge');
    children.push(startDownsample(gateway), startDownsample(gateway));
    load.start();
    for (let round = 0; round < ROUNDS; round++) {
      // Somebody works on each partition.
      const before = await progress.byPartition();
      await eventually(
        'all partitions go on',
        async () => {
          const now = await progress.byPartition();
          return (
            now.size === PARTITIONS && [...now].every(([partition, offset]) => offset > (before.get(partition) ?? 0))
          );
        },
        SETTLE_MS,
      );
      if (round === 2) {
        await load.stop();
        await load.burst(10_000);
        await stack.kill('kafka-edge');
        await stack.start('kafka-edge');
        await stack.ready('kafka-edge');
        load.start();
      }
      for (const place of [0, 1]) {
        await sleep(1_000 * Math.random());
        await end(children[place]!, 'SIGKILL');
        children[place] = startDownsample(gateway);
      }
    }
    await load.stop();
    const closing = closingReadings(load.count, ['ep0', 'ep1', 'ep2', 'ep3']);
    await gateway.write(closing, partitionOf);
    const written = load.count + load.poison + closing.length;
    await eventually('all is committed', async () => (await progress.committed()) === written, SETTLE_MS);
    await Promise.all(children.map((child) => end(child, 'SIGTERM')));
    await assertWhole(gateway, disorderedReadings(load.count, ENDPOINTS));
  });

  it('recovers when a stranger opens its transactional id, and counts nothing twice', async () => {
    gateway = await InputGateway.create();
    const part = (from: number): Reading[] =>
      Array.from({ length: 1_000 }, (_, i) => ({ ep: `ep${i % 5}`, value: 1, atMs: T0 + (from + i) * 10 }));
    await gateway.write(part(0));
    const worker = start('downsample', ['--window-seconds=10', '--grace-seconds=0', '--emit=final']);
    await worker.has('records_in_total', 1_000);
    const transactionalId = `zeelos-stream-downsample.${gateway.gatewayId}.${gateway.topicOf('observations')}.0`;
    const stranger = new TransactionalProducer({ kafka: gateway.kafka, log, transactionalId });
    await stranger.open(new AbortController().signal);
    await gateway.write([...part(1_000), { ep: 'end', value: 0, atMs: T0 + 1_000_000 }]);
    await eventually(
      'all windows are written',
      async () => (await gateway.read('downsampled')).reduce((sum, { value }) => sum + value.count, 0) === 2_000,
      SETTLE_MS,
    );
    await stranger.close();
    const keys = (await gateway.read('downsampled')).map(({ value }) => `${value.ep}@${value.windowStart}`);
    assert.equal(new Set(keys).size, keys.length);
  });

  it('goes on with a new state when its changelog is deleted under it', async () => {
    gateway = await InputGateway.create();
    await gateway.write([{ ep: 'a', value: 50, atMs: T0 }]);
    const worker = start('maxper30sec');
    await worker.has('records_out_total', 1);
    const changelog = `zeelos-stream-maxper30sec.${gateway.gatewayId}.changelog`;
    await deleteTopic(changelog);
    await gateway.write([{ ep: 'a', value: 10, atMs: T0 + 1 }]);
    // 50 was in the state that is gone.
    await worker.has('records_out_total', 2);
    await gateway.write([{ ep: 'a', value: 5, atMs: T0 + 2 }]);
    await eventually('it reads on', async () => (await worker.sum('records_in_total')) >= 3);
    assert.ok((await gateway.readRaw(changelog)).length > 0);
  });

  it('passes over what strangers wrote into its changelog, and keeps its state', async () => {
    gateway = await InputGateway.create();
    await gateway.write([{ ep: 'a', value: 50, atMs: T0 }]);
    const first = start('maxper30sec');
    await first.has('records_out_total', 1);
    await stop(first);
    const strange = ['x', 'hello', 'twenty bytes of text', '\0'.repeat(40)].map((key) => ({ key, value: 'what' }));
    await produce(`zeelos-stream-maxper30sec.${gateway.gatewayId}.changelog`, [
      ...strange,
      { key: Buffer.from([0xff]), value: '{"offset":"x"}' },
    ]);
    const second = start('maxper30sec');
    await second.has('records_unreadable_total', 5, { code: 'STREAM_STATE_STRANGE' });
    await gateway.write([
      { ep: 'a', value: 20, atMs: T0 + 1 },
      { ep: 'a', value: 60, atMs: T0 + 2 },
    ]);
    await second.has('records_out_total', 1);
    assert.equal((await gateway.read('maxPer30Seconds')).length, 2);
  });

  it('does not take the state of other windows for its own, and says so', async () => {
    gateway = await InputGateway.create();
    await gateway.write([{ ep: 'a', value: 1, atMs: T0 }]);
    const minutes = start('downsample', ['--window-seconds=60']);
    await minutes.has('records_out_total', 1);
    await stop(minutes);
    const halves = start('downsample', ['--window-seconds=30']);
    await eventually('it waits', () => halves.waiting.get('partition 0')?.includes('windows of 60000 ms') === true);
    await stop(halves);
    const again = start('downsample', ['--window-seconds=60']);
    await gateway.write([{ ep: 'a', value: 3, atMs: T0 + 1 }]);
    await again.has('records_out_total', 1);
    assert.deepEqual(
      (await gateway.read('downsampled')).map(({ value }) => value.count),
      [1, 2],
    );
  });

  async function deleteTopic(topic: string): Promise<void> {
    const admin = gateway.kafka.admin();
    await admin.connect();
    try {
      await admin.deleteTopics({ topics: [topic] });
    } finally {
      await admin.disconnect();
    }
  }

  async function produce(topic: string, messages: { key: string | Buffer; value: string }[]): Promise<void> {
    const producer = gateway.kafka.producer();
    await producer.connect();
    try {
      await producer.send({ topic, messages });
    } finally {
      await producer.disconnect();
    }
  }
});
