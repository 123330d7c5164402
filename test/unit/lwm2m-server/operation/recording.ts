import type { OutgoingRecord } from '../../../../common/kafka/committing-producer.ts';
import { newServerCounters } from '../../../../lwm2m-server/counters.ts';
import { ServerEvents } from '../../../../lwm2m-server/events.ts';
import { ValueRecords } from '../../../../lwm2m-server/operation/value-records.ts';
import { avroType } from '../../../../schemas/avro-types.ts';
import type { AvroResponseObserve } from '../../../../schemas/generated/records.ts';

const OBSERVE = 'io.zeelos.leshan.avro.response.AvroResponseObserve';

/** Value records without a registry: their bytes are Avro without a frame. */
export function recordingValues() {
  const type = avroType(OBSERVE);
  const counters = newServerCounters();
  const events = new ServerEvents((error) => {
    throw error;
  });
  const observation = (ep: string, record: AvroResponseObserve): OutgoingRecord => ({
    topic: 'observations',
    key: Buffer.from(ep),
    value: type.toBuffer(record),
  });
  const values = new ValueRecords({ serverId: 'gw', outbox: { observation }, counters, events });
  return { values, counters, events };
}

/** What a record holds, in plain objects. */
export function plainRecord(record: OutgoingRecord): AvroResponseObserve {
  return plain(avroType(OBSERVE).fromBuffer(record.value as Buffer)) as AvroResponseObserve;
}

export function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
