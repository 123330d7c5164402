import { randomUUID } from 'node:crypto';
import { messageOf, PlatformError } from '../../common/errors.ts';
import { KafkaBatchSender } from '../../common/kafka/batch-sender.ts';
import type { KafkaCluster } from '../../common/kafka/client.ts';
import { CommittingProducer } from '../../common/kafka/committing-producer.ts';
import type { ConsumedRecord } from '../../common/kafka/consumer.ts';
import { followTopic } from '../../common/kafka/follow-topic.ts';
import { ensureTopics, offsetRanges } from '../../common/kafka/topics.ts';
import { backoffMs, sleep, untilDone } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';

/** Longest wait for a write to be seen by those who read. */
const WRITE_TIMEOUT_MS = 30_000;
const WRITE_HEADER = 'zeelos.write';

export interface CompactedTableOptions {
  readonly kafka: KafkaCluster;
  readonly topic: string;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** In the order of the topic, each once; `value` is undefined once a key is gone. `live`: it was written since this table was opened. */
  onRecord(key: string, value: unknown, live: boolean): void;
}

/** A table by key in a compacted topic of one partition, which several processes write and read: the order of the topic decides. */
export class CompactedTable {
  readonly #o: CompactedTableOptions;
  readonly #producer: CommittingProducer;
  readonly #waiting = new Map<string, () => void>();
  readonly #caughtUp = Promise.withResolvers<void>();
  #following: Promise<void> = Promise.resolve();
  #nextOffset = 0n;
  #end = 0n;
  #live = false;

  private constructor(o: CompactedTableOptions) {
    this.#o = o;
    this.#producer = new CommittingProducer(new KafkaBatchSender(o.kafka, o.log), o.log);
  }

  /** Resolves once everything that stood in the topic was told; waits for Kafka as long as it takes. Undefined when aborted before. */
  static async open(o: CompactedTableOptions): Promise<CompactedTable | undefined> {
    const table = new CompactedTable(o);
    const end = await untilDone(`preparing ${o.topic}`, o, async () => {
      await ensureTopics(o.kafka, [{ topic: o.topic, partitions: 1, settings: { 'cleanup.policy': 'compact' } }]);
      return (await offsetRanges(o.kafka, o.topic))[0];
    });
    if (end === undefined) return undefined;
    table.#end = end.next > end.first ? end.next : 0n;
    table.#following = table.#follow();
    if (table.#end === 0n) table.#becomeLive();
    await Promise.race([table.#caughtUp.promise, table.#following]);
    return o.signal.aborted ? undefined : table;
  }

  /** Resolves once this table has read what it wrote. Null removes the key. Errors: KAFKA_UNAVAILABLE (retriable). */
  async put(key: string, value: unknown): Promise<void> {
    const { topic } = this.#o;
    const id = randomUUID();
    const { promise: seen, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(id, resolve);
    const bytes = value === null ? null : Buffer.from(JSON.stringify(value));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new PlatformError('KAFKA_UNAVAILABLE', `${topic} did not take a record in ${WRITE_TIMEOUT_MS} ms`);
      timer = setTimeout(() => reject(error), WRITE_TIMEOUT_MS);
    });
    try {
      const record = { topic, key: Buffer.from(key), value: bytes, headers: { [WRITE_HEADER]: id } };
      // A table that is being closed reads no more.
      const done = this.#o.signal.aborted ? undefined : seen;
      await Promise.race([Promise.all([this.#producer.commit(record), done]), late]);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** After the signal of the options was aborted. */
  async close(): Promise<void> {
    await this.#producer.close();
    await this.#following;
  }

  async #follow(): Promise<void> {
    const { kafka, topic, signal, log } = this.#o;
    const onRecord = (record: ConsumedRecord) => this.#take(record);
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await followTopic({ kafka, topic, from: 'beginning', onRecord, signal, log });
      } catch (error) {
        if (attempt === 0) log.warn({ topic, reason: messageOf(error) }, 'reading broke off; it goes on by itself');
      }
      await sleep(backoffMs(attempt), signal);
    }
  }

  #take(record: ConsumedRecord): void {
    const offset = BigInt(record.offset);
    if (offset < this.#nextOffset) return;
    this.#nextOffset = offset + 1n;
    this.#tell(record);
    if (!this.#live && this.#nextOffset >= this.#end) this.#becomeLive();
    this.#waiting.get(String(record.headers?.[WRITE_HEADER] ?? ''))?.();
  }

  /** What nobody of ours wrote is left out, not fatal. */
  #tell({ key, value, offset }: ConsumedRecord): void {
    if (key === null) return;
    let content: unknown;
    try {
      content = value === null ? undefined : JSON.parse(value.toString());
    } catch {
      this.#o.log.warn({ topic: this.#o.topic, offset }, 'a record that is no JSON is left out');
      return;
    }
    try {
      this.#o.onRecord(key.toString(), content, this.#live);
    } catch (error) {
      this.#o.log.error({ topic: this.#o.topic, offset, err: error }, 'a record that cannot be taken is left out');
    }
  }

  #becomeLive(): void {
    this.#live = true;
    this.#caughtUp.resolve();
  }
}
