import { equal } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeBatch, encodeRecords } from '../../../common/kafka/record-batch.ts';
import { BROKER_ERROR } from '../../../replicator/wire/broker-errors.ts';
import type { Cluster } from '../../../replicator/wire/cluster.ts';
import type { BrokerConnection } from '../../../replicator/wire/connection.ts';
import { ADD_PARTITIONS_TO_TXN } from '../../../replicator/wire/requests/add-partitions-to-txn.ts';
import { END_TXN, type EndTxnResponse } from '../../../replicator/wire/requests/end-txn.ts';
import { INIT_PRODUCER_ID } from '../../../replicator/wire/requests/init-producer-id.ts';
import { PRODUCE, type ProducedPartition } from '../../../replicator/wire/requests/produce.ts';

/** Of all batches; a broker starts a new segment when the times of a log's records are far apart, and a fetch ends with a segment. */
export const BATCH_TIME_MS = Date.now();
const TRANSACTIONAL = 0x10;
/** Those of a coordinator that is being made, or still busy with the end of the transaction before. */
const NOT_YET: readonly number[] = [
  BROKER_ERROR.COORDINATOR_LOAD_IN_PROGRESS,
  BROKER_ERROR.COORDINATOR_NOT_AVAILABLE,
  BROKER_ERROR.NOT_COORDINATOR,
  BROKER_ERROR.CONCURRENT_TRANSACTIONS,
];

/** Repeats what fails for a while because the broker is not ready. */
export async function ready<T>(attempt: () => Promise<T>, isReady: (value: T) => boolean = () => true): Promise<T> {
  for (const deadline = Date.now() + 60_000; ; await sleep(50)) {
    const result = await attempt().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    if ('value' in result && isReady(result.value)) return result.value;
    if (Date.now() < deadline) continue;
    if ('error' in result) throw result.error;
    return result.value;
  }
}

export interface ProducerState {
  readonly transactionalId: string;
  producerId: bigint;
  producerEpoch: number;
  /** Of the next batch; from 0 again in each new epoch. These tests write to one partition each. */
  sequence: number;
}

export async function coordinatorOf(cluster: Cluster, transactionalId: string): Promise<BrokerConnection> {
  return ready(() => cluster.transactionCoordinator(transactionalId, 'transaction'));
}

/** Opens a producer, which fences off those with the same id. */
export async function openProducer(cluster: Cluster, transactionalId: string): Promise<ProducerState> {
  const coordinator = await coordinatorOf(cluster, transactionalId);
  const answer = await ready(
    () => coordinator.request(INIT_PRODUCER_ID, { transactionalId, transactionTimeoutMs: 60_000 }),
    ({ errorCode }) => !NOT_YET.includes(errorCode),
  );
  equal(answer.errorCode, 0);
  return { transactionalId, producerId: answer.producerId, producerEpoch: answer.producerEpoch, sequence: 0 };
}

/** One batch of such values in two chunks, as header and body come in the replicator. */
export function batchOf(values: readonly string[], producer?: ProducerState): Buffer[] {
  const batch = encodeBatch(
    {
      attributes: producer === undefined ? 0 : TRANSACTIONAL,
      lastOffsetDelta: values.length - 1,
      firstTimestamp: BigInt(BATCH_TIME_MS),
      maxTimestamp: BigInt(BATCH_TIME_MS),
      producerId: producer?.producerId ?? -1n,
      producerEpoch: producer?.producerEpoch ?? -1,
      firstSequence: producer?.sequence ?? -1,
      recordCount: values.length,
    },
    encodeRecords(values.map((value, offsetDelta) => ({ value, offsetDelta, timestampDelta: 0 }))),
  );
  return [batch.subarray(0, 61), batch.subarray(61)];
}

/** @param newProtocol false: the partition is added by a request of its own, in versions before KIP-890 */
export async function produceIn(
  cluster: Cluster,
  producer: ProducerState,
  to: { readonly topic: string; readonly partition: number },
  values: readonly string[],
  newProtocol = true,
): Promise<ProducedPartition> {
  const { transactionalId, producerId, producerEpoch } = producer;
  if (!newProtocol) {
    const coordinator = await coordinatorOf(cluster, transactionalId);
    const topics = [{ topic: to.topic, partitions: [to.partition] }];
    const added = await ready(
      () => coordinator.request(ADD_PARTITIONS_TO_TXN, { transactionalId, producerId, producerEpoch, topics }),
      ([result]) => !NOT_YET.includes(result!.errorCode),
    );
    if (added[0]!.errorCode !== 0) return { ...added[0]!, baseOffset: -1 };
  }
  const connection = await cluster.connection(1, 'produce');
  const partitions = [{ partition: to.partition, batch: batchOf(values, producer) }];
  const [result] = await ready(
    () =>
      connection.request(
        PRODUCE,
        { transactionalId, timeoutMs: 10_000, topics: [{ topic: to.topic, partitions }] },
        newProtocol ? {} : { maxVersion: 11 },
      ),
    ([answer]) => !NOT_YET.includes(answer!.errorCode),
  );
  producer.sequence += values.length;
  return result!;
}

/** Ends the transaction; the producer carries on with the epoch it is given, if any. */
export async function endTransaction(
  cluster: Cluster,
  producer: ProducerState,
  committed: boolean,
  newProtocol = true,
): Promise<EndTxnResponse> {
  const coordinator = await coordinatorOf(cluster, producer.transactionalId);
  const answer = await ready(
    () => coordinator.request(END_TXN, { ...producer, committed }, newProtocol ? {} : { maxVersion: 4 }),
    ({ errorCode }) => !NOT_YET.includes(errorCode),
  );
  if (answer.producerId !== undefined) producer.sequence = 0;
  producer.producerId = answer.producerId ?? producer.producerId;
  producer.producerEpoch = answer.producerEpoch ?? producer.producerEpoch;
  return answer;
}
