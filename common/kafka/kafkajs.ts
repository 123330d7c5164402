import { createRequire } from 'node:module';
import { type Compression, compress, decompress } from './batch/compression.ts';
import { ProducerFence, type ProducerIds } from './producer-fence.ts';
import { encodeBatch, encodeRecords, type RecordToEncode, readAppended, type WireHeader } from './record-batch.ts';

export type { WireHeader } from './record-batch.ts';

/**
 * The one door to kafkajs: it is mended here before anything of it is loaded, so no other file imports values from the package.
 *
 * kafkajs 2.2.4 keeps the headers of a record as an object: keys that look like numbers change places, repeated keys are drawn
 * together, a null value cannot be written at all. A record that was read here also carries `headerList`, its headers as they
 * stand on the wire, and a record to write may bring one instead of `headers`.
 */
const load = createRequire(import.meta.url);

interface WireDecoder {
  readInt8(): number;
  readVarInt(): number;
  readVarLong(): { toString(): string };
  readVarIntBytes(): Buffer | null;
}

interface BatchContext {
  readonly firstOffset: string;
  readonly firstTimestamp: string;
  readonly isControlBatch: boolean;
  readonly timestampType: number;
  readonly maxTimestamp: string;
  readonly magicByte: number;
}

export type LooseHeaders = Record<string, Buffer | string | null | (Buffer | string | null)[] | undefined>;

const LOG_APPEND_TIME = 1;
const NO_HEADERS: readonly WireHeader[] = [];

/** One record of a batch of format 2 (Kafka protocol, "Record"): attributes, deltas, key, value, headers. */
function decodeRecord(decoder: WireDecoder, batch: BatchContext): Record<string, unknown> {
  const attributes = decoder.readInt8();
  const timestampDelta = BigInt(decoder.readVarLong().toString());
  const stampedByBroker = batch.timestampType === LOG_APPEND_TIME;
  const timestamp = stampedByBroker ? batch.maxTimestamp : (BigInt(batch.firstTimestamp) + timestampDelta).toString();
  const offset = (BigInt(batch.firstOffset) + BigInt(decoder.readVarInt())).toString();
  const key = decoder.readVarIntBytes();
  const value = decoder.readVarIntBytes();
  const headerList = decodeHeaders(decoder);
  return {
    magicByte: batch.magicByte,
    attributes,
    timestamp,
    offset,
    key,
    value,
    headers: headersByName(headerList),
    headerList,
    isControlRecord: batch.isControlBatch,
    batchContext: batch,
  };
}

function decodeHeaders(decoder: WireDecoder): readonly WireHeader[] {
  const count = decoder.readVarInt();
  if (count <= 0) return NO_HEADERS;
  const headers: WireHeader[] = [];
  for (let i = 0; i < count; i++) {
    const key = decoder.readVarIntBytes() ?? Buffer.alloc(0);
    headers.push({ key, value: decoder.readVarIntBytes() });
  }
  return headers;
}

/** The shape that kafkajs gives to its callers: repeated keys as an array. */
export function headersByName(list: readonly WireHeader[]): LooseHeaders {
  const headers: LooseHeaders = {};
  for (const { key, value } of list) {
    const name = key.toString('utf8');
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
    const now = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
    Object.defineProperty(headers, name, { value: now, enumerable: true, configurable: true, writable: true });
  }
  return headers;
}

interface BatchToEncode {
  readonly records: (readonly RecordToEncode[] | EncodedRecords) & { readonly length: number };
  readonly compression?: number;
  readonly firstTimestamp: number | string;
  readonly maxTimestamp: number | string;
  readonly producerId?: { toString(): string };
  readonly producerEpoch?: number;
  readonly firstSequence?: number;
  readonly lastOffsetDelta: number;
  readonly transactional?: boolean;
}

interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
}

const COMPRESSION_MASK = 0x07;
const TRANSACTIONAL = 0x10;

/** The shape of kafkajs's own encoder that the produce request asks for. */
async function encodeRecordBatch(batch: BatchToEncode): Promise<{ buf: Buffer; buffer: Buffer; size(): number }> {
  const compression = (batch.compression ?? CompressionTypes.None) & COMPRESSION_MASK;
  const records = batch.records instanceof EncodedRecords ? batch.records.bytes : encodeRecords(batch.records);
  const codec = (CompressionCodecs as unknown as Readonly<Record<number, (() => Codec) | undefined>>)[compression];
  const buffer = encodeBatch(
    {
      attributes: compression | (batch.transactional === true ? TRANSACTIONAL : 0),
      lastOffsetDelta: batch.lastOffsetDelta,
      firstTimestamp: BigInt(batch.firstTimestamp),
      maxTimestamp: BigInt(batch.maxTimestamp),
      producerId: BigInt((batch.producerId ?? -1).toString()),
      producerEpoch: batch.producerEpoch ?? 0,
      firstSequence: batch.firstSequence ?? 0,
      recordCount: batch.records.length,
    },
    codec === undefined ? records : await codec().compress({ buffer: records }),
  );
  return { buf: buffer, buffer, size: () => buffer.length };
}

