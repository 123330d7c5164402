import assert from 'node:assert/strict';
import { avroType } from '../../../schemas/avro-types.ts';
import { FRAME_BYTES } from '../../../schemas/codec.ts';
import type { AvroWindowStatistics } from '../../../schemas/generated/records.ts';
import { downsample, meanOf } from '../../../streams/analyses/downsample.ts';
import type { WindowShape } from '../../../streams/state/window-store.ts';
import { type Emission, WindowedTask } from '../../../streams/windowed-task.ts';
import { Bench, encoder, KEY, knowingReader, number, observe, single } from './sample.ts';

const STATISTICS = 'io.zeelos.analytics.AvroWindowStatistics';
const S = 1_000;
const T0 = 1_700_000_000_000;
const MINUTE: WindowShape = { sizeMs: 60 * S, advanceMs: 60 * S, graceMs: 10 * S };

function task(shape = MINUTE, emission: Emission = 'updates', entriesLimit = 100) {
  const aggregate = downsample({ gatewayId: 'gw', keys: encoder(KEY), values: encoder(STATISTICS) });
  return new WindowedTask({ aggregate, shape, emission, entriesLimit });
}

/** `<ep> <start in seconds>: <count> <min> <max> <mean>` */
function said(bench: Bench): string[] {
  const type = avroType(STATISTICS);
  return bench.outputs.map(({ value }) => {
    const { ep, windowStart, count, min, max, mean } = type.decode(value, FRAME_BYTES).value as AvroWindowStatistics;
    return `${ep} ${(windowStart - T0) / S}: ${count} ${min} ${max} ${mean}`;
  });
}

