import { type FrameEncoder, schemaIdOf } from '../../schemas/codec.ts';
import type { AvroKey, AvroResponseObserve } from '../../schemas/generated/records.ts';
import { CONTENT, type ObservationView } from '../observation-view.ts';
import type { Emitter, SkipReason } from '../stream-task.ts';
import type { Aggregate, WindowResult } from '../windowed-task.ts';

/** The largest number so far, and the record that brought it. */
export interface Maximum {
  value: number;
  timestamp: number;
  /** The framed record. */
  record: Buffer;
}

export interface MaximumOptions {
  readonly keys: FrameEncoder<AvroKey>;
  readonly values: FrameEncoder<AvroResponseObserve>;
  decode(frame: Buffer): AvroResponseObserve;
}

export const MAX_WINDOW_MS = 30_000;
const SUFFIX = '-max';
const STATE_HEADER_BYTES = 16;
/** A record with one number has some hundred bytes; with the limit of keys this bounds the memory. */
const RECORD_LIMIT_BYTES = 16_384;

/**
 * The observation with the greatest number of each resource in 30 seconds; of equal numbers the newest. It goes out as it came, with
 * `-max` behind its paths, under the key `<endpoint>.<path>` followed by the start of the window (64 bits, ms since 1970).
 */
export function maximum(o: MaximumOptions): Aggregate<Maximum> {
  return {
    keyedBy: 'endpoint and path',
    skips: (observation) => skipsAllButNumbers(observation) ?? (isLong(observation) ? 'too_long' : undefined),
    create: () => ({ value: Number.NEGATIVE_INFINITY, timestamp: Number.NEGATIVE_INFINITY, record: NO_RECORD }),
    update(state, observation) {
      const { value, timestamp } = observation;
      if (value < state.value || (value === state.value && timestamp < state.timestamp)) return false;
      state.value = value;
      state.timestamp = timestamp;
      state.record = observation.copy(state.record);
      return true;
    },
    encode({ value, timestamp, record }) {
      const bytes = Buffer.allocUnsafe(STATE_HEADER_BYTES + record.length);
      bytes.writeDoubleBE(value, 0);
      bytes.writeDoubleBE(timestamp, 8);
      bytes.set(record, STATE_HEADER_BYTES);
      return bytes;
    },
    decode(bytes) {
      const record = Buffer.from(bytes.subarray(STATE_HEADER_BYTES));
      if (schemaIdOf(record) === undefined) throw new RangeError('no state of a maximum');
      return { value: bytes.readDoubleBE(0), timestamp: bytes.readDoubleBE(8), record };
    },
    emit: (out: Emitter, result: WindowResult<Maximum>) =>
      out.output(windowedKey(o.keys, result), o.values.encode(withSuffix(o.decode(result.state.record)))),
  };
}

const NO_RECORD = Buffer.alloc(0);

function isLong({ start, end }: ObservationView): boolean {
  return end - start > RECORD_LIMIT_BYTES;
}

export function skipsAllButNumbers({ content }: ObservationView): SkipReason | undefined {
  if (content === CONTENT.number) return undefined;
  if (content === CONTENT.several) return 'not_single';
  return content === CONTENT.none ? 'no_value' : 'not_numeric';
}

/** Avro bytes and start of the window, as Kafka Streams writes a windowed key. */
function windowedKey(keys: FrameEncoder<AvroKey>, { ep, path, startMs }: WindowResult<unknown>): Buffer {
  const frame = keys.encode({ ep: `${ep}.${path}` });
  const key = Buffer.allocUnsafe(frame.length + 8);
  frame.copy(key);
  key.writeBigInt64BE(BigInt(startMs), frame.length);
  return key;
}

function withSuffix(observation: AvroResponseObserve): AvroResponseObserve {
  const path = `${observation.path}${SUFFIX}`;
  const read = observation.rep.body as { readonly [READ]: { readonly content: { readonly [RESOURCE]: object } } };
  const resource = { ...read[READ].content[RESOURCE], path };
  const body = { [READ]: { content: { [RESOURCE]: resource } } };
  return { ...observation, path, rep: { ...observation.rep, body } } as unknown as AvroResponseObserve;
}

const READ = 'io.zeelos.leshan.avro.response.AvroReadResponseBody';
const RESOURCE = 'io.zeelos.leshan.avro.resource.AvroResource';
