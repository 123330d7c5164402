import { join } from 'node:path';
import type { System } from '../../bin/system.ts';
import { connectKafka, type KafkaCluster } from '../../common/kafka/client.ts';
import { offsetRanges, partitionCounts } from '../../common/kafka/topics.ts';
import type { Log } from '../../common/log.ts';
import { RecordReader } from '../../common/records.ts';
import { registrySource } from '../../common/schema-registry.ts';
import type {
  AvroRegistrationResponse,
  AvroRequest,
  AvroResponse,
  AvroResponseObserve,
} from '../../schemas/generated/records.ts';
import { TOPICS, type TopicName } from '../../schemas/topics.ts';
import { InfluxAccount } from './influx-account.ts';
import { OrientAccount } from './orient-account.ts';
import { recordsOf, type TopicRecord } from './topic-account.ts';

export type Side = 'edge' | 'cloud';

/** Where the system of one run can be looked into from outside: its clusters, registry and stores. */
export class Site {
  readonly gatewayId: string;
  readonly influx: InfluxAccount;
  readonly orient: OrientAccount;
  readonly kafka: Readonly<Record<Side, KafkaCluster>>;
  readonly readers: {
    readonly registrations: RecordReader<AvroRegistrationResponse>;
    readonly observations: RecordReader<AvroResponseObserve>;
    readonly replies: RecordReader<AvroResponse>;
    readonly requests: RecordReader<AvroRequest>;
    readonly maxPer30Seconds: RecordReader<AvroResponseObserve>;
  };
  readonly #log: Log;
  readonly #signal: AbortSignal;

  constructor(system: System, o: { readonly log: Log; readonly signal: AbortSignal }) {
    const { addresses, stack } = system;
    const { influx, orientdb } = stack.credentials;
    this.gatewayId = system.gatewayId;
    this.#log = o.log;
    this.#signal = o.signal;
    this.influx = new InfluxAccount({ url: addresses.influxUrl, ...influx });
    this.orient = new OrientAccount({ url: addresses.orientUrl, ...orientdb });
    this.kafka = {
      edge: connectKafka({ brokers: addresses.edgeBrokers.split(','), clientId: 'smoke' }, o.log),
      cloud: connectKafka({ brokers: addresses.cloudBrokers.split(','), clientId: 'smoke' }, o.log),
    };
    const source = registrySource(addresses.registryUrl);
    this.readers = {
      registrations: new RecordReader(source, TOPICS.registrations.value),
      observations: new RecordReader(source, TOPICS.observations.value),
      replies: new RecordReader(source, TOPICS.replies.value),
      requests: new RecordReader(source, TOPICS.requests.value),
      maxPer30Seconds: new RecordReader(source, TOPICS.maxPer30Seconds.value),
    };
  }

  topic(name: TopicName): string {
    return TOPICS[name].nameFor(this.gatewayId);
  }

  records(side: Side, name: TopicName): Promise<readonly TopicRecord[]> {
    return recordsOf(this.kafka[side], this.topic(name), { signal: this.#signal, log: this.#log });
  }

  /** Records that a service could not handle: the names of dead-letter topics that hold some. */
  async deadLetters(): Promise<readonly string[]> {
    const found: string[] = [];
    for (const [side, kafka] of Object.entries(this.kafka)) {
      const names = Object.values(TOPICS).map((row) => `${row.nameFor(this.gatewayId)}.dlq`);
      for (const topic of (await partitionCounts(kafka, names)).keys()) {
        const ranges = await offsetRanges(kafka, topic);
        if (ranges.some(({ first, next }) => next > first)) found.push(`${topic} (${side})`);
      }
    }
    return found;
  }

  async decoded<T>(records: readonly TopicRecord[], reader: RecordReader<T>): Promise<readonly T[]> {
    const values: T[] = [];
    for (const { value } of records) if (value !== null) values.push(await reader.decode(value));
    return values;
  }
}

/** The system's data folder; commands run in the folder above and find it by its usual name. */
export function dataDirIn(folder: string): string {
  return join(folder, '.zeelos');
}
