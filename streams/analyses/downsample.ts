import type { FrameEncoder } from '../../schemas/codec.ts';
import type { AvroKey, AvroWindowStatistics } from '../../schemas/generated/records.ts';
import type { Aggregate } from '../windowed-task.ts';
import { skipsAllButNumbers } from './max-per-30-seconds.ts';

/** Numbers seen so far. The mean comes from it and from nothing else, so that the order of the values does not matter. */
export interface Statistics {
  count: number;
  min: number;
  max: number;
  /** With the part that adding doubles loses, in `lost` (Neumaier's summation). */
  sum: number;
  lost: number;
}

export interface DownsampleOptions {
  readonly gatewayId: string;
  readonly keys: FrameEncoder<AvroKey>;
  readonly values: FrameEncoder<AvroWindowStatistics>;
}

const STATE_BYTES = 40;
type Numbers = [count: number, min: number, max: number, sum: number, lost: number];

/** Count, smallest, largest and mean of the numbers of each resource in a window, keyed by its endpoint. */
export function downsample({ gatewayId, keys, values }: DownsampleOptions): Aggregate<Statistics> {
  return {
    keyedBy: 'endpoint and path',
    skips: skipsAllButNumbers,
    create: () => ({ count: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY, sum: 0, lost: 0 }),
    update(state, { value }) {
      state.count++;
      if (value < state.min) state.min = value;
      if (value > state.max) state.max = value;
      const sum = state.sum + value;
      state.lost += Math.abs(state.sum) >= Math.abs(value) ? state.sum - sum + value : value - sum + state.sum;
      state.sum = sum;
      return true;
    },
    encode({ count, min, max, sum, lost }) {
      const bytes = Buffer.allocUnsafe(STATE_BYTES);
      for (const [at, number] of [count, min, max, sum, lost].entries()) bytes.writeDoubleBE(number, 8 * at);
      return bytes;
    },
    decode(bytes) {
      if (bytes.length !== STATE_BYTES) throw new RangeError('no state of statistics');
      const [count, min, max, sum, lost] = [0, 8, 16, 24, 32].map((at) => bytes.readDoubleBE(at)) as Numbers;
      return { count, min, max, sum, lost };
    },
    emit(out, { ep, path, startMs, endMs, state }) {
      const { count, min, max } = state;
      const window = { windowStart: startMs, windowEnd: endMs, count, min, max, mean: meanOf(state) };
      out.output(keys.encode({ ep }), values.encode({ serverId: gatewayId, ep, path, ...window }));
    },
  };
}

/** Finite even where the sum is not, and never outside of what it is the mean of. */
export function meanOf({ count, min, max, sum, lost }: Statistics): number {
  const mean = (sum + lost) / count;
  return Number.isFinite(mean) ? Math.min(max, Math.max(min, mean)) : min / 2 + max / 2;
}