describe('streams/windows', () => {
  const reader = knowingReader();

  it('starts tumbling windows at multiples of their length and tells each change once a flush', async () => {
    const windows = task();
    const bench = new Bench(windows, await reader);
    for (const [value, at] of [
      [1, 0],
      [3, 5],
      [8, 39],
      [5, 40],
    ] as const)
      bench.give(number('a', value, T0 + at * S));
    bench.flush();
    bench.flush();
    // T0 is 20 seconds into a minute.
    assert.deepEqual(said(bench), ['a -20: 3 1 8 4', 'a 40: 1 5 5 5']);
    bench.give(number('a', 0, T0 + 41 * S));
    bench.flush();
    assert.deepEqual(said(bench).slice(2), ['a 40: 2 0 5 2.5']);
  });

  it('puts a value into each hopping window that it lies in', async () => {
    const windows = task({ sizeMs: 60 * S, advanceMs: 20 * S, graceMs: 0 });
    const bench = new Bench(windows, await reader);
    bench.give(number('a', 2, T0));
    bench.flush();
    assert.deepEqual(said(bench), ['a 0: 1 2 2 2', 'a -20: 1 2 2 2', 'a -40: 1 2 2 2']);
  });

  it('takes what comes within the grace, and counts as late what comes after it', async () => {
    const windows = task(MINUTE, 'final');
    const bench = new Bench(windows, await reader);
    bench.give(number('a', 1, T0));
    bench.give(number('b', 1, T0 + 49 * S));
    bench.give(number('a', 2, T0 + 1 * S));
    assert.equal(windows.skips.late, 0);
    // The window ends at 40 s; its last moment is 50 s.
    bench.give(number('b', 1, T0 + 50 * S));
    bench.give(number('a', 3, T0 + 2 * S));
    assert.equal(windows.skips.late, 1);
    bench.flush();
    assert.deepEqual(said(bench), ['a -20: 2 1 2 1.5']);
  });

  it('lets a clock that is ahead close nothing: time goes no further than the record', async () => {
    const windows = task();
    const bench = new Bench(windows, await reader);
    bench.give(number('ahead', 1, T0 + 3_000 * S), T0);
    bench.give(number('far-ahead', 1, T0 + 4_000 * S), T0);
    bench.give(number('a', 2, T0));
    assert.deepEqual([windows.skips.late, windows.skips.from_future], [0, 1]);
    assert.equal(windows.clock.streamTimeMs, T0);
  });

  it('writes to the changelog what it holds and takes back what is closed', async () => {
    const windows = task(MINUTE, 'final');
    const bench = new Bench(windows, await reader);
    bench.give(number('a', 1, T0));
    bench.give(number('b', 2, T0));
    bench.flush();
    assert.equal(bench.changelog.size, 2);
    bench.give(number('a', 5, T0 + 60 * S));
    bench.flush();
    assert.equal(bench.changelog.size, 1);
    assert.deepEqual(said(bench), ['a -20: 1 1 1 1', 'b -20: 1 2 2 2']);
    assert.deepEqual([windows.entries, windows.unflushed], [1, 0]);
  });

  it('writes no forgetting of what the changelog never had', async () => {
    const windows = task(MINUTE, 'final');
    const bench = new Bench(windows, await reader);
    bench.give(number('a', 1, T0));
    bench.give(number('a', 1, T0 + 60 * S));
    const changes: (Buffer | null)[] = [];
    windows.flush({ output: () => undefined, change: (_, value) => changes.push(value) });
    assert.equal(changes.filter((value) => value === null).length, 0);
    assert.equal(changes.length, 1);
  });

  it('goes on from its changelog as if nothing had happened', async () => {
    const [one, other] = [task(), task()];
    const bench = new Bench(one, await reader);
    bench.give(number('a', 1, T0));
    bench.give(number('b', 7, T0 + 49 * S));
    bench.flush();
    bench.restoreInto(other);
    assert.equal(other.entries, one.entries);
    const again = new Bench(other, await reader);
    again.give(number('a', 5, T0 + 1 * S));
    again.give(number('b', 7, T0 + 51 * S));
    again.give(number('a', 9, T0 + 2 * S));
    again.flush();
    assert.equal(other.skips.late, 1);
    assert.deepEqual(said(again).sort(), ['a -20: 2 1 5 3', 'b 40: 2 7 7 7']);
  });

  it('forgets a window whose keys the changelog forgot', async () => {
    const windows = task();
    const bench = new Bench(windows, await reader);
    bench.give(number('a', 1, T0));
    bench.flush();
    const restored = task();
    const [[key, value]] = [...bench.changelog] as [[string, Buffer]];
    const bytes = Buffer.from(key, 'latin1');
    restored.restore(bytes, value);
    restored.restore(bytes, null);
    assert.equal(restored.entries, 0);
    restored.restore(bytes, value);
    assert.equal(restored.entries, 1);
  });

  it('closes the oldest window before its time when there is no room, and refuses keys when there is no older one', async () => {
    const windows = task({ ...MINUTE, graceMs: 3_600 * S }, 'final', 3);
    const bench = new Bench(windows, await reader);
    for (const ep of ['a', 'b']) bench.give(number(ep, 1, T0));
    for (const ep of ['a', 'b']) bench.give(number(ep, 2, T0 + 60 * S));
    // Room for b in the second window came from the first.
    assert.deepEqual([windows.entries, windows.skips.state_full], [2, 0]);
    bench.give(number('a', 9, T0));
    assert.equal(windows.skips.late, 1);
    for (const ep of ['c', 'd']) bench.give(number(ep, 3, T0 + 60 * S));
    assert.deepEqual([windows.entries, windows.skips.state_full], [3, 1]);
    bench.flush();
    assert.deepEqual(said(bench), ['a -20: 1 1 1 1', 'b -20: 1 1 1 1']);
    assert.equal(windows.clock.closedThroughMs, T0 - 20 * S);
  });

  it('has room for many open windows, and closes the oldest of them first', async () => {
    const open = 2_000;
    const windows = task({ sizeMs: S, advanceMs: S, graceMs: 86_400 * S * 7 }, 'final', open);
    const bench = new Bench(windows, await reader);
    for (let i = open; i > 0; i--) bench.give(number('a', 1, T0 + i * S), T0 + open * S);
    assert.deepEqual([windows.entries, windows.skips.state_full], [open, 0]);
    bench.give(number('a', 1, T0 + (open + 1) * S));
    assert.deepEqual([windows.entries, windows.clock.closedThroughMs], [open, T0 + S]);
    bench.flush();
    assert.deepEqual(said(bench), ['a 1: 1 1 1 1']);
  });

  it('closes the windows that are due in the order of their time, whatever the order in which they were opened', async () => {
    const windows = task({ sizeMs: 10 * S, advanceMs: 10 * S, graceMs: 60 * S }, 'final');
    const bench = new Bench(windows, await reader);
    for (const at of [30, 0, 50, 20, 40, 10]) bench.give(number('a', at, T0 + at * S), T0 + 50 * S);
    bench.give(number('a', 0, T0 + 110 * S));
    bench.flush();
    assert.deepEqual(
      said(bench).map((text) => text.split(':')[0]),
      ['a 0', 'a 10', 'a 20', 'a 30', 'a 40'],
    );
  });

  it('passes over names that are longer than any, and keeps no record that is', async () => {
    const windows = task();
    const bench = new Bench(windows, await reader);
    bench.give(number('n'.repeat(1_000), 1, T0, '/3303/0/5700'));
    bench.give(number('n'.repeat(1_020), 1, T0, '/3303/0/5700'));
    assert.deepEqual([windows.skips.too_long, windows.entries], [1, 1]);
  });

  it('refuses what is none of its changelog', () => {
    const windows = task();
    const key = (start: number, rest: string) => {
      const bytes = Buffer.alloc(8 + rest.length, rest, 'latin1');
      bytes.writeBigInt64BE(BigInt(start));
      bytes.write(rest, 8, 'latin1');
      return bytes;
    };
    const state = Buffer.alloc(40);
    for (const [bytes, value] of [
      [Buffer.from('short'), state],
      [key(T0 - 20 * S, 'a without a path'), state],
      [key(T0, 'a\0/3303/0/5700'), state],
      [key(T0 - 20 * S, 'a\0/3303/0/5700'), Buffer.alloc(39)],
    ] as const)
      assert.throws(() => windows.restore(bytes, value), RangeError);
    windows.restore(key(T0 - 20 * S, 'a\0/3303/0/5700'), state);
    assert.equal(windows.entries, 1);
  });

  it('counts what holds no single number', async () => {
    const windows = task();
    const bench = new Bench(windows, await reader);
    bench.give(observe('a', '/3/0/1', T0, single('/3/0/1', { string: 'x' })));
    bench.flush();
    assert.deepEqual([windows.skips.not_numeric, bench.outputs.length, windows.entries], [1, 0, 0]);
  });

  it('has a mean that is finite and lies between its values', () => {
    assert.equal(
      meanOf({ count: 2, min: 1e308, max: 1.5e308, sum: Number.POSITIVE_INFINITY, lost: Number.NaN }),
      1.25e308,
    );
    assert.equal(meanOf({ count: 3, min: 0.1, max: 0.1, sum: 0.30000000000000004, lost: 0 }), 0.1);
  });
});
