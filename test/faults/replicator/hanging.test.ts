import assert from 'node:assert/strict';
import { readdress } from '../../../common/kafka/batch/readdress.ts';
import { createLog } from '../../../common/log.ts';
import type { BatchToSend } from '../../../replicator/copy/lane-producer.ts';
import { PositionLog } from '../../../replicator/copy/position-log.ts';
import { offsetRanges } from '../../../replicator/copy/source-reader.ts';
import { transactionalIdOf } from '../../../replicator/lanes.ts';
import { Cluster, type TopicInfo } from '../../../replicator/wire/cluster.ts';
import type { BrokerConnection } from '../../../replicator/wire/connection.ts';
import { ADD_PARTITIONS_TO_TXN } from '../../../replicator/wire/requests/add-partitions-to-txn.ts';
import { END_TXN } from '../../../replicator/wire/requests/end-txn.ts';
import { FETCH } from '../../../replicator/wire/requests/fetch.ts';
import { INCREMENTAL_ALTER_CONFIGS } from '../../../replicator/wire/requests/incremental-alter-configs.ts';
import { INIT_PRODUCER_ID } from '../../../replicator/wire/requests/init-producer-id.ts';
import { PRODUCE } from '../../../replicator/wire/requests/produce.ts';
import { copyPerTest } from '../../rig/copy-per-test.ts';
import { eventually } from '../../rig/eventually.ts';

const LANE = 'up-bulk';
const BEFORE_KIP_890 = 11;
const log = createLog('test', 'silent');

type Ids = { readonly producerId: bigint; readonly producerEpoch: number };

