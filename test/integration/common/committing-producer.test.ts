import assert from 'node:assert/strict';
import { hasCode, type PlatformError } from '../../../common/errors.ts';
import { type BatchSender, KafkaBatchSender } from '../../../common/kafka/batch-sender.ts';
import { connectKafka, type KafkaAddress, type KafkaCluster } from '../../../common/kafka/client.ts';
import { CommittingProducer } from '../../../common/kafka/committing-producer.ts';
import { Partitioners } from '../../../common/kafka/kafkajs.ts';
import { readTopic } from '../../../common/kafka/read-topic.ts';
import { ThreadedSender } from '../../../common/kafka/threaded-sender.ts';
import { ensureTopics } from '../../../common/kafka/topics.ts';
import { sleep } from '../../../common/lifecycle.ts';
import { createLog } from '../../../common/log.ts';
import type { Stack } from '../../../stack/stack.ts';
import { useStack } from '../../rig/rig.ts';

const quiet = createLog('test', 'silent');
let topics = 0;

const SENDERS = {
  'in the same thread': (address: KafkaAddress) => new KafkaBatchSender(connectKafka(address, quiet), quiet),
  'in a thread of its own': (address: KafkaAddress) => new ThreadedSender(address, quiet),
};

for (const [where, makeSender] of Object.entries(SENDERS)) {
  describe(`common/kafka: CommittingProducer, its sender ${where}`, function () {
    this.timeout(120_000);
    specify(makeSender);
  });
}

