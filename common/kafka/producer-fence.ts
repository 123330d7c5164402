import { sleep } from '../lifecycle.ts';
import { brokerErrorType } from './errors.ts';

/** The part of kafkajs's manager of producer ids that a fence needs. */
export interface ProducerIds {
  isTransactional(): boolean;
  initProducerId(): Promise<void>;
  beginTransaction(): void;
  addPartitionsToTransaction(
    topics: readonly { topic: string; partitions: readonly { partition: number }[] }[],
  ): Promise<void>;
  commit(): Promise<void>;
}

interface Cluster {
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[];
}

export interface FenceOptions {
  /** Whoever opens a producer under this name last is the only one whom the broker lets write. */
  readonly id: string;
  /** All topics that are written through the producer; they must exist. */
  readonly topics: readonly string[];
}

const ATTEMPTS = 100;
const PAUSE_MS = 50;

/**
 * Lets one producer of several write: the broker's own fencing of transactional producers (KIP-98), without transactions.
 *
 * Under a transactional id the broker gives every new producer the same producer id with the next epoch. A partition refuses a lower
 * epoch than the highest it has seen, and it has seen an epoch once the end of a transaction stands in it. So a producer that opens
 * ends one empty transaction on all its partitions; after that its batches are ordinary idempotent ones, at no further cost.
 *
 * A fence stands in the place of the transactional id that kafkajs asks for, and finds its way from there (see kafkajs.ts).
 */
export class ProducerFence {
  readonly id: string;
  readonly topics: readonly string[];
  #ids: ProducerIds | undefined;
  #cluster: Cluster | undefined;

  constructor({ id, topics }: FenceOptions) {
    this.id = id;
    this.topics = topics;
  }

  /** @param ids of a transactional producer */
  guard<T extends ProducerIds>(ids: T, cluster: Cluster): T {
    this.#ids = ids;
    this.#cluster = cluster;
    const initProducerId = async (): Promise<void> => {
      await ids.initProducerId();
      await this.mark();
    };
    return { ...ids, isTransactional: () => false, initProducerId };
  }

  /**
   * Tells every partition our epoch. Also keeps the broker from forgetting id (transactional.id.expiration.ms) and epoch
   * (producer.id.expiration.ms). Nothing may be in flight. Rejects with kafkajs's error when another producer was opened meanwhile.
   */
  async mark(): Promise<void> {
    await this.#cluster!.addMultipleTargetTopics(this.topics);
    await this.#endTransactionOn(this.topics);
    // The answer to the end of a transaction comes before it stands in the partitions; the next one begins only after that.
    await this.#endTransactionOn(this.topics.slice(0, 1));
  }

  async #endTransactionOn(topics: readonly string[]): Promise<void> {
    const ids = this.#ids!;
    ids.beginTransaction();
    for (let attempt = 0; ; attempt++) {
      try {
        await ids.addPartitionsToTransaction(topics.map((topic) => ({ topic, partitions: this.#partitionsOf(topic) })));
        break;
      } catch (error) {
        if (brokerErrorType(error) !== 'CONCURRENT_TRANSACTIONS' || attempt === ATTEMPTS) throw error;
        await sleep(PAUSE_MS);
      }
    }
    await ids.commit();
  }

  #partitionsOf(topic: string): { partition: number }[] {
    return this.#cluster!.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ partition: partitionId }));
  }
}
