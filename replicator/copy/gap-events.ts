import { encodeBatch, encodeRecords } from '../../common/kafka/record-batch.ts';
import type { LaneName } from '../lanes.ts';
import type { BatchToSend } from './lane-producer.ts';

export const GAP_KINDS = ['GAP', 'RECREATED', 'TRUNCATED', 'STOPPED', 'RESUMED'] as const;

/** GAP: retention passed unread records. RECREATED: the topic is another. TRUNCATED: the log ends before where we were. */
export type GapKind = (typeof GAP_KINDS)[number];

/** What happened to a copy that its readers must know of: the value of a record of `iot.<gw>.replication.events`, as JSON. */
export interface GapEvent {
  readonly kind: GapKind;
  readonly lane: LaneName;
  readonly topic: string;
  readonly partition: number;
  /** Offsets at the source: from the first that is affected up to that where the copy goes on. */
  readonly from: number;
  readonly to: number;
  /** How many records are missing in the copy; for TRUNCATED those that only the copy has. Null where that cannot be known. */
  readonly records: number | null;
  readonly reason: string;
  /** ms since 1970 */
  readonly at: number;
}

/** One uncompressed batch of records without headers, stamped now, for partition 0 unless told otherwise. */
export function plainBatch(
  topic: string,
  records: readonly { readonly key: string | Buffer; readonly value: Buffer }[],
  partition = 0,
): BatchToSend {
  const now = BigInt(Date.now());
  const body = encodeRecords(
    records.map(({ key, value }, offsetDelta) => ({ offsetDelta, timestampDelta: 0, key, value })),
  );
  const header = {
    ...{ attributes: 0, lastOffsetDelta: records.length - 1, firstTimestamp: now, maxTimestamp: now },
    ...{ producerId: -1n, producerEpoch: -1, firstSequence: -1, recordCount: records.length },
  };
  return { topic, partition, bytes: encodeBatch(header, body), records: records.length };
}

export function eventBatch(topic: string, events: readonly GapEvent[]): BatchToSend {
  const records = events.map((event) => ({ key: event.topic, value: Buffer.from(JSON.stringify(event)) }));
  return plainBatch(topic, records);
}