function specify(makeSender: (address: KafkaAddress) => BatchSender): void {
  let stack: Stack;
  let kafka: KafkaCluster;
  let address: KafkaAddress;
  const open: CommittingProducer[] = [];

  before(async function () {
    this.timeout(300_000);
    stack = await useStack('kafka-edge');
    address = { brokers: [`127.0.0.1:${stack.ports.kafkaEdge}`], clientId: 'test' };
    kafka = connectKafka(address, quiet);
  });

  afterEach(async () => {
    for (const producer of open.splice(0)) await producer.close(0);
  });

  async function newTopic(partitions = 1, settings?: Record<string, string>): Promise<string> {
    const topic = `producer-${process.pid}-${++topics}`;
    await ensureTopics(kafka, [settings === undefined ? { topic, partitions } : { topic, partitions, settings }]);
    return topic;
  }

  function producerWith(...limits: ConstructorParameters<typeof CommittingProducer>[2][]): CommittingProducer {
    const producer = new CommittingProducer(makeSender(address), quiet, limits[0]);
    open.push(producer);
    return producer;
  }

  async function valuesOf(topic: string): Promise<string[]> {
    const values: string[] = [];
    await readTopic({
      kafka,
      topic,
      onRecord: ({ value }) => void values.push(value!.toString()),
      signal: new AbortController().signal,
      log: quiet,
    });
    return values;
  }

  it('commits in the order of appending and tells of each in that order', async () => {
    const topic = await newTopic();
    const producer = producerWith();
    const told: number[] = [];
    for (let i = 0; i < 5_000; i++) {
      producer.append({ topic, key: null, value: Buffer.from(String(i)) }, (error) => {
        assert.equal(error, undefined);
        told.push(i);
      });
    }
    await producer.commit({ topic, key: null, value: Buffer.from('5000') });
    const numbers = Array.from({ length: 5_001 }, (_, i) => i);
    assert.deepEqual(told, numbers.slice(0, 5_000));
    assert.deepEqual((await valuesOf(topic)).map(Number), numbers);
    assert.equal(producer.backlog, 0);
  });

  it('takes nothing beyond its backlog, in records and in bytes, and all of several or none', async () => {
    const topic = await newTopic();
    const full = (error: unknown) => hasCode(error, 'KAFKA_BACKLOG_FULL');
    const record = (size: number) => ({ topic, key: null, value: Buffer.alloc(size, 'x') });
    const byRecords = producerWith({ backlogRecords: 3 });
    byRecords.append(record(1));
    byRecords.append(record(1));
    assert.throws(() => byRecords.appendAll([record(1), record(1)]), full);
    assert.equal(byRecords.backlog, 2);
    byRecords.append(record(1));
    assert.throws(() => byRecords.append(record(1)), full);
    const byBytes = producerWith({ backlogBytes: 1_000 });
    byBytes.append(record(600));
    assert.throws(() => byBytes.append(record(401)), full);
    byBytes.append(record(400));
    await byBytes.flush(10_000);
    await byRecords.flush(10_000);
    assert.equal((await valuesOf(topic)).length, 5);
    byBytes.append(record(1_000));
    await byBytes.flush(10_000);
  });

  it('isolates a record that the broker refuses: the others of its batch are committed', async () => {
    const topic = await newTopic(1, { 'max.message.bytes': '5000' });
    const producer = producerWith();
    const outcome = new Map<string, PlatformError | undefined>();
    for (const [name, size] of [
      ['a', 10],
      ['large', 6_000],
      ['b', 10],
      ['c', 10],
    ] as const) {
      const value = Buffer.from(name.padEnd(size, '.'));
      producer.append({ topic, key: null, value }, (error) => void outcome.set(name, error));
    }
    await producer.flush(20_000);
    assert.deepEqual([...outcome.keys()], ['a', 'large', 'b', 'c']);
    assert.deepEqual(
      [...outcome.values()].map((error) => error?.code),
      [undefined, 'KAFKA_REFUSED', undefined, undefined],
    );
    assert.deepEqual(
      (await valuesOf(topic)).map((value) => value[0]),
      ['a', 'b', 'c'],
    );
    assert.throws(
      () => producer.append({ topic, key: null, value: Buffer.alloc(1_000_001) }),
      (error) => hasCode(error, 'KAFKA_REFUSED'),
    );
  });

  it('never calls several records committed when one of them was refused', async () => {
    const topic = await newTopic(1, { 'max.message.bytes': '5000' });
    const producer = producerWith();
    const record = (size: number) => ({ topic, key: null, value: Buffer.alloc(size, 'x') });
    await assert.rejects(producer.commit(record(10), record(6_000), record(10)), (error) =>
      hasCode(error, 'KAFKA_REFUSED'),
    );
    await producer.commit();
    await producer.commit(record(10), record(10));
  });

  it('goes by the key where a topic has several partitions, as Java clients do', async () => {
    const topic = await newTopic(3);
    const producer = producerWith();
    const keys = ['a', 'b', 'c', 'd', 'gw1-device-7'];
    await producer.commit(...keys.map((key) => ({ topic, key, value: Buffer.from(key), headers: { h: 'x' } })));
    const found = new Map<string, number>();
    const onRecord = ({ value }: { value: Buffer | null }, at: number) => void found.set(value!.toString(), at);
    await readTopic({ kafka, topic, onRecord, signal: new AbortController().signal, log: quiet });
    const java = Partitioners.DefaultPartitioner();
    const partitionMetadata = [0, 1, 2].map((partitionId) => ({ partitionId, leader: 1, partitionErrorCode: 0 }));
    const expected = keys.map((key) => [
      key,
      java({ topic, partitionMetadata: partitionMetadata as never, message: { key, value: null } }),
    ]);
    assert.deepEqual(
      keys.map((key) => [key, found.get(key)]),
      expected,
    );
    assert.ok(new Set(found.values()).size > 1);
  });

  it('loses and doubles nothing when the broker is killed and comes back', async () => {
    const topic = await newTopic();
    const producer = producerWith();
    const told: number[] = [];
    let next = 0;
    const appendFor = async (ms: number) => {
      for (const end = Date.now() + ms; Date.now() < end; await sleep(10)) {
        for (let i = 0; i < 10; i++) {
          const number = next++;
          producer.append({ topic, key: null, value: Buffer.from(String(number)) }, (error) => {
            assert.equal(error, undefined);
            told.push(number);
          });
        }
      }
    };
    await appendFor(1_000);
    await stack.kill('kafka-edge');
    const beforeOutage = told.length;
    await appendFor(2_000);
    assert.ok(producer.failingForMs() > 1_000);
    assert.ok(producer.backlog > 500);
    assert.ok(told.length - beforeOutage < 100);
    await stack.start('kafka-edge');
    await appendFor(500);
    await producer.flush(60_000);
    const numbers = Array.from({ length: next }, (_, i) => i);
    assert.deepEqual(told, numbers);
    assert.deepEqual((await valuesOf(topic)).map(Number), numbers);
    assert.equal(producer.failingForMs(), 0);
  });

  it('fails what waits when it is closed while the broker is away, and takes no more', async () => {
    const topic = await newTopic();
    const producer = producerWith();
    await stack.kill('kafka-edge');
    try {
      const waiting = producer.commit({ topic, key: null, value: Buffer.from('x') });
      const rejected = assert.rejects(waiting, (error) => hasCode(error, 'SHUTTING_DOWN'));
      await sleep(200);
      await producer.close(300);
      await rejected;
      assert.throws(
        () => producer.append({ topic, key: null, value: null }),
        (error) => hasCode(error, 'SHUTTING_DOWN'),
      );
    } finally {
      await stack.start('kafka-edge');
    }
  });
}
