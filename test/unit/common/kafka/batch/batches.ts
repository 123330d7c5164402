import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
// Mends how kafkajs reads headers, so that they are compared as they stand on the wire.
import '../../../../../common/kafka/kafkajs.ts';
import { COMPRESSIONS, type Compression, compress, decompress } from '../../../../../common/kafka/batch/compression.ts';
import { BatchCursor } from '../../../../../common/kafka/batch/cursor.ts';
import { encodeBatch, encodeRecords, type WireHeader } from '../../../../../common/kafka/record-batch.ts';

/** A record as both ends must see it. */
export interface SeenRecord {
  readonly offset: number;
  readonly timestamp: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly WireHeader[];
}

export interface BatchToMake {
  readonly baseOffset?: number;
  /** Deltas to it are the records' offsets. */
  readonly lastOffset?: number;
  readonly attributes?: number;
  readonly producerId?: bigint;
  readonly baseTimestamp?: bigint;
  readonly maxTimestamp?: bigint;
  readonly codec?: Compression;
  readonly records: readonly SeenRecord[];
}

export const ADDRESS = { producerId: 4711n, producerEpoch: 3, baseSequence: 17, transactional: false };

export function record(offset: number, fields: Partial<SeenRecord> = {}): SeenRecord {
  const key = Buffer.from(`urn:dev:${offset}`);
  return { offset, timestamp: 1_763_700_000_000n, key, value: Buffer.from('20.5'), headers: [], ...fields };
}

/** By the encoder of the services' producers; deltas of timestamps must be exact as numbers. */
export async function batchOf({ records, ...o }: BatchToMake): Promise<Buffer> {
  const baseOffset = o.baseOffset ?? records[0]?.offset ?? 0;
  const baseTimestamp = o.baseTimestamp ?? records[0]?.timestamp ?? 0n;
  const codec = COMPRESSIONS.indexOf(o.codec ?? 'none');
  const section = encodeRecords(
    records.map(({ offset, timestamp, key, value, headers }) => ({
      offsetDelta: offset - baseOffset,
      timestampDelta: Number(timestamp - baseTimestamp),
      key,
      value,
      headerList: headers,
    })),
  );
  const header = {
    attributes: (o.attributes ?? 0) | codec,
    lastOffsetDelta: (o.lastOffset ?? records.at(-1)?.offset ?? baseOffset) - baseOffset,
    firstTimestamp: baseTimestamp,
    maxTimestamp: o.maxTimestamp ?? records.reduce((max, { timestamp }) => (timestamp > max ? timestamp : max), -1n),
    producerId: o.producerId ?? 9n,
    producerEpoch: 1,
    firstSequence: 5,
    recordCount: records.length,
  };
  const batch = encodeBatch(header, await compress(o.codec ?? 'none', section));
  batch.writeBigInt64BE(BigInt(baseOffset));
  return batch;
}

interface KafkajsRecord {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headerList: readonly WireHeader[];
}

const load = createRequire(import.meta.url);
const Decoder = load('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => unknown;
const decodeBatch = load('kafkajs/src/protocol/recordBatch/v0/decoder') as (
  decoder: unknown,
) => Promise<{ readonly records: readonly KafkajsRecord[] }>;

/** By kafkajs, after taking what it does not know (lz4, snappy) out of its compression. */
export async function decodedByKafkajs(batch: Buffer): Promise<SeenRecord[]> {
  const cursor = cursorOf(batch);
  const section = await sectionOf(cursor);
  const plain = Buffer.concat([batch.subarray(0, 61), section]);
  plain.writeInt32BE(plain.length - 12, 8);
  plain.writeInt16BE(cursor.attributes & ~7, 21);
  const { records } = await decodeBatch(new Decoder(plain));
  return records.map(({ offset, timestamp, key, value, headerList }) => ({
    offset: Number(offset),
    // It adds without the bounds of 64 bits.
    timestamp: BigInt.asIntN(64, BigInt(timestamp)),
    key,
    value,
    headers: headerList,
  }));
}

/** At the first batch of these bytes. */
export function cursorOf(bytes: Buffer): BatchCursor {
  const cursor = new BatchCursor();
  cursor.reset(bytes);
  cursor.next();
  return cursor;
}

/** The records of the batch that the cursor is at, uncompressed. */
export async function sectionOf(cursor: BatchCursor): Promise<Buffer> {
  const bytes = cursor.bytes.subarray(cursor.recordsStart, cursor.end);
  return await decompress(COMPRESSIONS[cursor.compression]!, bytes);
}

interface GoldenRecord {
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly times?: number | 'long';
  readonly headers?: readonly (readonly [string, string | null])[];
}

export interface GoldenBatch {
  readonly name: string;
  readonly codec: Compression;
  readonly longTimes: number;
  readonly logAppendTime: boolean;
  readonly transactional: boolean;
  readonly base64: string;
}

const golden = JSON.parse(readFileSync(new URL('../../../../vectors/java-batches.json', import.meta.url), 'utf8')) as {
  readonly records: readonly GoldenRecord[];
  readonly batches: readonly GoldenBatch[];
};

/** Written by Kafka's own producer. */
export const GOLDEN: readonly GoldenBatch[] = golden.batches;

/** What was sent for it. */
export function goldenRecords({ longTimes, logAppendTime, base64 }: GoldenBatch): SeenRecord[] {
  const appendedAt = cursorOf(Buffer.from(base64, 'base64')).maxTimestamp;
  return golden.records.map(({ timestamp, key, value, times, headers }, offset) => ({
    offset,
    timestamp: logAppendTime ? appendedAt : BigInt(timestamp),
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value.repeat(times === 'long' ? longTimes : (times ?? 1))),
    headers: (headers ?? []).map(([name, hex]) => ({
      key: Buffer.from(name),
      value: hex === null ? null : Buffer.from(hex, 'hex'),
    })),
  }));
}
