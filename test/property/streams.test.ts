import assert from 'node:assert/strict';
import fc from 'fast-check';
import { assignSticky } from '../../common/kafka/sticky-assigner.ts';
import { avroType } from '../../schemas/avro-types.ts';
import { FRAME_BYTES } from '../../schemas/codec.ts';
import type { AvroWindowStatistics } from '../../schemas/generated/records.ts';
import { parseAlarmRules } from '../../streams/analyses/alarm-rules.ts';
import { Alarms } from '../../streams/analyses/alarms.ts';
import { downsample } from '../../streams/analyses/downsample.ts';
import { maximum } from '../../streams/analyses/max-per-30-seconds.ts';
import { CONTENT, ObservationView } from '../../streams/observation-view.ts';
import { ByteKeyTable } from '../../streams/state/byte-key-table.ts';
import { StartHeap } from '../../streams/state/start-heap.ts';
import { type Aggregate, type Emission, WindowedTask } from '../../streams/windowed-task.ts';
import { Bench, encoder, KEY, knowingReader, number, OBSERVE, SCHEMA_ID } from '../unit/streams/sample.ts';
import { resultOrCode } from './coded-errors.ts';

const ALARM = 'io.zeelos.analytics.AvroAlarm';
const STATISTICS = 'io.zeelos.analytics.AvroWindowStatistics';
const T0 = 1_700_000_000_000;
const GRACE_MS = 20_000;
const END = T0 + 10_000_000;

const readings = fc.array(
  fc.record({
    ep: fc.constantFrom('a', 'b', 'ab', 'b.'),
    path: fc.constantFrom('/3303/0/5700', '/3303/1/5700'),
    // Halves, so that sums are exact in any order.
    value: fc.integer({ min: -2_000, max: 2_000 }).map((half) => half / 2),
    at: fc.integer({ min: 0, max: 120_000 }),
  }),
  { maxLength: 60 },
);

/** Another order of the same readings in which none comes later than the grace after the newest before it. */
function disordered<T extends { readonly at: number }>(of: readonly T[], delays: readonly number[]): T[] {
  return of
    .map((reading, i) => ({ reading, arrives: reading.at + (delays[i % Math.max(1, delays.length)] ?? 0) }))
    .sort((one, other) => one.arrives - other.arrives)
    .map(({ reading }) => reading);
}

const aggregates: Readonly<Record<string, (reader: Awaited<ReturnType<typeof knowingReader>>) => Aggregate<never>>> = {
  statistics: () =>
    downsample({ gatewayId: 'gw', keys: encoder(KEY), values: encoder(STATISTICS) }) as unknown as Aggregate<never>,
  maxima: (reader) =>
    maximum({
      keys: encoder(KEY),
      values: encoder(OBSERVE),
      decode: (frame) => reader.decodeFrame(frame),
    }) as unknown as Aggregate<never>,
};

function taskOf(aggregate: Aggregate<never>, emission: Emission): WindowedTask<never> {
  const shape = { sizeMs: 30_000, advanceMs: 10_000, graceMs: GRACE_MS };
  return new WindowedTask({ aggregate, shape, emission, entriesLimit: 10_000 });
}

