import { hasCode } from '../common/errors.ts';
import { KafkaBatchSender } from '../common/kafka/batch-sender.ts';
import type { KafkaCluster } from '../common/kafka/client.ts';
import { CommittingProducer } from '../common/kafka/committing-producer.ts';
import { ensureTopics } from '../common/kafka/topics.ts';
import type { Log } from '../common/log.ts';
import type { PoisonRecord } from './decode.ts';

export const DEAD_LETTER_HEADERS = {
  code: 'zeelos.dlq.code',
  message: 'zeelos.dlq.message',
  /** name of the connector that set it aside; absent of one with a process of its own */
  connector: 'zeelos.dlq.connector',
  topic: 'zeelos.dlq.topic',
  partition: 'zeelos.dlq.partition',
  offset: 'zeelos.dlq.offset',
  /** ISO 8601, when it was set aside */
  time: 'zeelos.dlq.time',
  /** ms since 1970, the record's own timestamp in its topic */
  timestamp: 'zeelos.dlq.timestamp',
  /** present when key and value were too large to repeat: their bytes together */
  omittedBytes: 'zeelos.dlq.omitted-bytes',
} as const;

/** Letters that are under way at once; with 1 MiB records this stays far below the producer's backlog limit. */
const LETTERS_AT_ONCE = 25;
const MESSAGE_CHARACTERS = 500;
/** A record that just fits its own topic (message.max.bytes, 1 MiB) no longer fits with the headers. */
const LETTER_BYTES = 1_000_000;

export function deadLetterTopic(topic: string): string {
  return `${topic}.dlq`;
}

/** Where the records stood. */
export interface Source {
  readonly topic: string;
  readonly partition: number;
}

/** Writes what can't be stored to `<topic>.dlq`, with the source's bytes and the reason. */
export class DeadLetters {
  readonly #kafka: KafkaCluster;
  readonly #producer: CommittingProducer;
  readonly #topic: string;
  readonly #connector: string;
  readonly #now: () => number;
  readonly #prepared = new Set<string>();

  /** @param o.topic where to; `<topic>.dlq` when empty  @param o.connector whose letters they are */
  constructor(
    kafka: KafkaCluster,
    log: Log,
    { topic = '', connector = '', now = Date.now }: { topic?: string; connector?: string; now?: () => number } = {},
  ) {
    this.#topic = topic;
    this.#connector = connector;
    this.#kafka = kafka;
    this.#producer = new CommittingProducer(new KafkaBatchSender(kafka, log), log, { batchBytes: LETTER_BYTES });
    this.#now = now;
  }

  /** Resolves once Kafka has committed every letter. Errors: KAFKA_UNAVAILABLE, KAFKA_BACKLOG_FULL, both retriable; the signal's reason. */
  async bury(batch: Source, poison: readonly PoisonRecord[], signal: AbortSignal): Promise<void> {
    const topic = this.#topic === '' ? deadLetterTopic(batch.topic) : this.#topic;
    if (!this.#prepared.has(topic)) {
      await ensureTopics(this.#kafka, [{ topic, partitions: 1 }]);
      this.#prepared.add(topic);
    }
    for (let at = 0; at < poison.length; at += LETTERS_AT_ONCE) {
      const letters = poison.slice(at, at + LETTERS_AT_ONCE).map((one) => this.#send(topic, batch, one));
      await untilOrAborted(Promise.all(letters), signal);
    }
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }

  async #send(topic: string, batch: Source, poison: PoisonRecord): Promise<void> {
    const { key, value } = poison.source;
    const headers = this.#headers(batch, poison);
    try {
      await this.#producer.commit({ topic, key, value, headers: { ...poison.source.headers, ...headers } });
    } catch (error) {
      if (!hasCode(error, 'KAFKA_REFUSED')) throw error;
      const omitted = String((key?.length ?? 0) + (value?.length ?? 0));
      const noted = { ...headers, [DEAD_LETTER_HEADERS.omittedBytes]: omitted };
      await this.#producer.commit({ topic, key: null, value: null, headers: noted });
    }
  }

  #headers(batch: Source, { source, code, message }: PoisonRecord): Record<string, string> {
    const names = DEAD_LETTER_HEADERS;
    return {
      [names.code]: code,
      ...(this.#connector !== '' && { [names.connector]: this.#connector }),
      [names.message]: message.slice(0, MESSAGE_CHARACTERS),
      [names.topic]: batch.topic,
      [names.partition]: String(batch.partition),
      [names.offset]: source.offset,
      [names.time]: new Date(this.#now()).toISOString(),
      [names.timestamp]: source.timestamp,
    };
  }
}

/** The producer repeats a batch for as long as Kafka is away; the wait for it ends with the signal. */
async function untilOrAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
