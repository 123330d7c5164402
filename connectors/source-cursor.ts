import type { KafkaCluster } from '../common/kafka/client.ts';
import type { ConsumedRecord } from '../common/kafka/consumer.ts';
import { readTopic } from '../common/kafka/read-topic.ts';
import type { WrittenRecord } from '../common/kafka/transactional-writer.ts';
import type { Log } from '../common/log.ts';

/** Where the next round of a source begins, as ISO 8601. */
export interface SourceCursor {
  readonly stop: string;
}

/** The topic where the sources of a group of workers keep their cursors; in the form of Kafka Connect's. */
export function offsetsTopic(groupId: string): string {
  return `${groupId}-offsets`;
}

/** Whoever writes a cursor writes under this id: opening it shuts out the others. */
export function cursorWriterId(connector: string, task: number): string {
  return `connect-${connector}-${task}`;
}

/** @param cursor null removes it */
export function cursorRecord(connector: string, task: number, cursor: SourceCursor | null): WrittenRecord {
  const value = cursor === null ? null : Buffer.from(JSON.stringify(cursor));
  return { key: Buffer.from(keyOf(connector, task)), value };
}

/** The last one that was committed; what is no cursor does not count. Errors: KAFKA_UNAVAILABLE; KAFKA_NO_TOPIC before the first source. */
export async function readCursor(
  o: { readonly kafka: KafkaCluster; readonly groupId: string; readonly signal: AbortSignal; readonly log: Log },
  connector: string,
  task: number,
): Promise<SourceCursor | undefined> {
  const key = keyOf(connector, task);
  let cursor: SourceCursor | undefined;
  const onRecord = (record: ConsumedRecord) => {
    if (record.key?.toString() === key) cursor = record.value === null ? undefined : cursorIn(record.value.toString());
  };
  const { kafka, signal, log } = o;
  await readTopic({ kafka, topic: offsetsTopic(o.groupId), onRecord, signal, log });
  return cursor;
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** Undefined for what is none. */
export function cursorOf(value: unknown): SourceCursor | undefined {
  const { stop } = (value ?? {}) as { stop?: unknown };
  if (typeof stop !== 'string' || !INSTANT.test(stop) || Number.isNaN(Date.parse(stop))) return undefined;
  return { stop: new Date(stop).toISOString() };
}

function cursorIn(text: string): SourceCursor | undefined {
  try {
    return cursorOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function keyOf(connector: string, task: number): string {
  return JSON.stringify([connector, { task }]);
}