/**
 * Records that are encoded already, in the place of a list of messages. kafkajs asks such a list for its length, for messages
 * without a value, for their timestamps and for each as a record; here the answers are: none, none, and itself.
 */
export class EncodedRecords {
  readonly length: number;
  readonly bytes: Buffer;
  readonly partition: number | undefined;

  /** @param bytes what a RecordAppender wrote  @param partition where they go; by their keys when absent */
  constructor(length: number, bytes: Buffer, partition?: number) {
    this.length = length;
    this.bytes = bytes;
    this.partition = partition;
  }

  find(): undefined {
    return undefined;
  }

  map(): this {
    return this;
  }

  filter(): readonly never[] {
    return [];
  }
}

interface Assignment {
  readonly topic: string;
  readonly partitionMetadata: readonly { readonly partitionId: number }[];
  readonly messages: readonly unknown[] | EncodedRecords;
  partitioner(o: { topic: string; partitionMetadata: readonly unknown[]; message: unknown }): number;
}

function groupByPartition({ topic, partitionMetadata, messages, partitioner }: Assignment) {
  const groups: Record<number, unknown[] | EncodedRecords> = {};
  if (partitionMetadata.length === 0) return groups;
  if (messages instanceof EncodedRecords && messages.partition !== undefined) {
    groups[messages.partition] = messages;
    return groups;
  }
  if (messages instanceof EncodedRecords && partitionMetadata.length === 1) {
    groups[partitionMetadata[0]!.partitionId] = messages;
    return groups;
  }
  for (const message of messages instanceof EncodedRecords ? readAppended(messages.bytes) : messages) {
    const partition = partitioner({ topic, partitionMetadata, message });
    const group = groups[partition] as unknown[] | undefined;
    if (group === undefined) groups[partition] = [message];
    else group.push(message);
  }
  return groups;
}

interface ProducerIdOptions {
  readonly cluster: Parameters<ProducerFence['guard']>[1];
  readonly transactional: boolean;
  readonly transactionalId?: unknown;
}

/** The ids of a producer with a fence are those of a transactional one; all others are left as they are. */
function producerIds(create: (options: ProducerIdOptions) => ProducerIds) {
  return (options: ProducerIdOptions): ProducerIds => {
    const { cluster, transactionalId: fence } = options;
    if (!(fence instanceof ProducerFence)) return create(options);
    return fence.guard(create({ ...options, transactional: true, transactionalId: fence.id }), cluster);
  };
}

/** Puts our function in the place of a module's before its users load it. */
function replaceModule(path: string, exports: unknown): void {
  load(path);
  load.cache[load.resolve(path)]!.exports = exports;
}

replaceModule('kafkajs/src/protocol/recordBatch/record/v0/decoder', decodeRecord);
replaceModule('kafkajs/src/protocol/recordBatch/record/v0/index', (record: RecordToEncode) => record);
replaceModule('kafkajs/src/protocol/recordBatch/v0/index', { RecordBatch: encodeRecordBatch, MAGIC_BYTE: 2 });
replaceModule('kafkajs/src/producer/groupMessagesPerPartition', groupByPartition);
replaceModule('kafkajs/src/producer/eosManager/index', producerIds(load('kafkajs/src/producer/eosManager/index')));

const kafkajs = load('kafkajs') as typeof import('kafkajs');
export const { AssignerProtocol, CompressionCodecs, CompressionTypes, Kafka, logLevel, Partitioners } = kafkajs;

/** A batch is at most about 1 MiB on the wire; one that unpacks to more than this is not honest and must not fill the memory. */
const UNPACKED_BYTES_LIMIT = 128 * 2 ** 20;

function codecOf(codec: Compression) {
  return () => ({
    compress: (encoder: { readonly buffer: Buffer }) => compress(codec, encoder.buffer),
    decompress: async (bytes: Buffer) => decompress(codec, bytes, UNPACKED_BYTES_LIMIT),
  });
}

// kafkajs brings gzip only.
CompressionCodecs[CompressionTypes.Snappy] = codecOf('snappy');
CompressionCodecs[CompressionTypes.LZ4] = codecOf('lz4');
CompressionCodecs[CompressionTypes.ZSTD] = codecOf('zstd');
