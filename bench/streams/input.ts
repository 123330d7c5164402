import { KafkaBatchSender } from '../../common/kafka/batch-sender.ts';
import type { KafkaCluster } from '../../common/kafka/client.ts';
import { RecordAppender } from '../../common/kafka/record-batch.ts';
import { ensureTopics } from '../../common/kafka/topics.ts';
import type { Log } from '../../common/log.ts';
import { encoderFor } from '../../common/records.ts';
import type { SchemaSnapshot } from '../../common/schema-registry.ts';
import type { AvroResponseObserve } from '../../schemas/generated/records.ts';
import { TOPICS } from '../../schemas/topics.ts';

const T0 = 1_700_000_010_000;
const BATCH_BYTES = 500_000;
const PATH = '/3303/0/5700';

export interface Input {
  readonly kafka: KafkaCluster;
  readonly log: Log;
  readonly snapshot: SchemaSnapshot;
  readonly records: number;
  /** One record of each in a second; as many as records make as many keys. */
  readonly endpoints: number;
}

/** Fills the observations of a gateway: each endpoint has a number a second. Returns the bytes of values written. */
export async function fillInput({ kafka, log, snapshot, records, endpoints }: Input): Promise<number> {
  const topic = TOPICS.observations.nameFor(snapshot.gatewayId);
  await ensureTopics(kafka, [{ topic, partitions: 1 }]);
  const keys = encoderFor(snapshot, `${topic}-key`, TOPICS.observations.key);
  const values = encoderFor(snapshot, `${topic}-value`, TOPICS.observations.value);
  const sender = new KafkaBatchSender(kafka, log);
  let bytes = 0;
  let batch = new RecordAppender(Buffer.allocUnsafe(2 * BATCH_BYTES));
  const send = async (): Promise<void> => {
    await sender.send([{ topic, count: batch.count, bytes: batch.bytes }]);
    batch = new RecordAppender(batch.memory);
  };
  try {
    for (let i = 0; i < records; i++) {
      const ep = `urn:dev:sensor-${i % endpoints}`;
      const key = keys.encode({ ep });
      const value = values.encode(observation(ep, Math.floor(i / endpoints), ((i * 7_919) % 10_007) / 100));
      bytes += value.length;
      batch.append({ key, value });
      if (batch.length >= BATCH_BYTES) await send();
    }
    if (batch.count > 0) await send();
  } finally {
    await sender.close();
  }
  return bytes;
}

function observation(ep: string, second: number, value: number): AvroResponseObserve {
  const resource = { id: 5700, path: PATH, kind: 'SINGLE_RESOURCE', type: 'FLOAT', value: { double: value } };
  return {
    ...{ ticket: 'unset', observationId: '6f3a2c11', serverId: 'bench', ep, path: PATH },
    timestamp: T0 + second * 1_000,
    rep: {
      code: 'CONTENT',
      kind: 'observe',
      body: {
        'io.zeelos.leshan.avro.response.AvroReadResponseBody': {
          content: { 'io.zeelos.leshan.avro.resource.AvroResource': resource },
        },
      },
    },
    seq: { long: second },
  } as unknown as AvroResponseObserve;
}
