import { PlatformError } from '../../common/errors.ts';
import { readdress } from '../../common/kafka/batch/readdress.ts';
import { sleep } from '../../common/lifecycle.ts';
import { BROKER_ERROR, brokerError, isFencedBrokerError } from '../wire/broker-errors.ts';
import type { Cluster, TopicInfo } from '../wire/cluster.ts';
import type { BrokerConnection } from '../wire/connection.ts';
import { transactionsV2 } from '../wire/features.ts';
import { ADD_PARTITIONS_TO_TXN } from '../wire/requests/add-partitions-to-txn.ts';
import { END_TXN } from '../wire/requests/end-txn.ts';
import { INIT_PRODUCER_ID } from '../wire/requests/init-producer-id.ts';
import { PRODUCE, type ProducedPartition } from '../wire/requests/produce.ts';

/** A record batch for a partition of the target; its header still names another producer, or none. */
export interface BatchToSend {
  readonly topic: string;
  readonly partition: number;
  /** Exactly one batch. Its header is rewritten when it is sent, and its bytes must not change until that is answered. */
  readonly bytes: Buffer;
  readonly records: number;
}

export interface LaneProducerOptions {
  readonly cluster: Cluster;
  /** The lane: its requests have connections of their own. */
  readonly purpose: string;
  /** Undefined for a producer that is idempotent only. */
  readonly transactionalId: string | undefined;
  readonly signal: AbortSignal;
}

interface ProducerIds {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** After a kill the open transaction hides what follows it from readers of committed records, until the next start or this. */
const TRANSACTION_TIMEOUT_MS = 60_000;
const PRODUCE_TIMEOUT_MS = 30_000;
/** The coordinator still ends the transaction before: a matter of milliseconds. */
const CONCURRENT_PAUSE_MS = 5;
const SEQUENCES = 2 ** 31;

/**
 * Writes batches to the target under one producer id, one transaction at a time. It repeats nothing: after any error the caller
 * opens it anew and begins again at the committed positions, so that what is in flight is bounded by bytes only and its order holds.
 */
export class LaneProducer {
  readonly #o: LaneProducerOptions;
  #ids: ProducerIds | undefined;
  readonly #sequences = new Map<string, number>();
  readonly #inTransaction = new Set<string>();
  #topics: ReadonlyMap<string, TopicInfo> = new Map();
  readonly #connections = new Map<number, BrokerConnection>();
  #coordinator: BrokerConnection | undefined;
  #hasVersion2 = false;
  /** The transaction is under way at the coordinator: until then only its first request is sent. */
  #begun: Promise<void> | undefined;

  constructor(options: LaneProducerOptions) {
    this.#o = options;
  }

  /**
   * Takes a producer id, which ends what an earlier one left open, and connects to the leaders of the topics.
   * Errors: REPLICATOR_FENCED when another replicator took the transactional id since we had it; KAFKA_UNAVAILABLE, KAFKA_REFUSED.
   */
  async open(topics: ReadonlyMap<string, TopicInfo>): Promise<void> {
    const { cluster, purpose, transactionalId } = this.#o;
    this.#topics = topics;
    this.#connections.clear();
    this.#sequences.clear();
    this.#inTransaction.clear();
    this.#begun = undefined;
    this.#coordinator =
      transactionalId === undefined ? undefined : await cluster.transactionCoordinator(transactionalId, purpose);
    const asked = this.#coordinator ?? (await cluster.anyConnection(purpose));
    this.#hasVersion2 = transactionsV2((name) => asked.feature(name));
    this.#ids = await this.#initProducerId(asked);
    const leaders = new Set([...topics.values()].flatMap(({ partitions }) => partitions.map(({ leader }) => leader)));
    for (const node of leaders) if (node >= 0) this.#connections.set(node, await cluster.connection(node, purpose));
  }

