import { encodeBatch, encodeRecords } from '../../common/kafka/record-batch.ts';
import { avroType } from '../../schemas/avro-types.ts';
import { FrameEncoder } from '../../schemas/codec.ts';

const KEY_SCHEMA_ID = 1;
const VALUE_SCHEMA_ID = 2;
const STARTED_AT_MS = 1_763_700_000_000;
const RESOURCE = 'io.zeelos.leshan.avro.resource.AvroResource';
const READ_BODY = 'io.zeelos.leshan.avro.response.AvroReadResponseBody';
const MEAN_MS_BETWEEN = 2;

/** What the server writes for one notification each: a batch with one record, of a fleet whose devices take turns at random. */
export function observationBatches(count: number, devices: number): Buffer {
  const keys = new FrameEncoder(avroType('io.zeelos.leshan.avro.AvroKey'), KEY_SCHEMA_ID);
  const values = new FrameEncoder(avroType('io.zeelos.leshan.avro.response.AvroResponseObserve'), VALUE_SCHEMA_ID);
  const random = randomFrom(20_251_121);
  const fleet = Array.from({ length: devices }, (_, index) => ({
    ep: `urn:dev:ops:0018B2-${String(100_000 + index * 7919).slice(-6)}`,
    token:
      Math.floor(random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0') +
      Math.floor(random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    value: 15 + random() * 10,
    sequence: Math.floor(random() * 1000),
  }));
  let timestamp = STARTED_AT_MS;
  const batches: Buffer[] = [];
  for (let offset = 0; offset < count; offset++) {
    const device = fleet[Math.floor(random() * devices)]!;
    timestamp += Math.floor(random() * 2 * MEAN_MS_BETWEEN);
    device.value = Math.round((device.value + random() - 0.5) * 100) / 100;
    device.sequence++;
    const path = '/3303/0/5700';
    const content = {
      id: 5700,
      path,
      kind: 'SINGLE_RESOURCE' as const,
      type: 'FLOAT' as const,
      value: { double: device.value },
    };
    const value = values.encode({
      ticket: 'unset',
      observationId: device.token,
      serverId: 'site-0042',
      ep: device.ep,
      path,
      timestamp,
      rep: { code: 'CONTENT', kind: 'observe', body: { [READ_BODY]: { content: { [RESOURCE]: content } } } },
      seq: { long: device.sequence * 65_536 + Math.floor(random() * 65_536) },
    });
    batches.push(batchOf(offset, timestamp, keys.encode({ ep: device.ep }), value));
  }
  return Buffer.concat(batches);
}

function batchOf(offset: number, timestampMs: number, key: Buffer, value: Buffer): Buffer {
  const header = {
    attributes: 0,
    lastOffsetDelta: 0,
    firstTimestamp: BigInt(timestampMs),
    maxTimestamp: BigInt(timestampMs),
    producerId: 1n,
    producerEpoch: 0,
    firstSequence: offset,
    recordCount: 1,
  };
  const batch = encodeBatch(header, encodeRecords([{ offsetDelta: 0, timestampDelta: 0, key, value }]));
  batch.writeBigInt64BE(BigInt(offset));
  return batch;
}

/** The same numbers in each run (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
