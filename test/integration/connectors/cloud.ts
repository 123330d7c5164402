import assert from 'node:assert/strict';
import { KafkaBatchSender } from '../../../common/kafka/batch-sender.ts';
import { connectKafka, type KafkaCluster } from '../../../common/kafka/client.ts';
import { CommittingProducer } from '../../../common/kafka/committing-producer.ts';
import type { ConsumedRecord } from '../../../common/kafka/consumer.ts';
import { readTopic } from '../../../common/kafka/read-topic.ts';
import { ensureTopics, offsetRanges } from '../../../common/kafka/topics.ts';
import { sleep } from '../../../common/lifecycle.ts';
import { createLog } from '../../../common/log.ts';
import { encoderFor } from '../../../common/records.ts';
import { registerSchemas, type SchemaSnapshot } from '../../../common/schema-registry.ts';
import type { SinkTopic } from '../../../connectors/sink.ts';
import { TOPICS } from '../../../schemas/topics.ts';
import type { Stack } from '../../../stack/stack.ts';

export const quiet = createLog('test', 'silent');

/** The cloud's Kafka and registry with one gateway whose schemas are registered and whose topics exist. */
export class CloudUnderTest {
  readonly stack: Stack;
  readonly gatewayId: string;
  readonly registryUrl: string;
  readonly brokers: string[];
  readonly kafka: KafkaCluster;
  readonly #producer: CommittingProducer;
  #snapshot: SchemaSnapshot | undefined;

  constructor(stack: Stack, gatewayId: string) {
    this.stack = stack;
    this.gatewayId = gatewayId;
    this.registryUrl = `http://127.0.0.1:${stack.ports.registry}/apis/ccompat/v7`;
    this.brokers = [`127.0.0.1:${stack.ports.kafkaCloud}`];
    this.kafka = connectKafka({ brokers: this.brokers, clientId: 'test' }, quiet);
    this.#producer = new CommittingProducer(new KafkaBatchSender(this.kafka, quiet), quiet);
  }

  topic(name: SinkTopic): string {
    return TOPICS[name].nameFor(this.gatewayId);
  }

  async makeTopics(): Promise<void> {
    const names: SinkTopic[] = ['observations', 'replies', 'registrations'];
    await ensureTopics(
      this.kafka,
      names.map((name) => ({ topic: this.topic(name), partitions: 2 })),
    );
  }

  async enrol(): Promise<void> {
    this.#snapshot = await registerSchemas(this.gatewayId, this.registryUrl);
  }

  /** Encodes as the gateway does and resolves once Kafka has all of them. */
  async produce(name: SinkTopic, values: readonly { readonly ep: string; readonly value: unknown }[]): Promise<void> {
    const encoder = encoderFor(this.#snapshot!, `${this.topic(name)}-value`, TOPICS[name].value);
    const records = values.map(({ ep, value }) => ({
      topic: this.topic(name),
      key: Buffer.from(ep),
      value: encoder.encode(value as never),
    }));
    for (let at = 0; at < records.length; at += 5_000) await this.#producer.commit(...records.slice(at, at + 5_000));
  }

  async produceBytes(name: SinkTopic, key: Buffer | null, value: Buffer | null): Promise<void> {
    await this.#producer.commit({ topic: this.topic(name), key, value });
  }

  async deadLetters(name: SinkTopic): Promise<readonly ConsumedRecord[]> {
    const records: ConsumedRecord[] = [];
    const topic = `${this.topic(name)}.dlq`;
    const onRecord = (record: ConsumedRecord) => void records.push(record);
    await readTopic({ kafka: this.kafka, topic, onRecord, signal: AbortSignal.timeout(30_000), log: quiet });
    return records;
  }

  async recordCount(name: SinkTopic): Promise<number> {
    const ranges = await offsetRanges(this.kafka, this.topic(name));
    return ranges.reduce((sum, { first, next }) => sum + Number(next - first), 0);
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }
}

/** Samples of a Prometheus page. */
export class MetricsText {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Sum over all samples of a metric whose labels hold the given texts. */
  sum(metric: string, ...labels: readonly string[]): number {
    let sum = 0;
    for (const line of this.#text.split('\n')) {
      if (!line.startsWith(`${metric}{`) || !labels.every((label) => line.includes(label))) continue;
      sum += Number(line.slice(line.lastIndexOf(' ') + 1));
    }
    return sum;
  }

  /** in = written + skipped + dead-lettered. */
  assertBalanced(expectedIn: number): void {
    const of = (what: string) => this.sum(`zeelos_connector_records_${what}_total`);
    assert.equal(of('in'), expectedIn);
    assert.equal(of('written') + of('skipped') + of('dead_lettered'), expectedIn);
  }
}

/** Waits until the value is the expected one; the last value is asserted, so that a failure shows it. */
export async function eventually<T>(expected: T, look: () => Promise<T>, withinMs = 40_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  let seen = await look();
  while (JSON.stringify(seen) !== JSON.stringify(expected) && Date.now() < deadline) {
    await sleep(200);
    seen = await look();
  }
  assert.deepEqual(seen, expected);
}
