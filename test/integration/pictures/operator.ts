import { requestFromWords } from '../../../bin/build-request.ts';
import { KafkaBatchSender } from '../../../common/kafka/batch-sender.ts';
import { connectKafka } from '../../../common/kafka/client.ts';
import { CommittingProducer, type OutgoingRecord } from '../../../common/kafka/committing-producer.ts';
import { createLog } from '../../../common/log.ts';
import { encoderFor } from '../../../common/records.ts';
import { registerSchemas } from '../../../common/schema-registry.ts';
import { TOPICS } from '../../../schemas/topics.ts';
import { observation } from '../connectors/influx-records.ts';

const quiet = createLog('pictures', 'silent');

/** What is asked of the chain: who asks, and the words. The last is of a device that is not there. */
export const COMMANDS: readonly (readonly [requester: string | undefined, ...words: readonly string[]])[] = [
  ['ana', 'pic-1', 'read', '/3/0/0'],
  ['ana', 'pic-1', 'read', '/3303/0/5700'],
  ['ana', 'pic-1', 'read', '/3303/1'],
  [undefined, 'pic-1', 'write', '/3/0/14', '+02'],
  ['ana', 'pic-2', 'execute', '/3303/0/5605'],
  ['ana', 'pic-2', 'discover', '/3303'],
  ['ana', 'pic-2', 'observe', '/3303/0/5601'],
  ['a "cron" job', 'modbus-meter', 'read', '/26241/0/26253'],
  ['a "cron" job', 'nobody', 'read', '/3/0/0'],
];

/** Writes into the topics of one gateway. */
export class Operator {
  readonly #gatewayId: string;
  readonly #registryUrl: string;

  constructor(gatewayId: string, registryUrl: string) {
    this.#gatewayId = gatewayId;
    this.#registryUrl = registryUrl;
  }

  /** One value of some time ago: with the next one its minute is over, and the analysis counts can tell of it. */
  async minuteBefore(broker: string): Promise<void> {
    const topic = TOPICS.observations.nameFor(this.#gatewayId);
    const snapshot = await registerSchemas(this.#gatewayId, this.#registryUrl);
    const key = encoderFor(snapshot, `${topic}-key`, 'io.zeelos.leshan.avro.AvroKey').encode({ ep: 'pic-1' });
    const earlier = observation(this.#gatewayId, 'pic-1', { timestamp: Date.now() - 120_000 });
    const value = encoderFor(snapshot, `${topic}-value`, TOPICS.observations.value).encode(earlier);
    await produce(broker, { topic, key, value });
  }

  /** All commands, and a record that nobody can read. */
  async command(broker: string): Promise<void> {
    const topic = TOPICS.requests.nameFor(this.#gatewayId);
    const snapshot = await registerSchemas(this.#gatewayId, this.#registryUrl);
    const encoder = encoderFor(snapshot, `${topic}-value`, TOPICS.requests.value);
    const options = { format: 'AUTO', mode: 'REPLACE', type: undefined, ticket: undefined } as const;
    const requests = COMMANDS.map(([requester, ...words]) => ({
      ...requestFromWords([this.#gatewayId, ...words], options),
      requestedBy: requester === undefined ? null : { string: requester },
    }));
    const garbage = Buffer.from('this is no record');
    await produce(broker, ...requests.map((request) => ({ topic, key: null, value: encoder.encode(request) })), {
      topic: TOPICS.observations.nameFor(this.#gatewayId),
      key: null,
      value: garbage,
    });
  }
}

async function produce(broker: string, ...records: readonly OutgoingRecord[]): Promise<void> {
  const kafka = connectKafka({ brokers: [broker], clientId: 'pictures' }, quiet);
  const producer = new CommittingProducer(new KafkaBatchSender(kafka, quiet), quiet);
  await producer.commit(...records);
  await producer.close();
}