describe('replicator: a transaction that the target has ended and left open', function () {
  this.timeout(180_000);
  const on = copyPerTest();
  const clusters: Cluster[] = [];
  const connect = (brokers: string) => {
    const cluster = new Cluster({ brokers: [brokers], clientId: 'test', log });
    clusters.push(cluster);
    return cluster;
  };

  /** Without the check a broker takes records of a transaction that its coordinator knows nothing of. */
  async function checkTransactions(enabled: boolean): Promise<void> {
    const set = { 'transaction.partition.verification.enable': enabled ? null : 'false' };
    const connection = await connect(on.at.brokers.cloud).anyConnection('test');
    const [answer] = await connection.request(INCREMENTAL_ALTER_CONFIGS, {
      resources: [{ type: 'broker', name: '', set }],
    });
    assert.equal(answer?.errorCode, 0);
  }

  beforeEach(() => checkTransactions(false));
  afterEach(async () => {
    await checkTransactions(true);
    for (const cluster of clusters.splice(0)) await cluster.close();
  });

  /** Some records are copied, and one batch more is at the source while no replicator runs. */
  async function oneBatchBehind(topic: string): Promise<void> {
    const { copy, at } = on;
    await copy.create(topic, { partitions: 1 });
    const replicator = await copy.startReady();
    await at.records.produce({
      brokers: at.brokers.edge,
      topic,
      count: 50,
      partitions: 1,
      compression: 'lz4',
      seed: 1,
    });
    await copy.untilCopied({ topic });
    await replicator.stop();
    await at.records.produce({
      brokers: at.brokers.edge,
      topic,
      count: 20,
      partitions: 1,
      compression: 'lz4',
      seed: 2,
    });
  }

  /** Writes what is behind as the lane would, and its new positions, and ends nothing. */
  async function leaveOpen(topic: string, commitPositions: boolean): Promise<void> {
    const [edge, cloud] = [connect(on.at.brokers.edge), connect(on.at.brokers.cloud)];
    const transactionalId = transactionalIdOf(on.copy.gatewayId, LANE);
    const coordinator = await cloud.transactionCoordinator(transactionalId, 'test');
    const ids = await coordinator.request(INIT_PRODUCER_ID, { transactionalId, transactionTimeoutMs: 60_000 });
    const positionLog = new PositionLog(on.copy.gatewayId, LANE);
    const topics = await cloud.topics([topic, positionLog.topic]);
    const source = (await edge.topics([topic])).get(topic)!;
    const positions = await positionLog.load(cloud, topics.get(positionLog.topic)!, 'test');
    const { offset } = positions.of(topic)!.partitions.get(0)!;
    const { records, next } = await fetched(edge, topic, source, offset);
    positions.set(topic, source.id, 0, { offset: next, epoch: -1 });
    const node = await cloud.connection(topics.get(topic)!.partitions[0]!.leader, 'test');
    await write(node, transactionalId, ids, [{ topic, partition: 0, bytes: records, records: 20 }]);
    if (commitPositions) {
      const { partition } = positionLog.placeIn(topics);
      const own = [{ topic: positionLog.topic, partitions: [partition] }];
      await coordinator.request(ADD_PARTITIONS_TO_TXN, { transactionalId, ...ids, topics: own });
    }
    await write(node, transactionalId, ids, [positionLog.batchOf(positions)]);
    if (!commitPositions) return;
    const ended = await coordinator.request(END_TXN, { transactionalId, ...ids, committed: true }, { maxVersion: 4 });
    assert.equal(ended.errorCode, 0);
  }

  async function settled(topic: string): Promise<void> {
    const { copy, at } = on;
    await copy.start();
    const [found] = await copy.settle({ topic });
    assert.deepEqual([found!.records, found!.missing, found!.repeated], [70, 0, 0]);
    assert.match(copy.said, /left a transaction open/);
    const cloud = connect(at.brokers.cloud);
    const { leader } = (await cloud.topics([topic])).get(topic)!.partitions[0]!;
    const place = [{ topic, partition: 0, leader }];
    const ends = async (isolation: 'read_committed' | 'read_uncommitted') =>
      (await offsetRanges(cloud, place, 'test', isolation)).get(`${topic}/0`)!.next;
    await eventually(
      'nothing is open',
      async () => (await ends('read_committed')) === (await ends('read_uncommitted')),
    );
  }

  it('takes back what is in it when its positions are open too, and copies that again', async () => {
    const topic = on.copy.topic('observations');
    await oneBatchBehind(topic);
    await leaveOpen(topic, false);
    await settled(topic);
  });

  it('brings in what is in it when its positions are committed', async () => {
    const topic = on.copy.topic('observations');
    await oneBatchBehind(topic);
    await leaveOpen(topic, true);
    await settled(topic);
  });
});

async function fetched(edge: Cluster, topic: string, { id, partitions }: TopicInfo, offset: number) {
  const { leader } = partitions[0]!;
  const connection = await edge.connection(leader, 'test');
  const asked = { partition: 0, currentLeaderEpoch: -1, fetchOffset: offset, lastFetchedEpoch: -1, maxBytes: 2 ** 20 };
  const { partitions: answers } = await connection.request(FETCH, {
    ...{ maxWaitMs: 1_000, minBytes: 1, maxBytes: 2 ** 20, isolation: 'read_committed' },
    topics: [{ topicId: id, partitions: [asked] }],
  });
  const { records } = answers[0]!;
  assert.equal(12 + records.readInt32BE(8), records.length, `${topic}: one batch`);
  return { records, next: offset + records.readInt32BE(57) };
}

async function write(node: BrokerConnection, transactionalId: string, ids: Ids, batches: readonly BatchToSend[]) {
  for (const { topic, partition, bytes } of batches) {
    readdress(bytes, 0, { ...ids, baseSequence: 0, transactional: true });
    const topics = [{ topic, partitions: [{ partition, batch: [bytes] }] }];
    const request = { transactionalId, timeoutMs: 10_000, topics };
    const [result] = await node.request(PRODUCE, request, { maxVersion: BEFORE_KIP_890 });
    assert.equal(result?.errorCode, 0);
  }
}
