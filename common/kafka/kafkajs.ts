import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';

/**
 * The one door to kafkajs: it is mended here before anything of it is loaded, so no other file imports values from the package.
 *
 * kafkajs 2.2.4 keeps the headers of a record as an object: keys that look like numbers change places, repeated keys are drawn
 * together, a null value cannot be written at all. A record that was read here also carries `headerList`, its headers as they
 * stand on the wire, and a record to write may bring one instead of `headers`.
 */
export interface WireHeader {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

const load = createRequire(import.meta.url);

interface WireDecoder {
  readInt8(): number;
  readVarInt(): number;
  readVarLong(): { toString(): string };
  readVarIntBytes(): Buffer | null;
}

interface WireEncoder {
  writeInt8(value: number): WireEncoder;
  writeVarInt(value: number): WireEncoder;
  writeVarLong(value: number): WireEncoder;
  writeVarIntBytes(value: Buffer | string | null | undefined): WireEncoder;
  readonly buffer: Buffer;
}

interface EncoderClass {
  new (): WireEncoder;
  sizeOfVarInt(value: number): number;
  sizeOfVarLong(value: number): number;
  sizeOfVarIntBytes(value: Buffer | string | null | undefined): number;
}

interface BatchContext {
  readonly firstOffset: string;
  readonly firstTimestamp: string;
  readonly isControlBatch: boolean;
  readonly timestampType: number;
  readonly maxTimestamp: string;
  readonly magicByte: number;
}

type LooseHeaders = Record<string, Buffer | string | null | (Buffer | string | null)[] | undefined>;

interface RecordToEncode {
  readonly offsetDelta: number;
  readonly timestampDelta: number;
  readonly key?: Buffer | string | null;
  readonly value?: Buffer | string | null;
  readonly headers?: LooseHeaders;
  readonly headerList?: readonly WireHeader[];
}

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
    headers: looseHeaders(headerList),
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
function looseHeaders(list: readonly WireHeader[]): LooseHeaders {
  const headers: LooseHeaders = {};
  for (const { key, value } of list) {
    const name = key.toString('utf8');
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
    const now = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
    Object.defineProperty(headers, name, { value: now, enumerable: true, configurable: true, writable: true });
  }
  return headers;
}

const Encoder = load('kafkajs/src/protocol/encoder') as EncoderClass;

function encodeRecord(record: RecordToEncode): WireEncoder {
  const { offsetDelta, timestampDelta, key, value } = record;
  const headers = record.headerList ?? listOf(record.headers);
  let bytes = 1 + Encoder.sizeOfVarLong(timestampDelta) + Encoder.sizeOfVarInt(offsetDelta);
  bytes += Encoder.sizeOfVarIntBytes(key) + Encoder.sizeOfVarIntBytes(value) + Encoder.sizeOfVarInt(headers.length);
  for (const header of headers) {
    bytes += Encoder.sizeOfVarIntBytes(header.key) + Encoder.sizeOfVarIntBytes(header.value);
  }
  const encoder = new Encoder().writeVarInt(bytes).writeInt8(0).writeVarLong(timestampDelta).writeVarInt(offsetDelta);
  encoder.writeVarIntBytes(key).writeVarIntBytes(value).writeVarInt(headers.length);
  for (const header of headers) encoder.writeVarIntBytes(header.key).writeVarIntBytes(header.value);
  return encoder;
}

function listOf(headers: LooseHeaders | undefined): readonly { key: string; value: Buffer | string | null }[] {
  if (headers === undefined) return [];
  return Object.entries(headers).flatMap(([key, value]) =>
    Array.isArray(value) ? value.map((one) => ({ key, value: one })) : [{ key, value: value ?? null }],
  );
}

/** Puts our function in the place of a module's before its users load it. */
function replaceModule(path: string, exports: unknown): void {
  load(path);
  load.cache[load.resolve(path)]!.exports = exports;
}

replaceModule('kafkajs/src/protocol/recordBatch/record/v0/decoder', decodeRecord);
replaceModule('kafkajs/src/protocol/recordBatch/record/v0/index', encodeRecord);

const kafkajs = load('kafkajs') as typeof import('kafkajs');
export const { CompressionCodecs, CompressionTypes, Kafka, logLevel, Partitioners } = kafkajs;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** A batch is at most about 1 MiB on the wire; one that unpacks to more than this is not honest and must not fill the memory. */
const UNPACKED_BYTES_LIMIT = 128 * 2 ** 20;

// kafkajs brings gzip only. zstd is in Node; lz4 and snappy are in neither, and a batch in them ends the consumer with its reason.
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: (encoder: { readonly buffer: Buffer }) => compress(encoder.buffer),
  decompress: (bytes: Buffer) => decompress(bytes, { maxOutputLength: UNPACKED_BYTES_LIMIT }),
});
