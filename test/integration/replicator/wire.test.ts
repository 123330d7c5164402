import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { connectKafka, type KafkaCluster } from '../../../common/kafka/client.ts';
import { readTopic } from '../../../common/kafka/read-topic.ts';
import { createLog } from '../../../common/log.ts';
import { BROKER_ERROR } from '../../../replicator/wire/broker-errors.ts';
import { Cluster, type TopicInfo } from '../../../replicator/wire/cluster.ts';
import type { BrokerConnection } from '../../../replicator/wire/connection.ts';
import { CREATE_PARTITIONS } from '../../../replicator/wire/requests/create-partitions.ts';
import { CREATE_TOPICS } from '../../../replicator/wire/requests/create-topics.ts';
import { DESCRIBE_CONFIGS } from '../../../replicator/wire/requests/describe-configs.ts';
import { END_TXN } from '../../../replicator/wire/requests/end-txn.ts';
import { FETCH, type FetchedPartition, type FetchRequest } from '../../../replicator/wire/requests/fetch.ts';
import { INCREMENTAL_ALTER_CONFIGS } from '../../../replicator/wire/requests/incremental-alter-configs.ts';
import { INIT_PRODUCER_ID } from '../../../replicator/wire/requests/init-producer-id.ts';
import { EARLIEST, LATEST, LIST_OFFSETS } from '../../../replicator/wire/requests/list-offsets.ts';
import { METADATA } from '../../../replicator/wire/requests/metadata.ts';
import { OFFSET_FOR_LEADER_EPOCH } from '../../../replicator/wire/requests/offset-for-leader-epoch.ts';
import { PRODUCE } from '../../../replicator/wire/requests/produce.ts';
import type { Stack } from '../../../stack/stack.ts';
import { useStack } from '../../rig/rig.ts';
import {
  BATCH_TIME_MS,
  batchOf,
  coordinatorOf,
  endTransaction,
  openProducer,
  produceIn,
  ready,
} from './wire-transactions.ts';

const quiet = createLog('test', 'silent');
const NODE = 1;