describe('property: streams', () => {
  const known = knowingReader();

  for (const [name, make] of Object.entries(aggregates)) {
    it(`${name}: any order within the grace gives the same results, with flushes and restarts anywhere`, async () => {
      const reader = await known;
      const run = (of: readonly { ep: string; path: string; value: number; at: number }[], restartEvery: number) => {
        let task = taskOf(make(reader), 'final');
        let bench = new Bench(task, reader);
        const outputs: string[] = [];
        for (const [i, { ep, path, value, at }] of of.entries()) {
          bench.give(number(ep, value, T0 + at, path), T0 + 200_000);
          if ((i + 1) % restartEvery !== 0) continue;
          bench.flush();
          outputs.push(
            ...bench.outputs.splice(0).map(({ key, value: bytes }) => key.toString('hex') + bytes.toString('hex')),
          );
          const fresh = taskOf(make(reader), 'final');
          bench.restoreInto(fresh);
          const next = new Bench(fresh, reader);
          for (const [key, change] of bench.changelog) next.changelog.set(key, change);
          assert.equal(task.skips.late, 0);
          [task, bench] = [fresh, next];
        }
        bench.give(number('end', 0, END));
        bench.flush();
        outputs.push(...bench.outputs.map(({ key, value: bytes }) => key.toString('hex') + bytes.toString('hex')));
        assert.equal(task.skips.late, 0);
        return outputs.sort();
      };
      fc.assert(
        fc.property(
          readings,
          fc.array(fc.integer({ min: 0, max: GRACE_MS })),
          fc.integer({ min: 1, max: 10 }),
          (given, delays, restartEvery) => {
            // Equal values of one resource at one time are the same record twice: nobody can tell which is kept.
            const inOrder = [...given].sort((one, other) => one.at - other.at);
            assert.deepEqual(run(disordered(inOrder, delays), restartEvery), run(inOrder, 1_000));
          },
        ),
      );
    });
  }

  it('any interleaving of partitions gives the same results', async () => {
    const reader = await known;
    const partitionOf = (ep: string) => ep.length % 2;
    fc.assert(
      fc.property(readings, fc.array(fc.boolean(), { maxLength: 60 }), (given, turns) => {
        const inOrder = [...given].sort((one, other) => one.at - other.at);
        const run = (choose: (i: number) => number) => {
          const aggregate = aggregates.statistics!(reader);
          const benches = [0, 1].map(() => new Bench(taskOf(aggregate, 'final'), reader));
          const queues = [0, 1].map((partition) => inOrder.filter(({ ep }) => partitionOf(ep) === partition));
          for (let i = 0; queues.some((queue) => queue.length > 0); i++) {
            const first = choose(i);
            const partition = queues[first]!.length > 0 ? first : 1 - first;
            const { ep, path, value, at } = queues[partition]!.shift()!;
            benches[partition]!.give(number(ep, value, T0 + at, path));
            if (i % 7 === 0) benches[partition]!.flush();
          }
          for (const bench of benches) bench.give(number('end', 0, END));
          for (const bench of benches) bench.flush();
          return benches.flatMap((bench) => bench.outputs.map(({ value }) => value.toString('hex'))).sort();
        };
        assert.deepEqual(
          run((i) => Number(turns[i] ?? false)),
          run(() => 0),
        );
      }),
    );
  });

  it('alarms by value are the same with restarts anywhere', async () => {
    const reader = await known;
    const rules = parseAlarmRules(
      {
        rules: [
          { name: 'hot', kind: 'threshold', path: '/3303/*/5700', above: 200, clearsAt: 100 },
          { name: 'jump', kind: 'rate', endpoint: 'a*', path: '/3303/*/5700', perSecond: 50, clearsAt: 5 },
        ],
      },
      'test',
    );
    const make = () =>
      new Alarms({ gatewayId: 'gw', rules, keys: encoder(KEY), values: encoder(ALARM), entriesLimit: 1_000 });
    const run = (of: readonly { ep: string; path: string; value: number; at: number }[], restartEvery: number) => {
      const outputs: string[] = [];
      let bench = new Bench(make(), reader);
      for (const [i, { ep, path, value, at }] of of.entries()) {
        bench.give(number(ep, value, T0 + at, path), T0 + 200_000);
        if ((i + 1) % restartEvery !== 0) continue;
        bench.flush();
        outputs.push(...bench.outputs.map((one) => one.value.toString('hex')));
        const fresh = make();
        bench.restoreInto(fresh);
        const next = new Bench(fresh, reader);
        for (const [key, change] of bench.changelog) next.changelog.set(key, change);
        bench = next;
      }
      bench.flush();
      return [...outputs, ...bench.outputs.map((one) => one.value.toString('hex'))];
    };
    fc.assert(
      fc.property(readings, fc.integer({ min: 1, max: 10 }), (given, restartEvery) =>
        assert.deepEqual(run(given, restartEvery), run(given, 1_000)),
      ),
    );
  });

  it('a heap of starts gives them back in order', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer({ min: -50, max: 50 }))), (steps) => {
        const heap = new StartHeap();
        const plain: number[] = [];
        for (const start of steps) {
          if (start === null) {
            heap.removeLeast();
            plain.shift();
          } else {
            heap.add(start);
            plain.push(start);
            plain.sort((one, other) => one - other);
          }
          assert.equal(heap.least, plain[0]);
        }
      }),
    );
  });

  it('windows of statistics agree with the plain computation', async () => {
    const reader = await known;
    fc.assert(
      fc.property(readings, (given) => {
        const bench = new Bench(taskOf(aggregates.statistics!(reader), 'updates'), reader);
        const inOrder = [...given].sort((one, other) => one.at - other.at);
        for (const { ep, path, value, at } of inOrder) bench.give(number(ep, value, T0 + at, path), T0 + 200_000);
        bench.flush();
        for (const { value: bytes } of bench.outputs) {
          const of = avroType(STATISTICS).decode(bytes, FRAME_BYTES).value as AvroWindowStatistics;
          const inside = given.filter(
            ({ ep, path, at }) =>
              ep === of.ep && path === of.path && T0 + at >= of.windowStart && T0 + at < of.windowEnd,
          );
          const values = inside.map(({ value }) => value);
          assert.deepEqual(
            [of.count, of.min, of.max, of.mean],
            [
              values.length,
              Math.min(...values),
              Math.max(...values),
              values.reduce((sum, value) => sum + value, 0) / values.length,
            ],
          );
        }
        assert.ok(given.length === 0 || bench.outputs.length > 0);
      }),
    );
  });

  it('a view reads random bytes and damaged records without a crash: a view or a coded error', async () => {
    const reader = await known;
    const view = new ObservationView();
    const whole = encoder(OBSERVE).encode(number('sensor', 1.5, T0));
    const read = (bytes: Buffer) => {
      const viewed = resultOrCode(['AVRO_FRAME', 'AVRO_INVALID'], () => {
        assert.equal(reader.read(view, bytes, 0, bytes.length), undefined);
        return true;
      });
      // What the view takes for a single value can be decoded whole, later.
      if (viewed && (view.content === CONTENT.number || view.content === CONTENT.other))
        reader.decodeFrame(view.copy());
    };
    const header = Buffer.from([0, 0, 0, 0, SCHEMA_ID]);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => read(Buffer.concat([header, bytes]))));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Buffer.from(whole);
        if (at >= 5) damaged[at] = byte;
        read(damaged);
      }),
    );
  });

  it('a table of keys numbers them as a map does', () => {
    const part = fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes.map((byte) => (byte % 3) + 1)));
    fc.assert(
      fc.property(fc.array(fc.tuple(part, part), { maxLength: 300 }), (keys) => {
        const table = new ByteKeyTable();
        const plain = new Map<string, number>();
        for (const [one, two] of keys) {
          const joined = Buffer.concat([one, Buffer.from([0]), two]);
          const bytes = Buffer.concat([one, two]);
          const at = [0, one.length, one.length, bytes.length] as const;
          const found = table.find(bytes, ...at);
          assert.equal(found, plain.get(joined.toString('hex')) ?? -1);
          if (found >= 0) continue;
          plain.set(joined.toString('hex'), table.add(bytes, ...at));
          assert.equal(table.size, plain.size);
        }
        for (const [hex, index] of plain) {
          assert.equal(table.keyOf(index).toString('hex'), hex);
          assert.equal(table.intern(Buffer.from(hex, 'hex')), index);
        }
      }),
    );
  });

  it('partitions are shared out whole and evenly, and no more move than must', () => {
    const shares = fc.array(fc.uniqueArray(fc.nat(20), { maxLength: 12 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.nat(16), shares, (count, held) => {
        const partitions = Array.from({ length: count }, (_, partition) => partition);
        const after = assignSticky(partitions, new Map(held.map((own, i) => [`m${i}`, own])));
        assert.deepEqual(
          [...after.values()].flat().sort((a, b) => a - b),
          partitions,
        );
        const sizes = [...after.values()].map((own) => own.length);
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
        // Told the same again, nothing moves.
        assert.deepEqual(assignSticky(partitions, after), after);
        // Who held no more than the smaller share keeps all that nobody else named.
        const least = Math.floor(count / held.length);
        for (const [i, own] of held.entries()) {
          const alone = own.filter((one) => one < count && !held.some((others, j) => j !== i && others.includes(one)));
          if (own.length <= least) for (const one of alone) assert.ok(after.get(`m${i}`)!.includes(one));
        }
      }),
    );
  });
});
