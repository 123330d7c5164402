import { KafkaBatchSender } from '../../common/kafka/batch-sender.ts';
import type { KafkaCluster } from '../../common/kafka/client.ts';
import { CommittingProducer } from '../../common/kafka/committing-producer.ts';
import { ensureTopics } from '../../common/kafka/topics.ts';
import type { Log } from '../../common/log.ts';
import { encoderFor } from '../../common/records.ts';
import { registerSchemas } from '../../common/schema-registry.ts';
import type { AvroRegistrationResponse, AvroResponseObserve } from '../../schemas/generated/records.ts';
import { TOPICS } from '../../schemas/topics.ts';

const GATEWAY = 'bench';
const ENDPOINTS = 1_000;
const START_MS = 1_790_000_000_000;
const AT_ONCE = 5_000;
const PARTITIONS = 2;

export const OBSERVATIONS = TOPICS.observations.nameFor(GATEWAY);
export const REGISTRATIONS = TOPICS.registrations.nameFor(GATEWAY);

export function observation(number: number): AvroResponseObserve {
  const path = '/3303/0/5700';
  const value = { double: 20 + (number % 100) / 10 };
  const resource = { id: 5700, path, kind: 'SINGLE_RESOURCE', type: 'FLOAT', value } as const;
  return {
    ...{ ticket: 'unset', observationId: '00ff', serverId: GATEWAY, ep: `sensor-${number % ENDPOINTS}`, path },
    timestamp: START_MS + Math.floor(number / ENDPOINTS) * 1_000,
    seq: { long: number * 65_536 },
    rep: {
      code: 'CONTENT',
      kind: 'observe',
      body: {
        'io.zeelos.leshan.avro.response.AvroReadResponseBody': {
          content: { 'io.zeelos.leshan.avro.resource.AvroResource': resource },
        },
      },
    },
  };
}

function registration(number: number): AvroRegistrationResponse {
  const record = {
    ...{ ep: `device-${number}`, serverId: GATEWAY, regDate: START_MS, address: '127.0.0.1', port: 40_000 },
    ...{ regAddr: '127.0.0.1', regPort: 5683, lt: 300, sms: null, ver: '1.0', bnd: 'U', regId: `r${number}` },
    ...{ attributes: null, root: '/', links: ['/1/0', '/3/0', '/3303/0'].map((url) => ({ url, at: {} })) },
    lastUp: START_MS,
  };
  return {
    kind: 'NEW',
    body: { 'io.zeelos.leshan.avro.registration.AvroRegistrationNew': record },
  } as AvroRegistrationResponse;
}

/** Makes both topics, and fills them as a gateway does. */
export async function fillTopics(
  o: { readonly kafka: KafkaCluster; readonly registryUrl: string; readonly log: Log },
  counts: { readonly records: number; readonly registrations: number },
): Promise<void> {
  const snapshot = await registerSchemas(GATEWAY, o.registryUrl);
  const topics = [OBSERVATIONS, REGISTRATIONS];
  await ensureTopics(
    o.kafka,
    topics.map((topic) => ({ topic, partitions: PARTITIONS })),
  );
  const producer = new CommittingProducer(new KafkaBatchSender(o.kafka, o.log), o.log);
  const fill = async (topic: string, count: number, recordOf: (number: number) => { key: Buffer; value: Buffer }) => {
    for (let at = 0; at < count; at += AT_ONCE) {
      const numbers = Array.from({ length: Math.min(AT_ONCE, count - at) }, (_, index) => at + index);
      await producer.commit(...numbers.map((number) => ({ topic, ...recordOf(number) })));
    }
  };
  const observed = encoderFor(snapshot, `${OBSERVATIONS}-value`, TOPICS.observations.value);
  const registered = encoderFor(snapshot, `${REGISTRATIONS}-value`, TOPICS.registrations.value);
  await fill(OBSERVATIONS, counts.records, (number) => ({
    key: Buffer.from(`sensor-${number % ENDPOINTS}`),
    value: observed.encode(observation(number)),
  }));
  await fill(REGISTRATIONS, counts.registrations, (number) => ({
    key: Buffer.from(`device-${number}`),
    value: registered.encode(registration(number)),
  }));
  await producer.close();
}