  /** Ends requests that are under way; what became of them is not known. */
  close(): void {
    for (const connection of this.#connections.values()) connection.close();
    this.#coordinator?.close();
  }

  async #initProducerId(connection: BrokerConnection): Promise<ProducerIds> {
    const { transactionalId = null, signal } = this.#o;
    const transactionTimeoutMs = TRANSACTION_TIMEOUT_MS;
    const previous = transactionalId === null ? undefined : this.#ids;
    for (let left = TRANSACTION_TIMEOUT_MS / CONCURRENT_PAUSE_MS; !signal.aborted; left--) {
      const answer = await connection.request(INIT_PRODUCER_ID, { transactionalId, transactionTimeoutMs, previous });
      if (answer.errorCode === 0) return answer;
      if (isFencedBrokerError(answer.errorCode)) throw fenced(transactionalId);
      if (answer.errorCode !== BROKER_ERROR.CONCURRENT_TRANSACTIONS || left === 0)
        throw brokerError(answer.errorCode, `taking the producer id of ${transactionalId}`);
      await sleep(CONCURRENT_PAUSE_MS, signal);
    }
    throw new PlatformError('SHUTTING_DOWN', 'no producer id was taken');
  }

  /**
   * Sends batches, at most one of each partition; in the order of the calls, many of which may be under way. Resolves when all are
   * written. Errors: the broker's, with topic and partition in its details.
   */
  async produce(batches: readonly BatchToSend[]): Promise<void> {
    if (this.#o.transactionalId === undefined) return await this.#sendAll(batches);
    if (this.#hasVersion2 && this.#begun === undefined) {
      this.#begun = this.#sendFirst(batches);
      return await this.#begun;
    }
    // Whoever waits for the same promise goes on in the order in which it came.
    if (!this.#hasVersion2) this.#begun = (this.#begun ?? Promise.resolve()).then(() => this.#addPartitions(batches));
    await this.#begun;
    await this.#sendAll(batches);
  }

  /** While the coordinator still ends the transaction before, it takes nothing of the next. */
  async #sendFirst(batches: readonly BatchToSend[]): Promise<void> {
    for (;;) {
      try {
        return await this.#sendAll(batches);
      } catch (error) {
        if (!isConcurrent(error) || this.#o.signal.aborted) throw error;
      }
      this.#sequences.clear();
      await sleep(CONCURRENT_PAUSE_MS, this.#o.signal);
    }
  }

  async #sendAll(batches: readonly BatchToSend[]): Promise<void> {
    const byNode = new Map<number, BatchToSend[]>();
    for (const batch of batches) {
      const node = this.#leaderOf(batch);
      const group = byNode.get(node);
      if (group === undefined) byNode.set(node, [batch]);
      else group.push(batch);
    }
    const sent: Promise<void>[] = [];
    for (const [node, group] of byNode) sent.push(this.#send(this.#connections.get(node)!, group));
    await Promise.all(sent);
  }

  #leaderOf({ topic, partition }: BatchToSend): number {
    const leader = this.#topics.get(topic)?.partitions[partition]?.leader ?? -1;
    if (leader >= 0 && this.#connections.has(leader)) return leader;
    throw new PlatformError('KAFKA_UNAVAILABLE', `${topic}/${partition} has no leader at the target now`);
  }

  async #send(connection: BrokerConnection, batches: readonly BatchToSend[]): Promise<void> {
    const topics = new Map<string, { partition: number; batch: Buffer[] }[]>();
    for (const batch of batches) {
      this.#address(batch);
      const entry = { partition: batch.partition, batch: [batch.bytes] };
      const entries = topics.get(batch.topic);
      if (entries === undefined) topics.set(batch.topic, [entry]);
      else entries.push(entry);
    }
    const results = await connection.request(
      PRODUCE,
      {
        transactionalId: this.#o.transactionalId ?? null,
        timeoutMs: PRODUCE_TIMEOUT_MS,
        topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
      },
      { timeoutMs: PRODUCE_TIMEOUT_MS },
    );
    for (const result of results) if (result.errorCode !== 0) throw writeError(result);
  }

  /** A batch gets the next sequence numbers of its partition, by which the target knows that none is missing or doubled. */
  #address({ topic, partition, bytes, records }: BatchToSend): void {
    const name = `${topic}/${partition}`;
    const baseSequence = this.#sequences.get(name) ?? 0;
    this.#sequences.set(name, (baseSequence + records) % SEQUENCES);
    readdress(bytes, 0, { ...this.#ids!, baseSequence, transactional: this.#o.transactionalId !== undefined });
  }

  /**
   * Ends for these partitions whatever is open in them under our producer id, without writing to them. In the protocol of before
   * KIP-890, which names partitions for themselves; the producer id is taken anew afterwards. Before the first `produce` only.
   */
  async settle(
    partitions: readonly { readonly topic: string; readonly partition: number }[],
    committed: boolean,
  ): Promise<void> {
    const { transactionalId } = this.#o;
    if (transactionalId === undefined) return;
    await this.#addPartitions(partitions);
    const request = { transactionalId, ...this.#ids!, committed };
    const { errorCode } = await this.#coordinator!.request(END_TXN, request, { maxVersion: 4 });
    if (errorCode !== 0) throw brokerError(errorCode, `ending a transaction of ${transactionalId}`);
    this.#inTransaction.clear();
    this.#ids = await this.#initProducerId(this.#coordinator!);
  }

  async #addPartitions(batches: readonly { readonly topic: string; readonly partition: number }[]): Promise<void> {
    const added = new Map<string, number[]>();
    for (const { topic, partition } of batches) {
      const name = `${topic}/${partition}`;
      if (this.#inTransaction.has(name)) continue;
      this.#inTransaction.add(name);
      added.set(topic, [...(added.get(topic) ?? []), partition]);
    }
    if (added.size === 0) return;
    const request = {
      transactionalId: this.#o.transactionalId!,
      ...this.#ids!,
      topics: [...added].map(([topic, partitions]) => ({ topic, partitions })),
    };
    for (;;) {
      const results = await this.#coordinator!.request(ADD_PARTITIONS_TO_TXN, request);
      const failed = results.find(({ errorCode }) => errorCode !== 0);
      if (failed === undefined) return;
      if (failed.errorCode !== BROKER_ERROR.CONCURRENT_TRANSACTIONS) throw writeError(failed);
      await sleep(CONCURRENT_PAUSE_MS, this.#o.signal);
      if (this.#o.signal.aborted) throw new PlatformError('SHUTTING_DOWN', 'the transaction was given up');
    }
  }

  /**
   * Ends the transaction; everything in it is visible, or never will be. Nothing may be under way. Without transactions it does nothing.
   * An error of a commit leaves open which of the two it is: the positions tell, once the producer is opened anew.
   */
  async end(committed: boolean): Promise<void> {
    const { transactionalId } = this.#o;
    if (transactionalId === undefined) return;
    const { errorCode, producerId, producerEpoch } = await this.#coordinator!.request(END_TXN, {
      transactionalId,
      ...this.#ids!,
      committed,
    });
    if (errorCode !== 0) throw brokerError(errorCode, `ending a transaction of ${transactionalId}`);
    this.#inTransaction.clear();
    this.#begun = undefined;
    // Each transaction has an epoch of its own (KIP-890), and sequences begin anew with it.
    if (producerId === undefined || producerEpoch === undefined) return;
    this.#ids = { producerId, producerEpoch };
    this.#sequences.clear();
  }
}

function writeError(result: Omit<ProducedPartition, 'baseOffset'>): PlatformError {
  const { topic, partition, errorCode, message } = result;
  const error = brokerError(errorCode, `writing to ${topic}/${partition}`);
  return new PlatformError(error.code, message === undefined ? error.message : `${error.message} (${message})`, {
    details: { ...error.details, errorCode, topic, partition },
  });
}

function isConcurrent(error: unknown): boolean {
  return error instanceof PlatformError && error.details.errorCode === BROKER_ERROR.CONCURRENT_TRANSACTIONS;
}

function fenced(transactionalId: string | null): PlatformError {
  return new PlatformError('REPLICATOR_FENCED', `another replicator took over ${transactionalId}`);
}
