import assert from 'node:assert/strict';
import { KafkaBatchSender } from '../../../common/kafka/batch-sender.ts';
import { connectKafka, type KafkaCluster } from '../../../common/kafka/client.ts';
import { CommittingProducer } from '../../../common/kafka/committing-producer.ts';
import { type ConsumeBytesOptions, consumeBytes, type FetchedBatch } from '../../../common/kafka/consume-bytes.ts';
import { consume } from '../../../common/kafka/consumer.ts';
import { FetchedRecords } from '../../../common/kafka/fetched-records.ts';
import { RecordAppender } from '../../../common/kafka/record-batch.ts';
import { committedOffsets, ensureTopics } from '../../../common/kafka/topics.ts';
import { TransactionalProducer } from '../../../common/kafka/transactional-producer.ts';
import { sleep, untilAborted } from '../../../common/lifecycle.ts';
import { createLog } from '../../../common/log.ts';
import type { Stack } from '../../../stack/stack.ts';
import { useStack } from '../../rig/rig.ts';

const quiet = createLog('test', 'silent');
const DONE = { done: Promise.resolve() };
let topics = 0;

/** Values and headers of a batch, as its reader sees them. */
async function valuesOf({ bytes, aborted, from }: FetchedBatch): Promise<string[]> {
  const records = new FetchedRecords();
  records.reset(bytes, aborted, from);
  const values: string[] = [];
  while (await records.nextBatch()) while (records.next()) values.push(String(records.record().value));
  return values;
}

