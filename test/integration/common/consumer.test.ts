import assert from 'node:assert/strict';
import { hasCode } from '../../../common/errors.ts';
import { KafkaBatchSender } from '../../../common/kafka/batch-sender.ts';
import { connectKafka, type KafkaCluster } from '../../../common/kafka/client.ts';
import { CommittingProducer } from '../../../common/kafka/committing-producer.ts';
import { type ConsumeOptions, consume } from '../../../common/kafka/consumer.ts';
import { readTopic } from '../../../common/kafka/read-topic.ts';
import { committedOffsets, ensureTopics, offsetRanges } from '../../../common/kafka/topics.ts';
import { sleep } from '../../../common/lifecycle.ts';
import { createLog } from '../../../common/log.ts';
import type { Stack } from '../../../stack/stack.ts';
import { useStack } from '../../rig/rig.ts';

const quiet = createLog('test', 'silent');
let topics = 0;

describe('common/kafka: consume and readTopic', function () {
  this.timeout(120_000);
  let stack: Stack;
  let kafka: KafkaCluster;
  let producer: CommittingProducer;
  let topic: string;
  const running: { stop(): Promise<void> }[] = [];

  before(async function () {
    this.timeout(300_000);
    stack = await useStack('kafka-edge');
    kafka = connectKafka({ brokers: [`127.0.0.1:${stack.ports.kafkaEdge}`], clientId: 'test' }, quiet);
  });

  beforeEach(async () => {
    topic = `consumer-${process.pid}-${++topics}`;
    producer = new CommittingProducer(new KafkaBatchSender(kafka, quiet), quiet);
    await ensureTopics(kafka, [{ topic, partitions: 1 }]);
  });

  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop();
    await producer.close(0);
  });

  function start(onBatch: ConsumeOptions['onBatch'], more: Partial<ConsumeOptions> = {}): { stop(): Promise<void> } {
    const stopping = new AbortController();
    const signal = stopping.signal;
    const done = consume({ kafka, groupId: `g-${topic}`, topics: [topic], onBatch, signal, log: quiet, ...more });
    const handle = {
      stop: async () => {
        stopping.abort();
        await done;
      },
    };
    running.push(handle);
    return handle;
  }

  const write = (from: number, to: number) =>
    producer.commit(
      ...Array.from({ length: to - from }, (_, i) => ({ topic, key: null, value: Buffer.from(String(from + i)) })),
    );

  async function until(check: () => boolean): Promise<void> {
    for (const end = Date.now() + 60_000; !check(); await sleep(20)) assert.ok(Date.now() < end, 'not within 60 s');
  }

  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

  it('delivers from the beginning, and after a restart from where it stopped', async () => {
    const seen: number[] = [];
    const take: ConsumeOptions['onBatch'] = async ({ records }) => {
      seen.push(...records.map((record) => Number(record.value!.toString())));
    };
    await write(0, 100);
    const first = start(take);
    await until(() => seen.length === 100);
    await first.stop();
    assert.deepEqual(await committedOffsets(kafka, `g-${topic}`, topic), new Map([[0, 100n]]));
    await write(100, 150);
    start(take);
    await until(() => seen.length >= 150);
    assert.deepEqual(seen, range(0, 150));
  });

  it('delivers a batch again after it threw, commits nothing before, and keeps the order', async () => {
    const handled: number[] = [];
    let failures = 0;
    await write(0, 20);
    start(async ({ records }) => {
      if (failures < 3) {
        failures++;
        assert.equal((await committedOffsets(kafka, `g-${topic}`, topic)).size, 0);
        throw new Error('not now');
      }
      handled.push(...records.map((record) => Number(record.value!.toString())));
    });
    await until(() => handled.length >= 20);
    assert.deepEqual([failures, handled], [3, range(0, 20)]);
  });

  it('delivers again what was handled but not committed when it was stopped in the middle', async () => {
    await write(0, 10);
    let entered = false;
    const first = start(async ({ signal }) => {
      entered = true;
      await sleep(60_000, signal);
      throw new Error('stopped');
    });
    await until(() => entered);
    await first.stop();
    const seen: number[] = [];
    start(async ({ records }) => void seen.push(...records.map((record) => Number(record.value!.toString()))));
    await until(() => seen.length === 10);
    assert.deepEqual(seen, range(0, 10));
  });

  it('stops a partition before the record that its handler names, and offers that again later', async () => {
    await write(0, 10);
    const offered: number[][] = [];
    let blocked = true;
    start(async ({ records }) => {
      offered.push(records.map((record) => Number(record.offset)));
      const stopBefore = 4n;
      return blocked && BigInt(records.at(-1)!.offset) >= stopBefore ? { stopBefore, retryAfterMs: 500 } : undefined;
    });
    await until(() => offered.length === 2);
    assert.deepEqual(offered, [range(0, 10), range(4, 10)]);
    assert.equal((await committedOffsets(kafka, `g-${topic}`, topic)).get(0), 4n);
    blocked = false;
    await until(() => offered.length >= 3);
    await until(() => offered.at(-1)!.at(-1) === 9);
  });

  it('goes on by itself when the broker was killed and came back', async () => {
    const seen = new Set<number>();
    start(async ({ records }) => {
      for (const record of records) seen.add(Number(record.value!.toString()));
    });
    await write(0, 10);
    await until(() => seen.size === 10);
    await stack.kill('kafka-edge');
    await sleep(3_000);
    await stack.start('kafka-edge');
    await write(10, 20);
    await until(() => seen.size === 20);
    assert.deepEqual([...seen], range(0, 20));
  });

  it('waits for a topic that is not there yet', async () => {
    const later = `${topic}-later`;
    const seen: string[] = [];
    start(async ({ records }) => void seen.push(...records.map((record) => record.value!.toString())), {
      topics: [later],
      groupId: `g-${later}`,
    });
    await sleep(1_000);
    await ensureTopics(kafka, [{ topic: later, partitions: 1 }]);
    await producer.commit({ topic: later, key: null, value: Buffer.from('here') });
    await until(() => seen.length > 0);
    assert.deepEqual(seen, ['here']);
  });

  it('readTopic reads all of every partition, or only the newest', async () => {
    const read = async (lastRecords?: number) => {
      const values: string[] = [];
      const onRecord = ({ value }: { value: Buffer | null }, partition: number) =>
        void values.push(`${partition}:${value!.toString()}`);
      const signal = new AbortController().signal;
      const count = await readTopic({
        kafka,
        topic,
        onRecord,
        signal,
        log: quiet,
        ...(lastRecords === undefined ? {} : { lastRecords }),
      });
      assert.equal(count, values.length);
      return values.sort();
    };
    assert.deepEqual(await read(), []);
    await ensureTopics(kafka, [{ topic, partitions: 2 }]);
    const records = [0, 1, 2].flatMap((n) =>
      [0, 1].map((partition) => ({ topic, key: null, value: Buffer.from(String(n)), partition })),
    );
    await producer.commit(...records);
    assert.deepEqual(await read(), ['0:0', '0:1', '0:2', '1:0', '1:1', '1:2']);
    assert.deepEqual(await read(1), ['0:2', '1:2']);
    assert.deepEqual(await read(100), await read());
    assert.deepEqual(await offsetRanges(kafka, topic).then((all) => all.map(({ next }) => next)), [3n, 3n]);
  });

  it('readTopic comes to the end also where that is the marker of a transaction', async () => {
    const transactional = kafka.producer({ transactionalId: `t-${topic}`, idempotent: true, maxInFlightRequests: 1 });
    await transactional.connect();
    for (const [value, outcome] of [
      ['kept', 'commit'],
      ['dropped', 'abort'],
    ] as const) {
      const transaction = await transactional.transaction();
      await transaction.send({ topic, messages: [{ value }] });
      await transaction[outcome]();
    }
    await transactional.disconnect();
    const values: string[] = [];
    const onRecord = ({ value }: { value: Buffer | null }) => void values.push(value!.toString());
    const count = await readTopic({ kafka, topic, onRecord, signal: new AbortController().signal, log: quiet });
    assert.deepEqual([count, values], [1, ['kept']]);
  });

  it('readTopic passes on what its caller throws, after handing each record over once', async () => {
    await write(0, 5);
    const seen: string[] = [];
    const fault = new Error('of the caller');
    const onRecord = ({ value }: { value: Buffer | null }) => {
      seen.push(value!.toString());
      if (seen.length === 3) throw fault;
    };
    const signal = new AbortController().signal;
    await assert.rejects(readTopic({ kafka, topic, onRecord, signal, log: quiet }), fault);
    assert.deepEqual(seen, ['0', '1', '2']);
    await assert.rejects(readTopic({ kafka, topic, onRecord, signal: AbortSignal.abort(), log: quiet }), (error) =>
      hasCode(error, 'KAFKA_UNAVAILABLE'),
    );
  });
});
