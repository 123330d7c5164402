import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Registry } from 'prom-client';
import { connectKafka, type KafkaCluster } from '../../../common/kafka/client.ts';
import type { ConsumedRecord } from '../../../common/kafka/consumer.ts';
import { readTopic } from '../../../common/kafka/read-topic.ts';
import { ensureTopics } from '../../../common/kafka/topics.ts';
import { createLog } from '../../../common/log.ts';
import { encoderFor, RecordReader } from '../../../common/records.ts';
import { enrol, type SchemaSnapshot, snapshotSource } from '../../../common/schema-registry.ts';
import type { AvroRecords, AvroResponseObserve } from '../../../schemas/generated/records.ts';
import { TOPICS, type TopicName } from '../../../schemas/topics.ts';
import { useEdge } from '../../rig/edge.ts';
import type { Servers } from '../../rig/gateway.ts';

export const log = createLog('test', process.env.ZEELOS_LOG_LEVEL ?? 'silent');
export const T0 = 1_700_000_010_000;

/** One value of a device, and the time at which the gateway wrote it. */
export interface Reading {
  readonly ep: string;
  readonly path?: string;
  readonly value: number | string | boolean;
  readonly atMs: number;
  readonly writtenMs?: number;
}

export function observation({ ep, path = '/3303/0/5700', value, atMs }: Reading): AvroResponseObserve {
  const branch = typeof value === 'number' ? 'double' : typeof value;
  const type = { double: 'FLOAT', string: 'STRING', boolean: 'BOOLEAN' }[branch as 'double'];
  const resource = { id: 5700, path, kind: 'SINGLE_RESOURCE', type, value: { [branch]: value } };
  return {
    ...{ ticket: 'unset', observationId: 'ab', serverId: 'gw', ep, path, timestamp: atMs },
    rep: {
      code: 'CONTENT',
      kind: 'observe',
      body: {
        'io.zeelos.leshan.avro.response.AvroReadResponseBody': {
          content: { 'io.zeelos.leshan.avro.resource.AvroResource': resource },
        },
      },
    },
  } as unknown as AvroResponseObserve;
}

let gateways = 0;

/** Topics of one gateway, filled by the test. */
export class InputGateway {
  readonly gatewayId = `s${process.pid}x${++gateways}`;
  readonly kafka: KafkaCluster;
  readonly servers: Servers;
  readonly folder = mkdtempSync(join(tmpdir(), 'zeelos-streams-'));
  snapshot!: SchemaSnapshot;

  private constructor(servers: Servers) {
    this.servers = servers;
    this.kafka = connectKafka({ brokers: servers.kafkaBrokers, clientId: 'test' }, log);
  }

  /** @param partitions of the input; 0 leaves it to the test to make it */
  static async create(partitions = 1): Promise<InputGateway> {
    const gateway = new InputGateway(await useEdge());
    const { gatewayId, servers, snapshotFile } = gateway;
    gateway.snapshot = await enrol({ gatewayId, registryUrl: servers.registryUrl, snapshotFile });
    // The records bear times of years ago, which the broker's retention would remove within minutes.
    const settings = { 'retention.ms': '-1' };
    const input = { topic: gateway.topicOf('observations'), partitions, settings };
    if (partitions > 0) await ensureTopics(gateway.kafka, [input]);
    return gateway;
  }

  get snapshotFile(): string {
    return join(this.folder, 'schemas.json');
  }

  topicOf(name: TopicName): string {
    return TOPICS[name].nameFor(this.gatewayId);
  }

  /** All values of one endpoint go to one partition. */
  async write(readings: readonly Reading[], partitionOf: (ep: string) => number = () => 0): Promise<void> {
    const topic = this.topicOf('observations');
    const values = encoderFor(this.snapshot, `${topic}-value`, TOPICS.observations.value);
    const keys = encoderFor(this.snapshot, `${topic}-key`, TOPICS.observations.key);
    await this.writeRaw(
      readings.map((reading) => ({
        key: keys.encode({ ep: reading.ep }),
        value: values.encode(observation(reading)),
        partition: partitionOf(reading.ep),
        timestamp: String(reading.writtenMs ?? reading.atMs),
      })),
    );
  }

  async writeRaw(
    messages: readonly { key: Buffer | null; value: Buffer | null; partition: number; timestamp: string }[],
  ): Promise<void> {
    const producer = this.kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    try {
      for (let at = 0; at < messages.length; at += 500)
        await producer.send({ topic: this.topicOf('observations'), messages: messages.slice(at, at + 500) });
    } finally {
      await producer.disconnect();
    }
  }

  /** What is committed in a topic. */
  async read<N extends TopicName>(
    name: N,
  ): Promise<{ key: Buffer; value: AvroRecords[(typeof TOPICS)[N]['value']] }[]> {
    const reader = new RecordReader<AvroRecords[(typeof TOPICS)[N]['value']]>(
      snapshotSource(this.snapshot),
      TOPICS[name].value,
    );
    const records = await this.readRaw(this.topicOf(name));
    return await Promise.all(
      records.map(async ({ key, value }) => ({ key: key!, value: await reader.decode(value!) })),
    );
  }

  /** The bytes of what is committed in a topic, by partition. */
  async readRaw(topic: string): Promise<ConsumedRecord[]> {
    const seen: ConsumedRecord[] = [];
    const onRecord = async (record: ConsumedRecord) => void seen.push(record);
    await readTopic({ kafka: this.kafka, topic, log, signal: new AbortController().signal, onRecord });
    return seen;
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A metric with all its labels summed up. */
export async function sumOf(
  registry: Registry,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const metric = await registry.getSingleMetric(name)!.get();
  return metric.values
    .filter((one) => Object.entries(labels).every(([label, value]) => one.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}
