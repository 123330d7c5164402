import type { KafkaCluster } from '../common/kafka/client.ts';
import type { ConsumedBatch } from '../common/kafka/consumer.ts';
import { committedOffsets, offsetRanges } from '../common/kafka/topics.ts';

/**
 * How far each source partition is copied, and what was deleted at the source before that. Kafka itself says nothing when
 * retention overtakes a reader: it goes on with the oldest record that is left.
 */
export class Positions {
  readonly #kafka: KafkaCluster;
  readonly #groupId: string;
  /** topic → partition → next offset to copy */
  readonly #next = new Map<string, Map<number, bigint>>();

  constructor(kafka: KafkaCluster, groupId: string) {
    this.#kafka = kafka;
    this.#groupId = groupId;
  }

  /**
   * Reads where the group stands. To be done before consuming: kafkajs overwrites an offset that the source no longer has,
   * and what was lost could not be told then. Errors: KAFKA_UNAVAILABLE.
   */
  async load(topics: readonly string[]): Promise<void> {
    for (const topic of topics) await this.#of(topic);
  }

  /**
   * Records of this partition that the source deleted before they were copied. Offsets that are missing for another reason
   * (markers of transactions) are none. Errors: KAFKA_UNAVAILABLE.
   */
  async lostBefore(batch: ConsumedBatch): Promise<bigint> {
    const expected = (await this.#of(batch.topic)).get(batch.partition) ?? 0n;
    const first = BigInt(batch.records[0]!.offset);
    if (first <= expected) return 0n;
    const ranges = await offsetRanges(this.#kafka, batch.topic);
    const oldest = ranges.find(({ partition }) => partition === batch.partition)?.first ?? 0n;
    if (oldest <= expected) return 0n;
    if (oldest >= first) return first - expected;
    return oldest - expected;
  }

  advance(topic: string, partition: number, next: bigint): void {
    let partitions = this.#next.get(topic);
    if (partitions === undefined) {
      partitions = new Map();
      this.#next.set(topic, partitions);
    }
    partitions.set(partition, next);
  }

  /** Records that wait at the source. Errors: KAFKA_UNAVAILABLE. */
  async lagOf(topic: string): Promise<number> {
    const ranges = await offsetRanges(this.#kafka, topic);
    const positions = await this.#of(topic);
    let lag = 0n;
    for (const { partition, first, next } of ranges) {
      const position = positions.get(partition) ?? first;
      const deleted = first > position ? first - position : 0n;
      const left = next - position - deleted;
      if (left > 0n) lag += left;
    }
    return Number(lag);
  }

  async #of(topic: string): Promise<Map<number, bigint>> {
    let partitions = this.#next.get(topic);
    if (partitions === undefined) {
      const committed = await committedOffsets(this.#kafka, this.#groupId, topic);
      // Asked twice at once: what was advanced meanwhile is newer.
      partitions = this.#next.get(topic) ?? new Map(committed);
      this.#next.set(topic, partitions);
    }
    return partitions;
  }
}
