import { messageOf, PlatformError } from '../errors.ts';
import type { KafkaCluster } from './client.ts';
import { kafkaError } from './errors.ts';
import type { FetchedPartition } from './fetch-answer.ts';
import { fetchPartition, type InnerCluster, openInnerCluster } from './kafkajs-fetch.ts';

export interface PartitionFetcherOptions {
  readonly kafka: KafkaCluster;
  readonly topic: string;
  readonly partition: number;
  /** Largest answer; a single larger batch comes nevertheless, alone. */
  readonly fetchBytes: number;
}

/**
 * Fetches one partition as the bytes that the broker keeps, without a group: nothing is decoded and no object is made for a record.
 * It has connections of its own, so that a long poll holds up nobody else. One call at a time.
 */
export class PartitionFetcher {
  readonly #o: PartitionFetcherOptions;
  #cluster: InnerCluster | undefined;
  #closed = false;

  constructor(o: PartitionFetcherOptions) {
    this.#o = o;
  }

  /**
   * What stands at the offset and behind it, only what is committed; empty after `maxWaitMs` when there is nothing. The batches may begin
   * before the offset, and those of aborted transactions are among them: see FetchedRecords.
   * Errors: KAFKA_UNAVAILABLE (also while the leader moves), KAFKA_REFUSED, KAFKA_OFFSET_GONE when the partition does not have the offset,
   * SHUTTING_DOWN once it is closed.
   */
  async fetch(offset: number, maxWaitMs: number): Promise<FetchedPartition> {
    const { topic, partition, fetchBytes } = this.#o;
    if (this.#closed) throw closedError();
    try {
      const cluster = this.#cluster ?? (await this.#open());
      return await fetchPartition(cluster, { topic, partition, offset, maxWaitMs, maxBytes: fetchBytes });
    } catch (error) {
      // A new one looks for the leader anew.
      await this.#drop();
      if (this.#closed) throw closedError();
      if (error instanceof PlatformError) throw error;
      throw kafkaError(error, `fetching ${topic}/${partition}`);
    }
  }

  /** For good; a fetch that is on its way fails. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#drop();
  }

  async #drop(): Promise<void> {
    const old = this.#cluster;
    this.#cluster = undefined;
    await old?.disconnect().catch((error: unknown) => void messageOf(error));
  }

  async #open(): Promise<InnerCluster> {
    const cluster = openInnerCluster(this.#o.kafka);
    try {
      await cluster.connect();
      await cluster.addTargetTopic(this.#o.topic);
      if (this.#closed) throw closedError();
    } catch (error) {
      await cluster.disconnect().catch(() => undefined);
      throw error;
    }
    this.#cluster = cluster;
    return cluster;
  }
}

function closedError(): PlatformError {
  return new PlatformError('SHUTTING_DOWN', 'the fetcher is closed');
}
