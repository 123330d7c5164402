import assert from 'node:assert/strict';
import { pino } from 'pino';
import { hasCode } from '../../../common/errors.ts';
import { connectKafka, type KafkaCluster } from '../../../common/kafka/client.ts';
import { FetchedRecords } from '../../../common/kafka/fetched-records.ts';
import { CompressionTypes } from '../../../common/kafka/kafkajs.ts';
import { PartitionFetcher } from '../../../common/kafka/partition-fetcher.ts';
import { RecordAppender } from '../../../common/kafka/record-batch.ts';
import { committedOffsets, ensureTopics } from '../../../common/kafka/topics.ts';
import { TransactionalProducer } from '../../../common/kafka/transactional-producer.ts';
import { useEdge } from '../../rig/edge.ts';

const log = pino({ level: 'silent' });
const FETCH_BYTES = 65_536;

interface Seen {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
}

/** What a partition holds from an offset on, up to what is committed now. */
async function readFrom(fetcher: PartitionFetcher, offset: number): Promise<Seen[]> {
  const cursor = new FetchedRecords();
  const seen: Seen[] = [];
  const text = (start: number, end: number) => (start < 0 ? null : cursor.bytes.toString('utf8', start, end));
  for (let at = offset; ; ) {
    const { bytes, aborted, lastStableOffset } = await fetcher.fetch(at, 100);
    cursor.reset(bytes, aborted, at);
    while (await cursor.nextBatch()) {
      while (cursor.next()) {
        const { keyStart, keyEnd, valueStart, valueEnd, timestamp } = cursor;
        seen.push({ offset: cursor.offset, timestamp, key: text(keyStart, keyEnd), value: text(valueStart, valueEnd) });
      }
    }
    assert.equal(cursor.nextOffset, FetchedRecords.endOf(bytes, at));
    at = cursor.nextOffset;
    if (at >= lastStableOffset) return seen;
  }
}

describe('common/kafka, partitions as bytes and transactions', () => {
  let kafka: KafkaCluster;
  let topics = 0;
  before(async () => {
    kafka = connectKafka({ brokers: (await useEdge()).kafkaBrokers, clientId: 'test' }, log);
  });

  async function topicOf(partitions = 1): Promise<string> {
    const topic = `bytes-${process.pid}-${++topics}`;
    // The times of the records are years ago: retention would remove them within minutes.
    await ensureTopics(kafka, [{ topic, partitions, settings: { 'retention.ms': '-1' } }]);
    return topic;
  }

  const part = (topic: string, values: readonly string[], partition = 0) => {
    const appender = new RecordAppender(Buffer.alloc(16));
    for (const value of values) appender.append({ key: `k${value}`, value: Buffer.from(value) });
    return { topic, partition, count: appender.count, bytes: appender.bytes };
  };
  const open = async (transactionalId: string) => {
    const producer = new TransactionalProducer({ kafka, log, transactionalId });
    await producer.open(new AbortController().signal);
    return producer;
  };

  it('reads keys, values, nulls and times of batches in each compression, also from the middle of one', async () => {
    const topic = await topicOf();
    const fetcher = new PartitionFetcher({ kafka, topic, partition: 0, fetchBytes: FETCH_BYTES });
    const producer = kafka.producer();
    await producer.connect();
    const T0 = 1_700_000_000_000;
    const written: Seen[] = [];
    for (const compression of Object.values(CompressionTypes).filter((one) => typeof one === 'number')) {
      const messages = [
        { key: 'a', value: 'x'.repeat(300), timestamp: String(T0) },
        { key: null, value: 'no key', timestamp: String(T0 + 70_000) },
        { key: 'gone', value: null, timestamp: String(T0 - 5_000), headers: { of: 'no matter' } },
      ];
      await producer.send({ topic, compression, messages });
      for (const { key, value, timestamp } of messages)
        written.push({ offset: written.length, timestamp: Number(timestamp), key, value });
    }
    await producer.disconnect();
    try {
      assert.deepEqual(await readFrom(fetcher, 0), written);
      assert.deepEqual(await readFrom(fetcher, 4), written.slice(4));
      assert.deepEqual(await readFrom(fetcher, written.length), []);
      await assert.rejects(fetcher.fetch(written.length + 1, 10), (error) => hasCode(error, 'KAFKA_OFFSET_GONE'));
    } finally {
      await fetcher.close();
    }
  });

  it('passes over aborted transactions and the markers of all', async () => {
    const topic = await topicOf();
    const writer = kafka.producer({
      transactionalId: `aborts-${process.pid}`,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await writer.connect();
    for (const [value, commits] of [
      ['a1', false],
      ['c1', true],
      ['a2', false],
      ['a3', false],
      ['c2', true],
    ] as const) {
      const transaction = await writer.transaction();
      await transaction.send({ topic, messages: [{ value }, { value: `${value}b` }] });
      await (commits ? transaction.commit() : transaction.abort());
    }
    await writer.disconnect();
    const fetcher = new PartitionFetcher({ kafka, topic, partition: 0, fetchBytes: FETCH_BYTES });
    try {
      const values = async (from: number) => (await readFrom(fetcher, from)).map(({ value }) => value);
      assert.deepEqual(await values(0), ['c1', 'c1b', 'c2', 'c2b']);
      // From the middle of an aborted transaction.
      assert.deepEqual(await values(7), ['c2', 'c2b']);
    } finally {
      await fetcher.close();
    }
  });

  it('commits records of several partitions and the progress of a group together', async () => {
    const [topic, other] = [await topicOf(2), await topicOf()];
    const groupId = `group-${process.pid}`;
    const progress = (offset: number) => ({ groupId, topic: other, partition: 0, offset });
    const producer = await open(`together-${process.pid}`);
    try {
      await producer.commit([part(topic, ['1', '2'], 1), part(topic, ['3'], 1), part(other, ['4'])], progress(5));
      await producer.commit([], progress(9));
    } finally {
      await producer.close();
    }
    const values = async (of: string, partition: number) => {
      const fetcher = new PartitionFetcher({ kafka, topic: of, partition, fetchBytes: FETCH_BYTES });
      const seen = await readFrom(fetcher, 0);
      await fetcher.close();
      return seen.map(({ value }) => value);
    };
    assert.deepEqual(
      [await values(topic, 0), await values(topic, 1), await values(other, 0)],
      [[], ['1', '2', '3'], ['4']],
    );
    assert.deepEqual(await committedOffsets(kafka, groupId, other), new Map([[0, 9n]]));
  });

  it('shuts out a predecessor: what it had begun is gone, and it is told so', async () => {
    const topic = await topicOf();
    const transactionalId = `fence-tx-${process.pid}`;
    const progress = (offset: number) => ({ groupId: `g-${process.pid}`, topic, partition: 0, offset });
    const first = await open(transactionalId);
    await first.commit([part(topic, ['1'])], progress(1));
    const second = await open(transactionalId);
    try {
      await assert.rejects(first.commit([part(topic, ['zombie'])], progress(7)), (e) => hasCode(e, 'PRODUCER_FENCED'));
      await second.commit([part(topic, ['2'])], progress(2));
    } finally {
      await Promise.all([first.close(), second.close()]);
    }
    const fetcher = new PartitionFetcher({ kafka, topic, partition: 0, fetchBytes: FETCH_BYTES });
    assert.deepEqual(
      (await readFrom(fetcher, 0)).map(({ value }) => value),
      ['1', '2'],
    );
    await fetcher.close();
    assert.deepEqual(await committedOffsets(kafka, `g-${process.pid}`, topic), new Map([[0, 2n]]));
  });
});
