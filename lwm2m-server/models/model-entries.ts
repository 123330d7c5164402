import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import type { ModelState } from '../../schemas/generated/records.ts';
import type { Outbox } from '../bridge/outbox.ts';

/** Key of an uploaded model in lwm2m.<gateway>.state. */
const modelKey = (objectId: number, version: string) => `model/${objectId}/${version}`;

export function modelEntry(outbox: Pick<Outbox, 'state'>, model: ModelState): OutgoingRecord {
  const key = modelKey(model.objectId, model.version);
  return outbox.state(key, { body: { 'io.zeelos.lwm2m.state.ModelState': model } });
}

export function modelTombstone(outbox: Pick<Outbox, 'state'>, objectId: number, version: string): OutgoingRecord {
  return outbox.state(modelKey(objectId, version), null);
}