describe('Kafka’s protocol with a real broker', function () {
  this.timeout(240_000);
  let stack: Stack;
  let kafka: KafkaCluster;
  let cluster: Cluster;
  let connection: BrokerConnection;
  let names = 0;

  before(async () => {
    stack = await useStack('kafka-edge');
    const brokers = [`127.0.0.1:${stack.ports.kafkaEdge}`];
    kafka = connectKafka({ brokers, clientId: 'oracle' }, quiet);
    cluster = new Cluster({ brokers, clientId: 'wire-test', log: quiet });
  });

  beforeEach(async () => {
    connection = await ready(() => cluster.connection(NODE, 'test'));
  });

  after(async () => {
    await cluster.close();
  });

  async function newTopic(partitions = 1, configs: Record<string, string> = {}): Promise<string> {
    const name = `wire-${process.pid}-${++names}`;
    const [created] = await connection.request(CREATE_TOPICS, {
      topics: [{ name, partitions, replicationFactor: -1, configs }],
      timeoutMs: 30_000,
    });
    equal(created!.errorCode, 0);
    await ready(
      () => cluster.topics([name]),
      (topics) => topics.get(name)?.partitions.every(({ leader }) => leader === NODE) === true,
    );
    await untilLed(name, partitions);
    return name;
  }

  /** The cluster names a leader a moment before that broker knows of it. */
  async function untilLed(topic: string, count: number): Promise<void> {
    const partitions = Array.from({ length: count }, (_, partition) => ({ partition, timestamp: LATEST }));
    await ready(
      () => connection.request(LIST_OFFSETS, { isolation: 'read_uncommitted', topics: [{ topic, partitions }] }),
      (results) => results.every(({ errorCode }) => errorCode === 0),
    );
  }

  async function infoOf(topic: string): Promise<TopicInfo> {
    return (await cluster.topics([topic])).get(topic)!;
  }

  async function produce(topic: string, values: readonly string[], partition = 0): Promise<number> {
    const [result] = await connection.request(PRODUCE, {
      transactionalId: null,
      timeoutMs: 10_000,
      topics: [{ topic, partitions: [{ partition, batch: batchOf(values) }] }],
    });
    equal(result!.errorCode, 0);
    return result!.baseOffset;
  }

  async function fetch(
    topicId: string,
    o: Partial<FetchRequest['topics'][number]['partitions'][number]> & Partial<Omit<FetchRequest, 'topics'>> = {},
    maxVersion = Number.POSITIVE_INFINITY,
  ): Promise<FetchedPartition> {
    const { maxWaitMs = 0, minBytes = 1, isolation = 'read_committed', ...partition } = o;
    const partitions = [
      { partition: 0, currentLeaderEpoch: -1, fetchOffset: 0, lastFetchedEpoch: -1, ...partition, maxBytes: 2 ** 20 },
    ];
    const answer = await connection.request(
      FETCH,
      { maxWaitMs, minBytes, isolation, maxBytes: 2 ** 22, topics: [{ topicId, partitions }] },
      { maxVersion },
    );
    equal(answer.errorCode, 0);
    equal(answer.partitions.length, 1);
    return answer.partitions[0]!;
  }

  /** The end of a transaction is answered a moment before its marker stands in the topic: it is read until something is there. */
  async function kafkajsReads(topic: string): Promise<string[]> {
    const signal = AbortSignal.timeout(120_000);
    for (;;) {
      const values: string[] = [];
      const onRecord = ({ value }: { readonly value: Buffer | null }): void => void values.push(String(value));
      await readTopic({ kafka, topic, onRecord, signal, log: quiet });
      if (values.length > 0) return values;
    }
  }

  async function withAdmin<T>(use: (admin: ReturnType<KafkaCluster['admin']>) => Promise<T>): Promise<T> {
    const admin = kafka.admin();
    await admin.connect();
    return use(admin).finally(() => admin.disconnect());
  }

  describe('about the cluster', () => {
    it('agrees with kafkajs on the cluster and its brokers', async () => {
      const theirs = await withAdmin((admin) => admin.describeCluster());
      equal(await cluster.clusterId(), theirs.clusterId);
      const { brokers, topics } = await connection.request(METADATA, { topics: [] });
      deepEqual(brokers, theirs.brokers);
      deepEqual(topics, []);
    });

    it('knows the finalized features', () => {
      equal(connection.feature('transaction.version'), 2);
      equal(connection.versionOf(PRODUCE), 12);
      equal(connection.versionOf(END_TXN), 5);
      equal(connection.versionOf(FETCH), 17);
    });

    it('agrees with kafkajs on a topic, by name and by id', async () => {
      const name = await newTopic(3);
      const { id, partitions } = await infoOf(name);
      const theirs = await withAdmin((admin) => admin.fetchTopicMetadata({ topics: [name] }));
      deepEqual(
        partitions.map(({ partition, leader }) => ({ partition, leader })),
        theirs.topics[0]!.partitions.map(({ partitionId, leader }) => ({ partition: partitionId, leader })).sort(
          (a, b) => a.partition - b.partition,
        ),
      );
      for (const maxVersion of [12, 13]) {
        const { topics } = await connection.request(METADATA, { topics: [{ topicId: id }] }, { maxVersion });
        equal(topics[0]!.name, name);
        equal(topics[0]!.partitions.length, 3);
      }
      const all = await connection.request(METADATA, { topics: null });
      ok(all.topics.some((topic) => topic.name === name && topic.topicId === id));
      const unknown = await connection.request(METADATA, { topics: [{ topicId: 'ASNFZ4mrze_-3LqYdlQyEA' }] });
      equal(unknown.topics[0]!.errorCode, BROKER_ERROR.UNKNOWN_TOPIC_ID);
    });

    it('never creates a topic by asking for it', async () => {
      equal((await cluster.topics(['wire-nobody-made-this'])).size, 0);
      ok(!(await withAdmin((admin) => admin.listTopics())).includes('wire-nobody-made-this'));
    });

    it('refuses a name that cannot be', async () => {
      await rejects(cluster.topics(['no/topic']), { code: 'KAFKA_REFUSED' });
    });
  });

  describe('about topics', () => {
    it('creates one with its settings, once', async () => {
      const name = await newTopic(2, { 'cleanup.policy': 'compact' });
      const again = { name, partitions: 2, replicationFactor: -1, configs: {} };
      const [second] = await connection.request(CREATE_TOPICS, { topics: [again], timeoutMs: 30_000 });
      equal(second!.errorCode, BROKER_ERROR.TOPIC_ALREADY_EXISTS);
      const onlyChecked = { ...again, name: `${name}-checked` };
      const [checked] = await connection.request(CREATE_TOPICS, {
        topics: [onlyChecked],
        timeoutMs: 30_000,
        validateOnly: true,
      });
      equal(checked!.errorCode, 0);
      const theirs = await withAdmin((admin) => admin.listTopics());
      deepEqual([theirs.includes(name), theirs.includes(onlyChecked.name)], [true, false]);
      const [configs] = await connection.request(DESCRIBE_CONFIGS, { resources: [{ type: 'topic', name }] });
      deepEqual(configs!.configs.get('cleanup.policy'), { value: 'compact', source: 'topic', readOnly: false });
    });

    it('grows one, and never shrinks it', async () => {
      const name = await newTopic(1);
      const grow = (count: number) =>
        connection.request(CREATE_PARTITIONS, { topics: [{ name, count }], timeoutMs: 30_000 });
      deepEqual(await grow(4), [{ name, errorCode: 0 }]);
      equal((await grow(2))[0]!.errorCode, BROKER_ERROR.INVALID_PARTITIONS);
      await ready(
        () => cluster.topics([name]),
        (topics) => topics.get(name)!.partitions.length === 4,
      );
      const theirs = await withAdmin((admin) => admin.fetchTopicMetadata({ topics: [name] }));
      equal(theirs.topics[0]!.partitions.length, 4);
    });

    it('changes one setting and leaves the others, and takes it back', async () => {
      const name = await newTopic(1, { 'retention.ms': '1000000' });
      const alter = (set: Record<string, string | null>) =>
        connection.request(INCREMENTAL_ALTER_CONFIGS, { resources: [{ type: 'topic', name, set }] });
      deepEqual(await alter({ 'max.message.bytes': '2000000' }), [{ name, errorCode: 0 }]);
      const values = async (): Promise<(string | null | undefined)[]> => {
        const keys = ['retention.ms', 'max.message.bytes'];
        const [described] = await connection.request(DESCRIBE_CONFIGS, { resources: [{ type: 'topic', name, keys }] });
        equal(described!.configs.size, 2);
        return keys.map((key) => described!.configs.get(key)?.value);
      };
      await ready(values, ([, bytes]) => bytes === '2000000');
      deepEqual(await values(), ['1000000', '2000000']);
      await alter({ 'max.message.bytes': null });
      await ready(values, ([, bytes]) => bytes !== '2000000');
      equal((await values())[0], '1000000');
      const [refused] = await alter({ 'cleanup.policy': 'nonsense' });
      equal(refused!.errorCode, BROKER_ERROR.INVALID_CONFIG);
    });

    it('reads the settings of a broker', async () => {
      const resources = [{ type: 'broker' as const, name: String(NODE), keys: ['message.max.bytes'] }];
      const [described] = await connection.request(DESCRIBE_CONFIGS, { resources });
      equal(Number(described!.configs.get('message.max.bytes')!.value), 1_048_588);
    });
  });

  describe('about records', () => {
    it('produces what kafkajs reads, and fetches what was produced, in every version', async () => {
      const topic = await newTopic();
      for (const [index, maxVersion] of [9, 10, 11, 12].entries()) {
        const [result] = await connection.request(
          PRODUCE,
          {
            transactionalId: null,
            timeoutMs: 10_000,
            topics: [{ topic, partitions: [{ partition: 0, batch: batchOf([`a${index}`, `b${index}`]) }] }],
          },
          { maxVersion },
        );
        deepEqual(result, { topic, partition: 0, errorCode: 0, baseOffset: 2 * index });
      }
      deepEqual(await kafkajsReads(topic), ['a0', 'b0', 'a1', 'b1', 'a2', 'b2', 'a3', 'b3']);
      const { id } = await infoOf(topic);
      for (const maxVersion of [13, 14, 15, 16, 17]) {
        const got = await fetch(id, { fetchOffset: 2 }, maxVersion);
        deepEqual([got.errorCode, got.highWatermark, got.lastStableOffset, got.logStartOffset], [0, 8, 8, 0]);
        equal(got.records.readBigInt64BE(0), 2n);
        deepEqual(got.records.subarray(61, 61 + 8), Buffer.concat(batchOf(['a1', 'b1'])).subarray(61, 61 + 8));
      }
    });

    it('sends many batches in one request, and says which one was refused', async () => {
      const topic = await newTopic(2);
      const broken = Buffer.concat(batchOf(['x']));
      broken[20]! ^= 1; // the checksum
      const results = await connection.request(PRODUCE, {
        transactionalId: null,
        timeoutMs: 10_000,
        topics: [
          {
            topic,
            partitions: [
              { partition: 0, batch: batchOf(['good']) },
              { partition: 1, batch: [broken] },
            ],
          },
          { topic: 'wire-nobody-made-this', partitions: [{ partition: 0, batch: batchOf(['x']) }] },
        ],
      });
      deepEqual(
        results.map(({ errorCode }) => errorCode).sort((a, b) => a - b),
        [0, BROKER_ERROR.CORRUPT_MESSAGE, BROKER_ERROR.UNKNOWN_TOPIC_OR_PARTITION],
      );
      deepEqual(await kafkajsReads(topic), ['good']);
    });

    it('pipelines: answers come in the order of the requests', async () => {
      const topic = await newTopic();
      const offsets = await Promise.all(Array.from({ length: 50 }, (_, index) => produce(topic, [`v${index}`])));
      deepEqual(
        offsets,
        Array.from({ length: 50 }, (_, index) => index),
      );
    });

    it('waits at the broker until there is something to read', async () => {
      const topic = await newTopic();
      const { id } = await infoOf(topic);
      const poll = await ready(() => cluster.connection(NODE, 'poll'));
      const partitions = [
        { partition: 0, currentLeaderEpoch: -1, fetchOffset: 0, lastFetchedEpoch: -1, maxBytes: 1_000 },
      ];
      const waiting = poll.request(
        FETCH,
        {
          maxWaitMs: 60_000,
          minBytes: 1,
          maxBytes: 1_000,
          isolation: 'read_committed',
          topics: [{ topicId: id, partitions }],
        },
        { timeoutMs: 90_000 },
      );
      await produce(topic, ['now']);
      equal((await waiting).partitions[0]!.records.readBigInt64BE(0), 0n);
    });

    it('lists first and last offsets and those of a time, as kafkajs does', async () => {
      const topic = await newTopic();
      await produce(topic, ['a', 'b', 'c']);
      const [theirs] = await withAdmin((admin) => admin.fetchTopicOffsets(topic));
      const listed = async (timestamp: number, maxVersion?: number): Promise<number> => {
        const topics = [{ topic, partitions: [{ partition: 0, timestamp }] }];
        const request = { isolation: 'read_committed' as const, topics };
        const [result] = await connection.request(
          LIST_OFFSETS,
          request,
          maxVersion === undefined ? {} : { maxVersion },
        );
        equal(result!.errorCode, 0);
        return result!.offset;
      };
      for (const maxVersion of [7, 8, 9]) {
        equal(await listed(EARLIEST, maxVersion), Number(theirs!.low));
        equal(await listed(LATEST, maxVersion), Number(theirs!.high));
      }
      equal(await listed(BATCH_TIME_MS), 0);
      equal(await listed(BATCH_TIME_MS + 1), -1);
    });

    it('tells a position past the end, a topic that was made anew, a leader that is outdated', async () => {
      const topic = await newTopic();
      const { id, partitions } = await infoOf(topic);
      await produce(topic, ['a']);
      equal((await fetch(id, { fetchOffset: 99 })).errorCode, BROKER_ERROR.OFFSET_OUT_OF_RANGE);
      equal((await fetch('ASNFZ4mrze_-3LqYdlQyEA')).errorCode, BROKER_ERROR.UNKNOWN_TOPIC_ID);
      const { leaderEpoch } = partitions[0]!;
      const later = await fetch(id, { currentLeaderEpoch: leaderEpoch + 1 });
      equal(later.errorCode, BROKER_ERROR.UNKNOWN_LEADER_EPOCH);
      equal(
        (await fetch(id, { currentLeaderEpoch: leaderEpoch, fetchOffset: 1, lastFetchedEpoch: leaderEpoch })).errorCode,
        0,
      );
    });

    it('tells where an epoch ended, and a log that lacks what was read', async () => {
      const topic = await newTopic();
      const { id, partitions } = await infoOf(topic);
      const { leaderEpoch } = partitions[0]!;
      await produce(topic, ['a', 'b']);
      const ask = { partition: 0, currentLeaderEpoch: leaderEpoch, leaderEpoch };
      const [end] = await connection.request(OFFSET_FOR_LEADER_EPOCH, { topics: [{ topic, partitions: [ask] }] });
      deepEqual(end, { topic, partition: 0, errorCode: 0, leaderEpoch, endOffset: 2 });
      // Whoever read offset 4 in this epoch read what is no longer there: the epoch ends at 2.
      const diverged = await fetch(id, { fetchOffset: 5, lastFetchedEpoch: leaderEpoch });
      deepEqual(diverged.divergingEpoch, { epoch: leaderEpoch, endOffset: 2 });
    });
  });

  for (const [protocol, isNew] of [
    ['transactions of KIP-890', true],
    ['transactions of the older protocol', false],
  ] as const) {
    describe(protocol, () => {
      const unique = (name: string): string => `wire-${process.pid}-${isNew ? 'new' : 'old'}-${name}`;

      it('commits and aborts; readers see what was committed, and the aborted list says the rest', async () => {
        const topic = await newTopic();
        const to = { topic, partition: 0 };
        const producer = await openProducer(cluster, unique('commits'));
        const epochs = [producer.producerEpoch];
        const ids = new Set<bigint>();
        for (const [value, committed] of [
          ['a', true],
          ['b', false],
          ['c', true],
          ['d', false],
        ] as const) {
          ids.add(producer.producerId);
          equal((await produceIn(cluster, producer, to, [value], isNew)).errorCode, 0);
          equal((await endTransaction(cluster, producer, committed, isNew)).errorCode, 0);
          epochs.push(producer.producerEpoch);
        }
        if (isNew)
          deepEqual(
            epochs,
            epochs.map((_, index) => epochs[0]! + index),
          );
        else equal(new Set(epochs).size, 1);
        equal(ids.size, 1);
        const got = await ready(
          async () => fetch((await infoOf(topic)).id),
          ({ lastStableOffset }) => lastStableOffset === 8,
        );
        deepEqual(got.aborted, [
          { producerId: [...ids][0], firstOffset: 2 },
          { producerId: [...ids][0], firstOffset: 6 },
        ]);
        deepEqual(await kafkajsReads(topic), ['a', 'c']);
      });

      it('shows an open transaction only to those who read uncommitted', async () => {
        const topic = await newTopic();
        const { id } = await infoOf(topic);
        const producer = await openProducer(cluster, unique('open'));
        equal((await produceIn(cluster, producer, { topic, partition: 0 }, ['open'], isNew)).errorCode, 0);
        const committed = await fetch(id);
        deepEqual([committed.highWatermark, committed.lastStableOffset, committed.records.length], [1, 0, 0]);
        ok((await fetch(id, { isolation: 'read_uncommitted' })).records.length > 61);
        equal((await endTransaction(cluster, producer, false, isNew)).errorCode, 0);
      });

      it('aborts what a producer left open when the next one with its id comes, and fences it off', async () => {
        const topic = await newTopic();
        const to = { topic, partition: 0 };
        const first = await openProducer(cluster, unique('fence'));
        equal((await produceIn(cluster, first, to, ['left open'], isNew)).errorCode, 0);
        const second = await openProducer(cluster, unique('fence'));
        equal(second.producerId, first.producerId);
        ok(second.producerEpoch > first.producerEpoch);
        const fenced: readonly number[] = [BROKER_ERROR.INVALID_PRODUCER_EPOCH, BROKER_ERROR.PRODUCER_FENCED];
        const late = await produceIn(cluster, first, to, ['too late'], isNew);
        ok(fenced.includes(late.errorCode), `error ${late.errorCode}`);
        const end = await endTransaction(cluster, { ...first }, true, isNew);
        equal(end.errorCode, BROKER_ERROR.PRODUCER_FENCED);
        equal((await produceIn(cluster, second, to, ['mine'], isNew)).errorCode, 0);
        equal((await endTransaction(cluster, second, true, isNew)).errorCode, 0);
        deepEqual(await kafkajsReads(topic), ['mine']);
      });
    });
  }

  it('gives a producer without transactions an id of its own, in every version', async () => {
    const request = { transactionalId: null, transactionTimeoutMs: 60_000 };
    const one = await ready(
      () => connection.request(INIT_PRODUCER_ID, request, { maxVersion: 4 }),
      ({ errorCode }) => errorCode === 0,
    );
    const two = await connection.request(INIT_PRODUCER_ID, request);
    ok(two.producerId > one.producerId);
    equal(one.producerEpoch, 0);
  });

  describe('when the broker fails', () => {
    it('closes the connection on a time-out while the broker is stopped, and works again afterwards', async () => {
      const pid = stack.pid('kafka-edge')!;
      const stopped = await cluster.connection(NODE, 'stopped');
      process.kill(pid, 'SIGSTOP');
      try {
        // On a busy machine the signal may arrive after a request or two.
        const untilItFails = async (): Promise<never> => {
          for (;;) await stopped.request(METADATA, { topics: [] }, { timeoutMs: 500 });
        };
        await rejects(untilItFails(), { code: 'KAFKA_UNAVAILABLE' });
        equal(stopped.closed, true);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      const again = await ready(() => cluster.connection(NODE, 'stopped'));
      equal((await again.request(METADATA, { topics: [] })).brokers.length, 1);
    });

    it('rejects what waits when the broker is killed, and reconnects when it is back', async () => {
      const topic = await newTopic();
      const { id } = await infoOf(topic);
      await produce(topic, ['before']);
      const coordinator = await coordinatorOf(cluster, 'wire-killed');
      const waiting = fetch(id, { fetchOffset: 1, maxWaitMs: 25_000 });
      const second = connection.request(METADATA, { topics: [] });
      const results = Promise.allSettled([waiting, second]);
      await stack.kill('kafka-edge');
      deepEqual(
        (await results).map((result) => result.status === 'rejected' && (result.reason as { code: string }).code),
        ['KAFKA_UNAVAILABLE', 'KAFKA_UNAVAILABLE'],
      );
      equal(connection.closed, true);
      await rejects(cluster.connection(NODE, 'test'), { code: 'KAFKA_UNAVAILABLE' });
      await stack.start('kafka-edge');
      connection = await ready(() => cluster.connection(NODE, 'test'));
      await ready(
        () => cluster.topics([topic]),
        (topics) => topics.get(topic)?.partitions[0]?.leader === NODE,
      );
      equal(await ready(() => produce(topic, ['after'])), 1);
      equal((await fetch(id, { fetchOffset: 0 })).highWatermark, 2);
      equal(coordinator.closed, true);
      ok(await coordinatorOf(cluster, 'wire-killed'));
    });
  });
});