describe('common/kafka: consumeBytes', function () {
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
    topic = `taken-${process.pid}-${++topics}`;
    producer = new CommittingProducer(new KafkaBatchSender(kafka, quiet), quiet);
    await ensureTopics(kafka, [{ topic, partitions: 1 }]);
  });

  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop();
    await producer.close(0);
  });

  function start(onBatch: ConsumeBytesOptions['onBatch'], more: Partial<ConsumeBytesOptions> = {}) {
    const stopping = new AbortController();
    const { signal } = stopping;
    const done = consumeBytes({ kafka, groupId: `g-${topic}`, topics: [topic], onBatch, signal, log: quiet, ...more });
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
    producer.commit(...range(from, to).map((value) => ({ topic, key: null, value: Buffer.from(value) })));

  const committed = async () => Number((await committedOffsets(kafka, `g-${topic}`, topic)).get(0) ?? -1);

  async function until(check: () => boolean | Promise<boolean>): Promise<void> {
    for (const end = Date.now() + 60_000; !(await check()); await sleep(20))
      assert.ok(Date.now() < end, 'not within 60 s');
  }

  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => String(from + index));

  it('delivers from the beginning, and after a restart from where it stopped', async () => {
    const seen: string[] = [];
    const take = async (batch: FetchedBatch) => {
      seen.push(...(await valuesOf(batch)));
      return DONE;
    };
    await write(0, 300);
    const first = start(take);
    await until(async () => seen.length === 300 && (await committed()) === 300);
    await first.stop();
    await write(300, 350);
    start(take);
    await until(() => seen.length === 350);
    assert.deepEqual(seen, range(0, 350));
  });

  it('takes the next batch while the one before is not done, and commits in the order of the topic', async () => {
    const dones: PromiseWithResolvers<void>[] = [];
    const seen: string[] = [];
    await write(0, 10);
    start(async (batch) => {
      seen.push(...(await valuesOf(batch)));
      const done = Promise.withResolvers<void>();
      dones.push(done);
      return { done: done.promise };
    });
    await until(() => seen.length === 10);
    await write(10, 20);
    await until(() => seen.length === 20);
    const last = dones.length - 1;
    for (const done of dones.slice(1)) done.resolve();
    await sleep(500);
    assert.equal(await committed(), -1, 'a batch behind one that is not done');
    dones[0]!.resolve();
    await until(async () => (await committed()) === 20);
    assert.ok(last >= 1);
  });

  it('keeps the bytes of a batch as they are until it is done', async () => {
    const held: { readonly batch: FetchedBatch; readonly values: string; readonly done: PromiseWithResolvers<void> }[] =
      [];
    const large = (index: number) => `${index} ${'x'.repeat(90_000)}`;
    const load = range(0, 24).map((index) => ({ topic, key: null, value: Buffer.from(large(Number(index))) }));
    for (const record of load) await producer.commit(record);
    let count = 0;
    const onBatch = async (batch: FetchedBatch) => {
      const values = (await valuesOf(batch)).join();
      count += values.split(',').length;
      const done = Promise.withResolvers<void>();
      held.push({ batch, values, done });
      if (held.length > 2) {
        const oldest = held.shift()!;
        assert.equal((await valuesOf(oldest.batch)).join(), oldest.values);
        oldest.done.resolve();
      }
      return { done: done.promise };
    };
    // Each fetch is one record or few, and large enough that its memory is used again.
    start(onBatch, { batchBytes: 100_000 });
    await until(() => count === 24);
    for (const { batch, values, done } of held) {
      assert.equal((await valuesOf(batch)).join(), values);
      done.resolve();
    }
    await until(async () => (await committed()) === 24);
  });

  it('brings again what was not done when a batch fails, and tells why', async () => {
    const seen: string[] = [];
    const failures: unknown[] = [];
    let fails = true;
    await write(0, 5);
    start(
      async (batch) => {
        const values = await valuesOf(batch);
        seen.push(...values);
        if (!fails) return DONE;
        fails = false;
        return { done: Promise.reject(new Error('not stored')) };
      },
      { onFailed: (error) => failures.push(error) },
    );
    await until(async () => (await committed()) === 5);
    assert.deepEqual(seen, [...range(0, 5), ...range(0, 5)]);
    assert.equal(String(failures[0]), 'Error: not stored');
    assert.equal(failures.length, 1);
  });

  it('gives up what is under way when another member joins, and the other has it', async () => {
    await write(0, 5);
    const first: { aborted: boolean; seen: number } = { aborted: false, seen: 0 };
    start(
      async (batch) => {
        first.seen += (await valuesOf(batch)).length;
        await untilAborted(batch.signal);
        first.aborted = true;
        throw batch.signal.reason;
      },
      { sessionTimeoutMs: 6_000 },
    );
    await until(() => first.seen === 5);
    const seen: string[] = [];
    const leaving = new AbortController();
    // A member of the other kind, which can be in the same group.
    const other = consume({
      ...{ kafka, groupId: `g-${topic}`, topics: [topic], sessionTimeoutMs: 6_000, log: quiet, signal: leaving.signal },
      onBatch: async ({ records }) => void seen.push(...records.map(({ value }) => String(value))),
    });
    await until(() => first.aborted);
    // Who of the two has the only partition now is the group's business; the first ends, and leaves it to the other.
    await running.pop()!.stop();
    await until(async () => seen.length >= 5 && (await committed()) === 5);
    assert.deepEqual(seen.slice(-5), range(0, 5));
    leaving.abort();
    await other;
  });

  it('commits behind the marker of a transaction', async () => {
    const transactions = new TransactionalProducer({ kafka, log: quiet, transactionalId: `tx-${topic}` });
    const { signal } = new AbortController();
    await transactions.open(signal);
    const appender = new RecordAppender(Buffer.alloc(16));
    for (const value of range(0, 3)) appender.append({ key: null, value: Buffer.from(value) });
    const part = { topic, partition: 0, count: appender.count, bytes: appender.bytes };
    await transactions.commit([part], { groupId: `other-${topic}`, topic, partition: 0, offset: 0 });
    await transactions.close();
    const seen: string[] = [];
    start(async (batch) => {
      seen.push(...(await valuesOf(batch)));
      return DONE;
    });
    // Three records and the marker.
    await until(async () => (await committed()) === 4);
    assert.deepEqual(seen, range(0, 3));
  });

  it('goes on when Kafka was away', async () => {
    const seen = new Set<string>();
    start(async (batch) => {
      for (const value of await valuesOf(batch)) seen.add(value);
      return DONE;
    });
    await write(0, 5);
    await until(() => seen.size === 5);
    await stack.stop('kafka-edge');
    await sleep(1_500);
    await stack.start('kafka-edge');
    await stack.ready('kafka-edge');
    await write(5, 10);
    await until(async () => seen.size === 10 && (await committed()) === 10);
    assert.deepEqual([...seen], range(0, 10));
  });
});
